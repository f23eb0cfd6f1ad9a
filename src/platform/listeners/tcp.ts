import { createServer, type Server, type ServerOpts, type Socket } from 'node:net'
import { addressesOf } from '../config/addresses.ts'
import type { Clock } from '../capability.ts'
import type { OpenListener, TcpLimits, TcpOptions } from './opening.ts'
import { ListenerTakenError } from './taken-error.ts'

/** What holds where a capability does not say more. */
export const TCP_LIMITS: TcpLimits = {
  connectionsMax: 1_000,
  connectionsPerAddressMax: 250,
  messageBytesMax: 1024 * 1024,
  idleMs: 600_000,
}

/** A listener that was opened here: it can be closed, and says what it had to refuse. */
export interface Opened extends OpenListener {
  connectionCount(): number
  /** By the name of the limit. */
  refused(): Readonly<Record<string, number>>
  close(): Promise<void>
}

export interface OpenOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly clock: Clock
  mayConnect(address: string): boolean
}

/** Opens a TCP listener whose connections and unread bytes are bounded. Throws `ListenerTakenError`. */
export async function openTcp(at: OpenOptions, options: TcpOptions): Promise<Opened> {
  const limits = { ...TCP_LIMITS, ...options.limits }
  let tooMuch = 0
  const opened = await openSockets(at, limits, (socket) => {
    endWhenIdle(socket, limits.idleMs, at.clock)
    const address = socket.remoteAddress ?? ''
    readMessages(socket, address, limits.messageBytesMax, options, () => tooMuch++)
  })
  return { ...opened, refused: () => ({ ...opened.refused(), messageBytes: tooMuch }) }
}

/** Opens a TCP listener whose connections are bounded, and hands each over. Throws `ListenerTakenError`. */
export async function openSockets(
  at: OpenOptions,
  limits: Pick<TcpLimits, 'connectionsMax' | 'connectionsPerAddressMax'>,
  serve: (socket: Socket) => void,
): Promise<Opened> {
  const connections = new Set<Socket>()
  const byAddress = new Map<string, number>()
  const refused = { address: 0, connections: 0, connectionsPerAddress: 0 }

  function refusalOf(address: string): keyof typeof refused | undefined {
    if (!at.mayConnect(address)) return 'address'
    if (connections.size >= limits.connectionsMax) return 'connections'
    if ((byAddress.get(address) ?? 0) >= limits.connectionsPerAddressMax) {
      return 'connectionsPerAddress'
    }
    return undefined
  }

  function accept(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    socket.on('error', () => {})
    const refusal = refusalOf(address)
    if (refusal !== undefined) {
      refused[refusal]++
      socket.destroy()
      return
    }
    connections.add(socket)
    byAddress.set(address, (byAddress.get(address) ?? 0) + 1)
    socket.on('close', () => {
      connections.delete(socket)
      const left = (byAddress.get(address) ?? 1) - 1
      if (left === 0) byAddress.delete(address)
      else byAddress.set(address, left)
    })
    serve(socket)
  }

  const { port, servers } = await listenAll(at, accept)
  return {
    host: at.host,
    port,
    connectionCount: () => connections.size,
    refused: () => ({ ...refused }),
    async close() {
      const closed = servers.map(
        (server) => new Promise<void>((resolve) => void server.close(() => resolve())),
      )
      for (const socket of connections) socket.destroy()
      await Promise.all(closed)
    },
  }
}

/** One timer a connection, which is looked at again only when it falls due. */
function endWhenIdle(socket: Socket, idleMs: number, clock: Clock): void {
  let lastMs = clock.monotonicMs()
  const look = (): void => {
    const leftMs = lastMs + idleMs - clock.monotonicMs()
    if (leftMs <= 0) socket.destroy()
    else cancel = clock.after(leftMs, look)
  }
  let cancel = clock.after(idleMs, look)
  socket.on('data', () => (lastMs = clock.monotonicMs()))
  socket.on('close', () => cancel())
}

/** Gives the capability what has come, keeps what it does not take, and ends a connection that keeps or is sent too much. */
function readMessages(
  socket: Socket,
  address: string,
  bytesMax: number,
  options: TcpOptions,
  tooMuch: () => void,
): void {
  let rest = Buffer.alloc(0)
  const refuse = (): void => {
    tooMuch()
    socket.destroy()
  }
  const connection = {
    address,
    write(bytes: Uint8Array | string): void {
      if (socket.destroyed) return
      socket.write(bytes)
      if (socket.writableLength > bytesMax) refuse()
    },
    end: () => void socket.end(),
  }
  socket.on('close', () => options.closed?.(connection))
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const taken = options.received(bytes, connection)
    // A copy, so that a few bytes do not keep the whole of a large buffer.
    rest = Buffer.from(bytes.subarray(taken))
    if (rest.length > bytesMax) refuse()
  })
}

/** On every address of the host, all with the port of the first. ::1 is missing on machines without IPv6, and that is no fault. */
export async function listenAll(
  { name, host, port }: Pick<OpenOptions, 'name' | 'host' | 'port'>,
  accept: (socket: Socket) => void,
  how: ServerOpts = {},
): Promise<{ readonly port: number; readonly servers: readonly Server[] }> {
  const [first, ...others] = addressesOf(host)
  const servers = [createServer(how, accept)]
  const opened = await listen(servers[0]!, { name, host: first, port })
  for (const other of others) {
    const server = createServer(how, accept)
    const isOpen = await listen(server, { name, host: other, port: opened }).catch(() => 0)
    if (isOpen !== 0) servers.push(server)
  }
  return { port: opened, servers }
}

async function listen(
  server: Server,
  { name, host, port }: Pick<OpenOptions, 'name' | 'host' | 'port'>,
): Promise<number> {
  const opened = Promise.withResolvers<void>()
  server.on('error', opened.reject)
  server.listen({ host, port, exclusive: true }, opened.resolve)
  try {
    await opened.promise
  } catch (cause) {
    throw new ListenerTakenError(name, { host, port }, 'TCP', cause)
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
