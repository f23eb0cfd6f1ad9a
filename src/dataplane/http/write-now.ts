import type { Socket } from 'node:net'
import { getSystemErrorMap } from 'node:util'

/** What Node's own sockets write through. Not documented: each part of it is looked for, and without it all goes through the stream. */
interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest
  readonly streamBaseState: Int32Array
  readonly kLastWriteWasAsync: number
}

interface WriteRequest {
  oncomplete: ((this: WriteRequest, status: number) => void) | undefined
  /** Must not be collected while the kernel has not taken all of it. */
  buffer: Uint8Array | undefined
}

interface Handle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
}

type Written = (error?: Error | null) => void
type Internals = {
  _handle: Handle | null
  _write: (chunk: unknown, encoding: string, written: Written) => void
}

const binding = findBinding()
/** A request that the kernel took at once is never looked at again: the next write uses the same one. */
let spare = binding === undefined ? undefined : new binding.WriteWrap()

/**
 * `socket.write(bytes)` without the stream's bookkeeping (a request object, a callback and a tick for each write: a tenth of a small
 * request's CPU, measured) as long as the kernel takes all of it at once. When it takes a part, the stream is told about the
 * rest: `writableLength`, `drain`, `end` and errors are those of an ordinary write. The bytes may be used again at once if
 * `writableLength` is 0 afterwards.
 */
export function writeNow(socket: Socket, bytes: Uint8Array): void {
  const handle = (socket as unknown as Internals)._handle
  const isPlain = socket.writable && !socket.connecting && socket.writableLength === 0
  if (binding === undefined || !isPlain || typeof handle?.writeBuffer !== 'function') {
    socket.write(bytes)
    return
  }
  const request = (spare ??= new binding.WriteWrap())
  const status = handle.writeBuffer(request, bytes)
  if (status !== 0) return void socket.destroy(writeError(status))
  if (binding.streamBaseState[binding.kLastWriteWasAsync] === 0) return
  spare = undefined
  tellStream(socket, request, bytes)
}

/** The write is under way already: the stream only waits for its end. */
function tellStream(socket: Socket, request: WriteRequest, bytes: Uint8Array): void {
  const internals = socket as unknown as Internals
  const write = internals._write
  request.buffer = bytes
  internals._write = (_chunk, _encoding, written) => {
    request.oncomplete = (status) => {
      request.buffer = undefined
      written(status < 0 ? writeError(status) : null)
    }
  }
  socket.write(bytes)
  internals._write = write
}

function writeError(status: number): Error {
  const [code = 'UNKNOWN', text = 'unknown error'] = getSystemErrorMap().get(status) ?? []
  return Object.assign(new Error(`write ${code}: ${text}`), {
    code,
    errno: status,
    syscall: 'write',
  })
}

function findBinding(): StreamBinding | undefined {
  try {
    const found = (process as unknown as { binding(name: string): Partial<StreamBinding> }).binding(
      'stream_wrap',
    )
    const isWhole =
      typeof found.WriteWrap === 'function' &&
      found.streamBaseState instanceof Int32Array &&
      typeof found.kLastWriteWasAsync === 'number'
    return isWhole ? (found as StreamBinding) : undefined
  } catch {
    return undefined
  }
}
