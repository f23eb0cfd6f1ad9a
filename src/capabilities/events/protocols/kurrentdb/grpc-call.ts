import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { encodeGrpcMessage } from '../../../../mechanisms/grpc/grpc.ts'
import { CODE, GrpcError } from './grpc-error.ts'

/** Bytes in front of a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5
/** A client that has not taken so many is not written to any more where nobody waits for it. */
const BEHIND_BYTES = 1024 * 1024

/** One call: messages in, messages out, one end. */
export class GrpcCall {
  readonly headers: IncomingHttpHeaders
  /** Aborts when the client is gone or has cancelled. */
  readonly signal: AbortSignal
  readonly #stream: ServerHttp2Stream
  readonly #messageBytesMax: number
  #hasHead = false

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, messageBytesMax: number) {
    const gone = new AbortController()
    this.#stream = stream
    this.#messageBytesMax = messageBytesMax
    this.headers = headers
    this.signal = gone.signal
    stream.on('close', () => gone.abort())
    stream.on('aborted', () => gone.abort())
    stream.on('error', () => gone.abort())
  }

  get localAddress(): { readonly host: string; readonly port: number } {
    const { localAddress = '127.0.0.1', localPort = 0 } = this.#stream.session?.socket ?? {}
    return { host: localAddress, port: localPort }
  }

  get remoteAddress(): string {
    const { remoteAddress = '', remotePort = 0 } = this.#stream.session?.socket ?? {}
    return `${remoteAddress}:${remotePort}`
  }

  /** Every message of the client. Throws `GrpcError` for one that is too large, compressed or cut off. */
  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {
    // Of a message that comes in pieces, so that each byte is copied once.
    let pieces: Buffer[] = []
    let bytes = 0
    let wanted = PREFIX_BYTES
    // Whoever has read enough still answers.
    for await (const piece of this.#stream.iterator({ destroyOnReturn: false })) {
      pieces.push(piece as Buffer)
      bytes += (piece as Buffer).length
      if (bytes < wanted) continue
      const rest: Buffer = pieces.length === 1 ? (piece as Buffer) : Buffer.concat(pieces, bytes)
      let at = 0
      wanted = PREFIX_BYTES
      while (rest.length - at >= PREFIX_BYTES) {
        const length = this.#lengthAt(rest, at)
        if (rest.length - at - PREFIX_BYTES < length) {
          wanted = PREFIX_BYTES + length
          break
        }
        yield rest.subarray(at + PREFIX_BYTES, at + PREFIX_BYTES + length)
        at += PREFIX_BYTES + length
      }
      bytes = rest.length - at
      pieces = bytes === 0 ? [] : [rest.subarray(at)]
    }
    if (bytes > 0) throw new GrpcError(CODE.invalidArgument, 'the last message is cut off')
  }

  /** Of the message whose prefix begins at `at`. */
  #lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1)
    if (bytes[at] !== 0) throw new GrpcError(CODE.unimplemented, 'no compression is understood')
    if (length <= this.#messageBytesMax) return length
    throw new GrpcError(
      CODE.resourceExhausted,
      `a message has ${length} bytes, at most ${this.#messageBytesMax} are taken`,
    )
  }

  /** The one message of a unary call. */
  async message(): Promise<Uint8Array> {
    for await (const message of this.messages()) return message
    throw new GrpcError(CODE.invalidArgument, 'there is no message')
  }

  /** Whether more waits for the client than it should take at once. */
  get isBehind(): boolean {
    return this.#stream.writableLength > BEHIND_BYTES
  }

  /** Calls back when the client has taken all that was written. */
  onTaken(listener: () => void): void {
    this.#stream.on('drain', listener)
  }

  /** Whether the client takes more at once. */
  write(...messages: readonly Uint8Array[]): boolean {
    if (this.#stream.destroyed || this.#stream.closed) return true
    this.#head()
    let bytes = 0
    for (const { length } of messages) bytes += PREFIX_BYTES + length
    const framed = Buffer.allocUnsafe(bytes)
    let at = 0
    for (const message of messages) {
      framed[at] = 0
      framed.writeUInt32BE(message.length, at + 1)
      framed.set(message, at + PREFIX_BYTES)
      at += PREFIX_BYTES + message.length
    }
    return this.#stream.write(framed)
  }

  /** Resolves when the client has taken what was written, or is gone. */
  async send(...messages: readonly Uint8Array[]): Promise<void> {
    if (this.write(...messages) || this.signal.aborted) return
    const taken = Promise.withResolvers<void>()
    const go = (): void => {
      this.#stream.off('drain', go)
      this.signal.removeEventListener('abort', go)
      taken.resolve()
    }
    this.#stream.on('drain', go)
    this.signal.addEventListener('abort', go)
    await taken.promise
  }

  /** The end of the call. */
  end(error?: GrpcError): void {
    const stream = this.#stream
    if (stream.destroyed || stream.closed) return
    const trailers = {
      'grpc-status': String(error?.status ?? CODE.ok),
      ...(error === undefined ? {} : { 'grpc-message': encodeGrpcMessage(error.message) }),
      ...error?.trailers,
    }
    if (!this.#hasHead && error !== undefined) {
      // Trailers only: nothing was said before.
      stream.respond({ ...head, ...trailers }, { endStream: true })
    } else {
      this.#head()
      stream.on('wantTrailers', () => stream.sendTrailers(trailers))
      stream.end()
    }
    // A client that still sends is told to stop, and is not waited for.
    if (!stream.readableEnded) stream.resume()
  }

  #head(): void {
    if (this.#hasHead) return
    this.#hasHead = true
    this.#stream.respond(head, { waitForTrailers: true })
  }
}

const head = Object.freeze({ ':status': 200, 'content-type': 'application/grpc+proto' })
