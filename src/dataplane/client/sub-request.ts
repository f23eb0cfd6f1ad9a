import { type BodyReader, createBodyReader, readBody } from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR } from '../../mechanisms/http1/errors.ts'
import { fieldValue } from '../../mechanisms/http1/fields.ts'
import { createRequestHead, parseRequestHead } from '../../mechanisms/http1/request-head.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientEvents, ClientOf, LocalAnswer, Peer, Waiting } from './client-stream.ts'
import type { ClientGround } from './ground.ts'

/** Nothing waits for somebody who is here. */
const NOTHING_WAITS: Waiting = { isClogged: false, isFlushed: true, unsentBytes: 0 }
const NO_BYTES = Buffer.alloc(0)

/** What a sub-request asks for. `lines` are whole field lines with CR LF, Host among them. */
export interface SubRequestSpec {
  readonly method: string
  /** Origin form. */
  readonly target: string
  readonly lines: string
  /** A larger answer breaks off. */
  readonly answerBytesMax: number
}

/** What came of a sub-request. */
export type SubAnswer =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly fields: Headers
      readonly body: Buffer
    }
  /** The gateway's own answer: no instance, deadline, ... */
  | { readonly kind: 'local'; readonly status: number; readonly body: string }
  /** The answer broke off. */
  | { readonly kind: 'broken' }

/**
 * A request that no client has sent: a part of a composition. To the core it is a client stream like others, with routing, policies, attempts, deadlines and a
 * record of its own; its answer is collected in memory, up to a limit.
 */
export class SubRequest<E> implements ClientOf<E> {
  owner: E | null = null
  readonly protocol = 'sub-request'
  readonly listener: ClientListener
  readonly peer: Peer
  readonly outlet = NOTHING_WAITS
  readonly body: BodyReader = createBodyReader()
  readonly isHttp10 = false
  readonly #spec: SubRequestSpec
  readonly #answered: (answer: SubAnswer) => void
  #parts: Buffer[] = []
  #byteCount = 0
  #answer: SubAnswer = { kind: 'broken' }
  #head: { readonly status: number; readonly fields: Headers } | null = null

  /** `peer` is whom the instance is told of: that of the request which it is a part of. `answered` is called once. */
  constructor(
    listener: ClientListener,
    peer: Peer,
    spec: SubRequestSpec,
    answered: (answer: SubAnswer) => void,
  ) {
    this.listener = listener
    this.peer = peer
    this.#spec = spec
    this.#answered = answered
  }

  /** Begins it. Throws RangeError for a specification that is no request: what comes from outside must be checked before. */
  start(ground: ClientGround, events: ClientEvents<E>): void {
    const { method, target, lines } = this.#spec
    const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1')
    const head = createRequestHead(ground.limits.headersMax)
    const end = parseRequestHead(bytes, 0, bytes.length, ground.headLimits, head)
    if (end !== bytes.length) throw new RangeError(`not a request: ${method} ${target}`)
    events.begin(this, head, bytes, end, end)
  }

  pause(): void {}

  resume(): void {}

  closeAfterwards(): void {}

  sendInterim(): void {}

  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
  ): number {
    // Of an answer that was refused in the middle, before this one.
    this.#parts = []
    this.#byteCount = 0
    const fields = new Headers()
    const { count, offsets } = head.fields
    for (let field = 0; field < count; field++) {
      const name = bytes.toString('latin1', offsets[field * 4], offsets[field * 4 + 1])
      fields.append(name, fieldValue(bytes, head.fields, field))
    }
    this.#head = { status: head.status, fields }
    return this.sendBody(body, bytes, start, end)
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && !body.isDone) {
      at = readBody(body, bytes, at, end)
      if (at < 0) return at
      this.#byteCount += body.payloadEnd - body.payloadStart
      if (this.#byteCount > this.#spec.answerBytesMax) return HEAD_ERROR.bodyTooLarge
      this.#parts.push(Buffer.from(bytes.subarray(body.payloadStart, body.payloadEnd)))
    }
    body.consumed = at
    if (body.isDone) this.#complete()
    return 0
  }

  endBody(): void {
    this.#complete()
  }

  sendLocal({ status, body }: LocalAnswer): void {
    this.#answer = { kind: 'local', status, body: String(body) }
  }

  openTunnel(): void {
    throw new TypeError('a sub-request opens no tunnel: it asks for none')
  }

  sendRaw(): void {}

  endRaw(): void {}

  release(): void {
    this.owner = null
    this.#parts = []
    this.#answered(this.#answer)
  }

  reset(): void {
    this.#answer = { kind: 'broken' }
  }

  #complete(): void {
    if (this.#head === null) return
    const body = this.#parts.length === 0 ? NO_BYTES : Buffer.concat(this.#parts)
    this.#answer = { kind: 'answer', ...this.#head, body }
  }
}
