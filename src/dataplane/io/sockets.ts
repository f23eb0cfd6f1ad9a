import { connect, Socket } from 'node:net'

/** Bytes of one read go into a buffer that all sockets of a worker share: one of their own would cost a quarter of a small request's CPU (measured). */
type Received = (length: number) => void

/**
 * The same connection with a shared read buffer: `net.Server` has no such option, and ten thousand idle connections would hold as many
 * buffers.
 */
export function adoptSocket(accepted: Socket, buffer: Buffer, received: Received): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: unknown }
  ;(accepted as unknown as { _handle: unknown })._handle = null
  const socket = new Socket({
    handle,
    allowHalfOpen: true,
    onread: { buffer, callback: deliverTo(received) },
  } as ConstructorParameters<typeof Socket>[0])
  socket.resume()
  return socket
}

/** A connection to `host`:`port` that reads into the shared buffer. */
export function connectSocket(
  host: string,
  port: number,
  buffer: Buffer,
  received: Received,
): Socket {
  return connect({
    host,
    port,
    noDelay: true,
    allowHalfOpen: true,
    onread: { buffer, callback: deliverTo(received) },
  })
}

/**
 * Ends a connection by a reset. A socket that is just closing its writing side cannot be reset (libuv says EINVAL), and Node would then neither close it nor
 * say a word: it is closed in order.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

function deliverTo(received: Received): (length: number) => boolean {
  return (length) => {
    received(length)
    return true
  }
}

/** IPv4 as IPv4, also on a socket for both families. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
