import { randomFillSync } from 'node:crypto'
import { HEX_PLUS_ONE } from '../../mechanisms/http1/bytes.ts'
import { findField } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import { type ExchangeRecord, REQUEST_ID_BYTES_MAX } from '../records/record.ts'

/** Random bytes that are drawn at once: a call per request would cost more than the rest of its head. */
const POOL_BYTES = 8192
/** Of a request: its id's random part, a trace and a span. */
const RANDOM_BYTES_MAX = 5 + 16 + 8
const PREFIX_DIGITS = 10
const COUNT_DIGITS = 6
/** Digits of a request id of ours: worker, count, chance. */
const OWN_ID_DIGITS = PREFIX_DIGITS + COUNT_DIGITS + 10
/** `00-<32>-<16>-<2>` (W3C Trace Context section 3.2.2). */
const TRACEPARENT_BYTES = 55

/** The two hexadecimal digits of each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const HEX_HIGH = Uint8Array.from(HEX, (digits) => digits.charCodeAt(0))
const HEX_LOW = Uint8Array.from(HEX, (digits) => digits.charCodeAt(1))

const ID_NAME = Buffer.from('x-request-id: ')
const TRACE_NAME = Buffer.from('\r\ntraceparent: 00-')
const DEADLINE_NAME = Buffer.from('x-request-deadline: ')
/** Digits of Unix milliseconds, from 2001 to 2286. */
const DEADLINE_DIGITS = 13
const DASH = 45
const CR = 13
const LF = 10
const ZERO = 48
const ONE = 49

/** The lines of `Identifiers`, of a request or an answer. */
export const IDENTIFIER_LINES_BYTES_MAX =
  ID_NAME.length +
  REQUEST_ID_BYTES_MAX +
  TRACE_NAME.length +
  TRACEPARENT_BYTES +
  DEADLINE_NAME.length +
  DEADLINE_DIGITS +
  6

/**
 * Names requests and spans. One a worker. A request id of ours has 26 digits, is not guessable from another one (40 bits of each are
 * random, and 40 of each worker) and unique for 16 million requests at least; one from outside is kept where it is printable ASCII without what
 * would need quoting. The trace is that of the incoming `traceparent` if that is valid, else a new one, sampled at the configured share; the span is
 * always new.
 */
export class Identifiers {
  /** `x-request-id` and `traceparent` of the request that was named last, each with CR LF: [0, requestEnd). */
  readonly lines: Buffer = Buffer.alloc(IDENTIFIER_LINES_BYTES_MAX)
  requestEnd = 0
  /** Share of the traces begun here that are recorded, 0 to 1. */
  sampleRate = 1
  readonly #pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  #at = POOL_BYTES
  #count = 0
  readonly #prefix: Buffer

  constructor() {
    this.#refill()
    this.#prefix = Buffer.from(this.#pool.toString('hex', 0, PREFIX_DIGITS / 2))
    this.#at = PREFIX_DIGITS / 2
    ID_NAME.copy(this.lines)
  }

  /** Names a request that came with a head, and composes its lines. */
  nameRequest(record: ExchangeRecord, head: RequestHead, bytes: Buffer): void {
    if (this.#at + RANDOM_BYTES_MAX > POOL_BYTES) this.#refill()
    if (!this.#keepId(record, head, bytes)) this.#drawId(record)
    this.#trace(record, head, bytes)
    this.composeLines(record)
  }

  /** Composes the lines of a request that was named before. */
  composeLines(record: ExchangeRecord): void {
    this.requestEnd = this.#writeTrace(record, this.writeIdLine(record))
  }

  /**
   * Composes `x-request-deadline` behind the lines of a request: until when somebody waits for its answer, Unix milliseconds, so that nobody works for one who has
   * gone. Returns the end of all lines.
   */
  writeDeadline(unixMs: number): number {
    const { lines, requestEnd } = this
    let end = requestEnd
    for (let at = 0; at < DEADLINE_NAME.length; at++) lines[end++] = DEADLINE_NAME[at]!
    // In two halves, each of which is a small integer.
    const high = Math.floor(unixMs / 1e6)
    writeDigits(lines, end, high, DEADLINE_DIGITS - 6)
    writeDigits(lines, end + DEADLINE_DIGITS - 6, Math.floor(unixMs - high * 1e6), 6)
    end += DEADLINE_DIGITS
    lines[end] = CR
    lines[end + 1] = LF
    return end + 2
  }

  /** Names what has no usable head: a refused one, or a raw connection. */
  nameConnection(record: ExchangeRecord): void {
    if (this.#at + RANDOM_BYTES_MAX > POOL_BYTES) this.#refill()
    this.#drawId(record)
    this.#drawTrace(record)
  }

  /** Composes `x-request-id` of a request in `lines`, and returns the position behind it. */
  writeIdLine(record: ExchangeRecord): number {
    const { lines } = this
    const { requestId, requestIdLength } = record
    let end = ID_NAME.length
    for (let at = 0; at < requestIdLength; at++) lines[end++] = requestId[at]!
    lines[end] = CR
    lines[end + 1] = LF
    return end + 2
  }

  #refill(): void {
    randomFillSync(this.#pool)
    this.#at = 0
  }

  #keepId(record: ExchangeRecord, head: RequestHead, bytes: Buffer): boolean {
    const field = findField(head.fields, FIELD.xRequestId)
    if (field < 0 || findField(head.fields, FIELD.xRequestId, field + 1) >= 0) return false
    const start = head.fields.offsets[field * 4 + 2]!
    const length = head.fields.offsets[field * 4 + 3]! - start
    if (length === 0 || length > REQUEST_ID_BYTES_MAX) return false
    const { requestId } = record
    for (let at = 0; at < length; at++) {
      const code = bytes[start + at]!
      if (code < 33 || code > 126 || code === 34 || code === 92) return false
      requestId[at] = code
    }
    record.requestIdLength = length
    return true
  }

  #drawId(record: ExchangeRecord): void {
    const { requestId } = record
    const prefix = this.#prefix
    for (let at = 0; at < PREFIX_DIGITS; at++) requestId[at] = prefix[at]!
    this.#count = (this.#count + 1) & 0xffffff
    const count = this.#count
    let at = PREFIX_DIGITS
    for (let shift = 16; shift >= 0; shift -= 8) {
      const byte = (count >>> shift) & 255
      requestId[at++] = HEX_HIGH[byte]!
      requestId[at++] = HEX_LOW[byte]!
    }
    this.#at = writeHex(this.#pool, this.#at, 5, requestId, at)
    record.requestIdLength = OWN_ID_DIGITS
  }

  #trace(record: ExchangeRecord, head: RequestHead, bytes: Buffer): void {
    const field = findField(head.fields, FIELD.traceparent)
    if (field >= 0 && findField(head.fields, FIELD.traceparent, field + 1) < 0) {
      const { offsets } = head.fields
      const start = offsets[field * 4 + 2]!
      if (isTraceparent(bytes, start, offsets[field * 4 + 3]!)) {
        readHex(bytes, start + 3, record.traceId)
        readHex(bytes, start + 36, record.parentSpanId)
        record.isSampled = ((HEX_PLUS_ONE[bytes[start + 54]!]! - 1) & 1) === 1
        this.#at = copyRandom(this.#pool, this.#at, record.spanId)
        return
      }
    }
    this.#drawTrace(record)
  }

  #drawTrace(record: ExchangeRecord): void {
    const { parentSpanId } = record
    for (let at = 0; at < parentSpanId.length; at++) parentSpanId[at] = 0
    this.#at = copyRandom(this.#pool, this.#at, record.traceId)
    this.#at = copyRandom(this.#pool, this.#at, record.spanId)
    record.isSampled = this.sampleRate >= 1 || isWithin(record.traceId, this.sampleRate)
  }

  #writeTrace(record: ExchangeRecord, start: number): number {
    const { lines } = this
    let end = start - 2
    for (let at = 0; at < TRACE_NAME.length; at++) lines[end++] = TRACE_NAME[at]!
    writeHex(record.traceId, 0, 16, lines, end)
    lines[end + 32] = DASH
    writeHex(record.spanId, 0, 8, lines, end + 33)
    lines[end + 49] = DASH
    lines[end + 50] = ZERO
    lines[end + 51] = record.isSampled ? ONE : ZERO
    lines[end + 52] = CR
    lines[end + 53] = LF
    return end + 54
  }
}

/** With zeros in front. */
function writeDigits(to: Buffer, start: number, value: number, count: number): void {
  let rest = value
  for (let at = start + count - 1; at >= start; at--) {
    const next = (rest / 10) | 0
    to[at] = ZERO + rest - next * 10
    rest = next
  }
}

/** Returns the position behind what was read of `from`. */
function writeHex(
  from: Buffer,
  start: number,
  length: number,
  to: Buffer,
  outStart: number,
): number {
  let out = outStart
  const end = start + length
  for (let at = start; at < end; at++) {
    const byte = from[at]!
    to[out++] = HEX_HIGH[byte]!
    to[out++] = HEX_LOW[byte]!
  }
  return end
}

function readHex(bytes: Buffer, start: number, to: Buffer): void {
  let at = start
  for (let i = 0; i < to.length; i++) {
    to[i] = ((HEX_PLUS_ONE[bytes[at]!]! - 1) << 4) | (HEX_PLUS_ONE[bytes[at + 1]!]! - 1)
    at += 2
  }
}

function copyRandom(pool: Buffer, start: number, to: Buffer): number {
  for (let i = 0; i < to.length; i++) to[i] = pool[start + i]!
  return start + to.length
}

/** The last bytes of a trace id are random (W3C Trace Context level 2): their share decides, so that all who use the same share agree. */
function isWithin(traceId: Buffer, ratio: number): boolean {
  return traceId.readUIntBE(10, 6) < ratio * 2 ** 48
}

/** W3C Trace Context level 1, section 3.2.2: versions we know nothing of may have more behind the flags. */
function isTraceparent(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (length < TRACEPARENT_BYTES) return false
  const isVersion0 = bytes[start] === ZERO && bytes[start + 1] === ZERO
  if (length > TRACEPARENT_BYTES && (isVersion0 || bytes[start + 55] !== DASH)) return false
  if (bytes[start] === 102 && bytes[start + 1] === 102) return false
  return (
    isLowerHex(bytes, start, start + 2, false) &&
    bytes[start + 2] === DASH &&
    isLowerHex(bytes, start + 3, start + 35, true) &&
    bytes[start + 35] === DASH &&
    isLowerHex(bytes, start + 36, start + 52, true) &&
    bytes[start + 52] === DASH &&
    isLowerHex(bytes, start + 53, start + 55, false)
  )
}

/** With `isId` they may not all be zeros. */
function isLowerHex(bytes: Buffer, start: number, end: number, isId: boolean): boolean {
  let hasOther = !isId
  for (let at = start; at < end; at++) {
    const code = bytes[at]!
    if (HEX_PLUS_ONE[code] === 0 || (code >= 65 && code <= 70)) return false
    if (code !== ZERO) hasOther = true
  }
  return hasOther
}
