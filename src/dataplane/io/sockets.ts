import { connect, Socket } from 'node:net'
import { streamBinding } from './stream-binding.ts'

/** Bytes of one read go into a buffer that all sockets of a worker share: one of their own would cost a quarter of a small request's CPU (measured). */
export type Received = (length: number) => void

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
  readDirectly(socket, received, null)
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
  const socket = connect({
    host,
    port,
    noDelay: true,
    allowHalfOpen: true,
    onread: { buffer, callback: deliverTo(received) },
  })
  readDirectly(socket, received, null)
  return socket
}

/**
 * Ends a connection by a reset. A socket that is just closing its writing side cannot be reset (libuv says EINVAL), and Node would then neither close it nor
 * say a word: it is closed in order.
 */
export function resetSocket(socket: Socket): void {
  // What is encrypted ends with a word of its own: without it the end is known to be none.
  if ('encrypted' in socket) socket.destroy()
  else if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

function deliverTo(received: Received): (length: number) => boolean {
  return (length) => {
    received(length)
    return true
  }
}

type OnRead = (this: unknown, bytes: unknown) => unknown

interface ReadHandle {
  onread?: OnRead
  useUserBuffer?(buffer: Buffer): void
}

/**
 * Bytes go to `received` without the detour through the stream; its end and its errors are told to the stream as ever. `buffer`: a socket that was made
 * without one is given it. False: this Node cannot, and they come as the stream's data.
 */
export function readDirectly(socket: Socket, received: Received, buffer: Buffer | null): boolean {
  const { _handle: handle } = socket as unknown as { readonly _handle: ReadHandle | null }
  const told = handle?.onread
  if (streamBinding === undefined || handle === null || typeof told !== 'function') return false
  if (buffer !== null) handle.useUserBuffer?.(buffer)
  const { streamBaseState, kReadBytesOrError } = streamBinding
  handle.onread = function read(bytes) {
    const length = streamBaseState[kReadBytesOrError]!
    return length > 0 ? received(length) : told.call(this, bytes)
  }
  return true
}

/** IPv4 as IPv4, also on a socket for both families. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
