import {
  beginBody,
  type BodyReader,
  createBodyReader,
  readBody,
} from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR } from '../../mechanisms/http1/errors.ts'
import { fieldValue, valueOf } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import {
  createResponseHead,
  FRAMING,
  parseResponseHead,
  type ResponseHead,
} from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import { Base64Reader, trailerFrame, webTypeOf } from '../../mechanisms/grpc/web.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientOf, ClientProtocol, LocalAnswer, Peer, Waiting } from './client-stream.ts'

/** Fields of the instance's answer that are said anew. */
const SAID_ANEW: ReadonlySet<number> = new Set([
  FIELD.contentType,
  FIELD.contentLength,
  FIELD.transferEncoding,
  FIELD.trailer,
  FIELD.connection,
  FIELD.keepAlive,
])
const NO_BYTES = Buffer.alloc(0)
const HEAD_BYTES_MAX = 1024 * 1024

/**
 * A client stream that speaks gRPC-web in front of an instance that speaks gRPC. Messages are the same in both; trailers become the last frame of the body, and of
 * `grpc-web-text` all of it is base64, both ways. Whoever is behind it sees a call of gRPC.
 */
export class GrpcWebStream<E> implements ClientOf<E> {
  /** Decodes the request's body: where that is text, what was read of it last, as frames. */
  readonly body: BodyReader
  readonly isText: boolean
  /** What the instance is told of the type. */
  readonly typeLine: string
  readonly #inner: ClientOf<E>
  readonly #base64 = new Base64Reader()
  readonly #head: ResponseHead
  /** Our own framing of the answer. */
  readonly #answer: BodyReader = createBodyReader()
  /** The instance has answered with something else, such as a page of an error: it is passed on as it is. */
  #isOther = false

  constructor(inner: ClientOf<E>, grpcType: string, isText: boolean, fieldsMax: number) {
    this.#inner = inner
    this.typeLine = `content-type: ${grpcType}\r\n`
    this.isText = isText
    this.#head = createResponseHead(fieldsMax)
    if (!isText) {
      this.body = inner.body
      return
    }
    this.body = createBodyReader()
    beginBody(this.body, FRAMING.frames, 0, inner.body.bodyBytesMax)
    this.body.isDone = inner.body.isDone
  }

  get owner(): E | null {
    return this.#inner.owner
  }

  set owner(owner: E | null) {
    this.#inner.owner = owner
  }

  get protocol(): ClientProtocol {
    return this.#inner.protocol
  }

  get listener(): ClientListener {
    return this.#inner.listener
  }

  get peer(): Peer {
    return this.#inner.peer
  }

  get isHttp10(): boolean {
    return this.#inner.isHttp10
  }

  get outlet(): Waiting {
    return this.#inner.outlet
  }

  /**
   * Reads text of the request: its bytes, and `consumed` of the client's own body says how far that is. The last ones are marked in `body`. Undefined for what is no
   * base64, a negative HEAD_ERROR for broken framing.
   */
  decode(bytes: Buffer, start: number, end: number): Buffer | number | undefined {
    const { body } = this.#inner
    const text = collect(body, bytes, start, end)
    if (typeof text === 'number') return text
    const plain = this.#base64.read(text.toString('latin1'))
    if (plain === undefined || (body.isDone && !this.#base64.isWhole)) return undefined
    this.body.isLast = body.isDone
    return plain
  }

  /** How far `decode` has read. */
  get consumed(): number {
    return this.#inner.body.consumed
  }

  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number {
    const type = webTypeOf(valueOf(bytes, head.fields, 'content-type') ?? '', this.isText)
    if (type === undefined) {
      this.#isOther = true
      return this.#inner.sendHead(head, bytes, start, end, body, rewrite)
    }
    // Nothing but a head: its fields say how the call ended.
    const isAll = body.isDone && !hasTrailers(body)
    const payload = isAll ? NO_BYTES : this.#translate(body, bytes, start, end)
    if (typeof payload === 'number') return payload
    const text = headText(head, bytes, type, isAll)
    const all = Buffer.allocUnsafe(text.length + payload.length)
    all.write(text, 0, 'latin1')
    payload.copy(all, text.length)
    const limits = { headBytesMax: HEAD_BYTES_MAX }
    const headEnd = parseResponseHead(all, 0, text.length, limits, this.#head, 'POST')
    if (headEnd !== text.length) return headEnd < 0 ? headEnd : HEAD_ERROR.headTooLarge
    beginBody(this.#answer, isAll ? FRAMING.none : FRAMING.frames, 0, 0)
    this.#answer.isLast = body.isDone
    return this.#inner.sendHead(this.#head, all, headEnd, all.length, this.#answer, rewrite)
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    if (this.#isOther) return this.#inner.sendBody(body, bytes, start, end)
    const payload = this.#translate(body, bytes, start, end)
    if (typeof payload === 'number') return payload
    this.#answer.isLast = body.isDone
    if (payload.length === 0 && !body.isDone) return 0
    return this.#inner.sendBody(this.#answer, payload, 0, payload.length)
  }

  endBody(): void {
    this.#inner.endBody()
  }

  sendLocal(answer: LocalAnswer): void {
    this.#inner.sendLocal(answer)
  }

  sendInterim(head: ResponseHead, bytes: Buffer, rewrite: ResponseRewrite): void {
    this.#inner.sendInterim(head, bytes, rewrite)
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  closeAfterwards(): void {
    this.#inner.closeAfterwards()
  }

  openTunnel(): void {
    throw new TypeError('a call is no tunnel')
  }

  sendRaw(): void {}

  endRaw(): void {}

  release(nowMs: number): void {
    this.#inner.release(nowMs)
  }

  reset(): void {
    this.#inner.reset()
  }

  /** Messages of [start, end), and behind the last one its trailers; a negative HEAD_ERROR. */
  #translate(body: BodyReader, bytes: Buffer, start: number, end: number): Buffer | number {
    const messages = collect(body, bytes, start, end)
    if (typeof messages === 'number') return messages
    const all = body.isDone
      ? Buffer.concat([messages, trailerFrame(body.chunks.trailer, body.dropNames)])
      : messages
    return this.isText ? Buffer.from(all.toString('base64'), 'latin1') : all
  }
}

/** The payload of [start, end), one behind the other; a negative HEAD_ERROR. */
function collect(body: BodyReader, bytes: Buffer, start: number, end: number): Buffer | number {
  const parts: Buffer[] = []
  let at = start
  while (at < end && !body.isDone) {
    at = readBody(body, bytes, at, end)
    if (at < 0) return at
    if (body.payloadEnd > body.payloadStart)
      parts.push(bytes.subarray(body.payloadStart, body.payloadEnd))
  }
  if (body.isLast) body.isDone = true
  body.consumed = at
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function hasTrailers({ chunks: { trailer } }: BodyReader): boolean {
  return trailer.fields !== null && trailer.fields.count > 0
}

/** The answer's head as text, with a type of gRPC-web and a framing of ours. */
function headText(head: ResponseHead, bytes: Buffer, type: string, isAll: boolean): string {
  const { fields, status } = head
  let lines = `HTTP/1.1 ${status} OK\r\ncontent-type: ${type}\r\n`
  for (let at = 0; at < fields.count; at++) {
    if (SAID_ANEW.has(fields.ids[at]!)) continue
    const name = bytes.toString('latin1', fields.offsets[at * 4], fields.offsets[at * 4 + 1])
    lines += `${name}: ${fieldValue(bytes, fields, at)}\r\n`
  }
  return `${lines}${isAll ? 'content-length: 0' : 'transfer-encoding: chunked'}\r\n\r\n`
}
