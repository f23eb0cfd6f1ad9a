import { Socket } from 'node:net'
import { headError } from '../../../mechanisms/http1/errors.ts'
import {
  headerValue,
  parseRequestHead,
  type RequestHead,
} from '../../../mechanisms/http1/request-head.ts'
import { NOT_TIMED, type Timed } from '../../../mechanisms/timer-wheel/timer-wheel.ts'
import type { Log } from '../../capability.ts'
import { ProblemError } from '../../problem.ts'
import type { Wheel } from '../../wheel.ts'
import { guardRequest } from '../guard.ts'
import { answerBytes } from './answer-bytes.ts'
import { IncomingBody } from './body.ts'
import type { Booked, ConnectionBook } from './book.ts'
import { Exchange } from './exchange.ts'
import type { LeanAnswer, LeanLimits, LeanOptions } from './options.ts'
import { keepFields, KeptRequest, type KeptFields } from './request.ts'

/** What all connections of a listener share. */
export interface LeanGround {
  readonly options: LeanOptions
  readonly limits: LeanLimits
  readonly log: Log
  readonly book: ConnectionBook<LeanConnection>
  readonly wheel: Wheel<LeanConnection>
  /** Every read goes in here: nothing of it may be kept. */
  readonly readBuffer: Buffer
  readonly head: RequestHead
  /** What is kept of bodies on their way. */
  bodiesBytes: number
  isDraining: boolean
  /** For the `date` field. */
  date(): string
}

/** Bytes behind a request that is being answered: enough to see that a client leaves. */
const EARLY_BYTES_MAX = 64 * 1024
/** A client has so long to take our goodbye. */
const GOODBYE_MS = 2_000
/** A client that reads slower than this is cut off. */
const READ_BYTES_PER_MS_MIN = 16
const LF = 10
const NO_BYTES = Buffer.alloc(0)
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** The fields that the guard looks at. */
const GUARDED = ['host', 'origin', 'sec-fetch-site', 'sec-fetch-mode'] as const

/** What is known of a request before its body has come. */
interface Begun {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly values: KeptFields
}

/** One HTTP/1.x connection: keep-alive, and pipelined requests one at a time. Between two reads of a waiting one there is nothing but this record. */
export class LeanConnection implements Timed, Booked {
  dueAtMs: number = NOT_TIMED.dueAtMs
  slot: number = NOT_TIMED.slot
  before: Timed | undefined = undefined
  after: Timed | undefined = undefined
  readonly address: string

  readonly #ground: LeanGround
  readonly #socket: Socket
  /** What has come and could not be used yet. */
  #rest: Buffer = NO_BYTES
  #begun: Begun | undefined
  #body: IncomingBody | undefined
  #exchange: Exchange | undefined
  #minorVersion: 0 | 1 = 1
  #keepsAlive = true
  #isHead = false
  #isUnread = false
  #isPumping = false
  #hasEnded = false
  #isClosing = false

  constructor(ground: LeanGround, accepted: Socket) {
    this.#ground = ground
    this.address = accepted.remoteAddress ?? ''
    this.#socket = adopt(accepted, ground.readBuffer, (length) => this.#received(length))
    this.#socket.on('end', () => this.#ended())
    this.#socket.on('error', ignore)
    this.#socket.on('close', () => this.#closed())
  }

  /** Reads from now on. */
  begin(): void {
    this.#fallSilent()
    this.#socket.resume()
  }

  destroy(): void {
    this.#isClosing = true
    this.#ground.book.delete(this)
    this.#socket.destroy()
  }

  /** The wheel: what was to happen by now has not happened. */
  timeOut(): void {
    if (this.#isUnread) this.#ground.book.refused.slow++
    this.destroy()
  }

  /** It takes no further request; what is under way is answered. */
  drain(): void {
    if (!this.#isBusy && this.#begun === undefined) this.destroy()
  }

  /** From the exchange, once. */
  send(answer: LeanAnswer): void {
    this.#exchange = undefined
    if (this.#isClosing) return
    if (this.#ground.isDraining || this.#hasEnded) this.#keepsAlive = false
    const bytes = answerBytes(answer, {
      keepsAlive: this.#keepsAlive,
      minorVersion: this.#minorVersion,
      isHead: this.#isHead,
      date: this.#ground.date(),
    })
    if (this.#socket.write(bytes) || this.#socket.writableLength === 0) return this.#next()
    const { book, wheel, limits } = this.#ground
    this.#isUnread = true
    this.#socket.once('drain', () => this.#drained())
    wheel.set(this, limits.readMs + bytes.length / READ_BYTES_PER_MS_MIN)
    book.leaveUnread(this, this.#socket.writableLength)
  }

  #drained(): void {
    this.#isUnread = false
    this.#ground.book.read(this)
    this.#next()
  }

  /** The answer has left. */
  #next(): void {
    if (!this.#keepsAlive) return this.#sayGoodbye()
    this.#isHead = false
    this.#fallSilent()
    if (!this.#isPumping) this.#pump()
  }

  #fallSilent(): void {
    const { book, wheel, limits } = this.#ground
    wheel.set(this, limits.idleMs)
    book.fallSilent(this)
  }

  /** Behind what is queued. Reading on for a while lets the client read our last answer: closing with unread bytes would reset the connection. */
  #sayGoodbye(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#rest = NO_BYTES
    this.#ground.wheel.set(this, GOODBYE_MS)
    this.#socket.end()
    this.#socket.resume()
  }

  get #isBusy(): boolean {
    return this.#exchange !== undefined || this.#isUnread
  }

  /** The answer goes to the socket: it may read on. */
  #received(length: number): true {
    if (!this.#isClosing) this.#receive(length)
    return true
  }

  #receive(length: number): void {
    const { readBuffer, limits } = this.#ground
    const isUseless =
      this.#isBusy ||
      // Half a head is looked at again only when one more of its lines has come.
      (this.#begun === undefined &&
        this.#rest.length > 0 &&
        this.#rest.length + length < limits.headBytesMax &&
        readBuffer.subarray(0, length).indexOf(LF) < 0)
    if (this.#rest.length > 0 || isUseless) {
      this.#rest = Buffer.concat([this.#rest, readBuffer.subarray(0, length)])
      if (this.#isBusy && this.#rest.length > EARLY_BYTES_MAX) this.#socket.pause()
      if (!isUseless) this.#pump()
      return
    }
    const used = this.#use(readBuffer, length)
    // A copy, so that a few bytes do not keep a large buffer, and none keeps the shared one.
    if (used < length) this.#rest = Buffer.from(readBuffer.subarray(used, length))
    if (this.#rest.length > 0) this.#pump()
  }

  /** Uses what is kept, as far as it goes. Not called again by itself: an answer that is there at once is the next turn of the loop. */
  #pump(): void {
    this.#isPumping = true
    try {
      while (!this.#isBusy && !this.#isClosing && this.#rest.length > 0) {
        const bytes = this.#rest
        const used = this.#use(bytes, bytes.length)
        this.#rest = used === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(used))
        if (used === 0) break
      }
    } finally {
      this.#isPumping = false
    }
    if (!this.#isBusy && this.#socket.isPaused()) this.#socket.resume()
    if (this.#hasEnded && !this.#isBusy) this.#sayGoodbye()
  }

  /** One step: half a head, a head, or some of a body. Returns how many bytes are done with. */
  #use(bytes: Buffer, end: number): number {
    if (this.#begun !== undefined) return this.#takeBody(this.#begun, bytes, 0, end)
    const { head, limits, wheel, book } = this.#ground
    // The parser's record is shared: a head that comes in parts is read from its beginning.
    head.stage = 0
    const next = parseRequestHead(bytes, 0, end, limits, head)
    if (next < 0) return this.#refuseHead(next, end)
    if (next === 0) {
      if (this.#rest.length === 0) wheel.set(this, limits.requestMs)
      return 0
    }
    book.speak(this)
    return this.#begin(bytes, head, next, end)
  }

  #begin(bytes: Buffer, head: RequestHead, next: number, end: number): number {
    const { options } = this.#ground
    this.#keepsAlive = head.keepAlive
    this.#minorVersion = head.minorVersion
    this.#isHead = head.method === 'HEAD'
    const values = keepFields(bytes, head, options.keptFields)
    const query = head.target.slice(head.pathEnd + 1)
    const begun = { method: head.method, path: head.path, query, values }
    const refusal = this.#guard(bytes, head)
    const bytesMax = options.bodyBytesMax(head.method, head.path)
    this.#body = new IncomingBody(head, bytesMax)
    if (refusal !== undefined) return this.#refuse(refusal, next, end)
    if (this.#body.error < 0) {
      const fields = { bytes: head.contentLength, bytesMax }
      return this.#refuse(bodyTooLarge(fields), next, end)
    }
    this.#begun = begun
    if (head.expectsContinue && next === end) this.#socket.write(CONTINUE)
    return this.#takeBody(begun, bytes, next, end)
  }

  #guard(bytes: Buffer, head: RequestHead): ProblemError | undefined {
    const { hosts, section } = this.#ground.options
    const seen = GUARDED.map((name) => [name, headerValue(bytes, head, name)] as const)
    const headers = Object.fromEntries(seen.filter(([, value]) => value !== undefined))
    try {
      guardRequest({ ...headers, host: head.host }, { hosts, section, token: undefined })
      return undefined
    } catch (error) {
      if (error instanceof ProblemError) return error
      throw error
    }
  }

  #takeBody(begun: Begun, bytes: Buffer, start: number, end: number): number {
    const { wheel, limits, options, book } = this.#ground
    const body = this.#body!
    const before = body.bytes
    const next = body.take(bytes, start, end)
    this.#ground.bodiesBytes += body.bytes - before
    if (next < 0) {
      const { status, code, title } = headError(next)
      const bytesMax = options.bodyBytesMax(begun.method, begun.path)
      const problem =
        status === 413
          ? bodyTooLarge({ bytes: bytesMax + 1, bytesMax })
          : new ProblemError(status, code, title)
      return this.#refuse(problem, end, end)
    }
    if (this.#ground.bodiesBytes > limits.bodiesBytesMax) {
      book.refused.bodies++
      const message = `Too many bodies are on their way (bodiesBytesMax ${limits.bodiesBytesMax}). Try again.`
      return this.#refuse(new ProblemError(503, 'ERR_HTTP_BODIES', message), end, end)
    }
    if (!body.isDone) {
      if (start > 0 || before === 0) wheel.set(this, limits.requestMs)
      return next
    }
    const whole = body.whole()
    this.#forgetBody()
    this.#dispatch(begun, whole)
    return next
  }

  #forgetBody(): void {
    this.#ground.bodiesBytes -= this.#body?.bytes ?? 0
    this.#body = undefined
    this.#begun = undefined
  }

  #dispatch({ method, path, query, values }: Begun, body: Buffer): void {
    const { options, wheel, log } = this.#ground
    wheel.clear(this)
    const { address } = this
    const request = new KeptRequest({ method, path, query, address, body }, values)
    const exchange = new Exchange(this, request)
    this.#exchange = exchange
    try {
      options.handle(exchange)
    } catch (error) {
      log('error', 'a request failed', { method, path, error })
      exchange.answer(options.failure(internalError()))
    }
  }

  #refuseHead(error: number, end: number): number {
    const { status, code, title } = headError(error)
    this.#ground.book.speak(this)
    this.#minorVersion = 1
    this.#isHead = false
    return this.#refuse(new ProblemError(status, code, title), end, end)
  }

  /** Answers at once. Where a body is still to come the connection ends with it. */
  #refuse(problem: ProblemError, next: number, end: number): number {
    const isWhole = this.#body?.isDone === true && this.#body.error === 0
    if (!isWhole) this.#keepsAlive = false
    this.#forgetBody()
    this.send(this.#ground.options.failure(problem))
    return isWhole ? next : end
  }

  #ended(): void {
    this.#hasEnded = true
    if (!this.#isBusy) return this.#sayGoodbye()
    // Who only waits is gone; what is being done is answered all the same.
    if (this.#exchange?.whenGone === undefined) return
    this.#exchange.leave()
    this.#exchange = undefined
    this.#keepsAlive = false
    this.#sayGoodbye()
  }

  #closed(): void {
    this.#isClosing = true
    const { book, wheel } = this.#ground
    wheel.clear(this)
    book.delete(this)
    this.#forgetBody()
    this.#rest = NO_BYTES
    this.#exchange?.leave()
    this.#exchange = undefined
  }
}

/** The same connection, reading into the shared buffer: `net.Server` has no such option. */
function adopt(accepted: Socket, buffer: Buffer, received: (length: number) => true): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: unknown }
  ;(accepted as unknown as { _handle: unknown })._handle = null
  return new Socket({
    handle,
    allowHalfOpen: true,
    onread: { buffer, callback: (length: number) => received(length) },
  } as ConstructorParameters<typeof Socket>[0])
}

function ignore(): void {}

function bodyTooLarge(fields: { readonly bytes: number; readonly bytesMax: number }): ProblemError {
  const message = `The body has ${fields.bytes} bytes, at most ${fields.bytesMax} are taken.`
  return new ProblemError(413, 'ERR_HTTP_BODY_TOO_LARGE', message, fields)
}

function internalError(): ProblemError {
  const message = 'Backplane failed to answer; its log says why.'
  return new ProblemError(500, 'ERR_HTTP_INTERNAL', message)
}
