import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { isIP, isIPv6 } from 'node:net'
import { addressesOf } from '../config/addresses.ts'
import type { UdpOptions } from './opening.ts'
import { ListenerTakenError } from './taken-error.ts'
import type { OpenOptions, Opened } from './tcp.ts'

/** A datagram over UDP has at most this many bytes of content (RFC 768 and the IPv4 header). */
export const DATAGRAM_BYTES_MAX = 65_507

/** Opens a UDP listener. Throws `ListenerTakenError`. */
export async function openUdp(at: OpenOptions, options: UdpOptions): Promise<Opened> {
  const { messageBytesMax = DATAGRAM_BYTES_MAX } = options
  const refused = { address: 0, messageBytes: 0 }

  function open(host: string, port: number): Promise<Socket> {
    const type = isIPv6(host) ? 'udp6' : 'udp4'
    // Replies go to addresses only: looking them up as names would cost a turn each.
    const lookup: SocketOptions['lookup'] = (address, _, told) => told(null, address, family)
    const family = type === 'udp6' ? 6 : 4
    const socket = createSocket({ type, lookup: isIP(host) === 0 ? undefined : lookup })
    socket.on('message', (message, from) => {
      if (!at.mayConnect(from.address)) refused.address++
      else if (message.length > messageBytesMax) refused.messageBytes++
      else {
        options.received(message, {
          address: from.address,
          port: from.port,
          // Whoever is gone does not hear the answer: that is what datagrams promise.
          reply: (bytes) => socket.send(bytes, from.port, from.address, () => {}),
        })
      }
    })
    return bind(socket, at.name, host, port)
  }

  // localhost is both loopback addresses. ::1 is missing on machines without IPv6, and that is no fault.
  const [host, ...others] = addressesOf(at.host)
  const first = await open(host, at.port)
  const { port } = first.address()
  const more = await Promise.all(others.map((other) => open(other, port).catch(() => undefined)))
  const sockets = [first, ...more.filter((socket) => socket !== undefined)]
  return {
    host: at.host,
    port,
    connectionCount: () => 0,
    refused: () => ({ ...refused }),
    async close() {
      await Promise.all(
        sockets.map((socket) => new Promise<void>((resolve) => void socket.close(resolve))),
      )
    },
  }
}

async function bind(socket: Socket, name: string, host: string, port: number): Promise<Socket> {
  const opened = Promise.withResolvers<void>()
  socket.once('error', opened.reject)
  socket.bind({ address: host, port, exclusive: true }, opened.resolve)
  try {
    await opened.promise
  } catch (cause) {
    throw new ListenerTakenError(name, { host, port }, 'UDP', cause)
  }
  // A refusal of a reply by the network comes back as an error of the socket, and is no reason to close it.
  return socket.off('error', opened.reject).on('error', () => {})
}
