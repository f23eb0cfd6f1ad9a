import { CR, HTAB, LF, SP, isText } from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'
import { createFieldTable, moveFields, parseFieldLines } from './fields.ts'
import { type MessageHead, hasNewLineEnd, mayPersist, readConnection } from './message-head.ts'
import {
  readContentLength,
  readTransferEncoding,
  readUpgrade,
  resetMessage,
} from './message-head.ts'
import { FIELD } from './names.ts'
import type { HeadLimits } from './request-head.ts'

/** How a body is delimited (RFC 9112 section 6.3); `frames`: by the protocol below, as in HTTP/2. */
export const FRAMING = { none: 0, length: 1, chunked: 2, untilClose: 3, frames: 4 } as const
export type Framing = (typeof FRAMING)[keyof typeof FRAMING]

/** One response head: positions into its bytes and the framing decision. Reused from response to response. */
export interface ResponseHead extends MessageHead {
  status: number
  /** Positions of the reason phrase; equal if it is empty. */
  reasonStart: number
  reasonEnd: number
  /** How this message's body is delimited; depends on the request's method. `contentLength` is the body's length only for `length`. */
  framing: Framing
}

/** A record for response heads of at most `headersMax` fields. */
export function createResponseHead(headersMax: number): ResponseHead {
  return {
    start: 0,
    end: 0,
    fields: createFieldTable(headersMax),
    minorVersion: 1,
    contentLength: -1,
    isChunked: false,
    hasTransferEncoding: false,
    keepAlive: false,
    upgrade: '',
    connectionNames: [],
    connectionFlags: 0,
    seenTo: 0,
    stage: 0,
    status: 0,
    reasonStart: 0,
    reasonEnd: 0,
    framing: FRAMING.none,
  }
}

/**
 * Reads the response head that begins at `start`, as parseRequestHead does. `requestMethod` is that of the request it answers: HEAD has
 * no body. An interim response (1xx) is a head without body; the final one follows. 101 has `upgrade` set, if it is well-formed.
 * `limits.requestLineBytesMax` is not used here: the status line counts to the head.
 */
export function parseResponseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: Pick<HeadLimits, 'headBytesMax'>,
  head: ResponseHead,
  requestMethod: string,
): number {
  if (head.stage === 0) beginResponse(head, start)
  else {
    if (head.start !== start) moveResponseHead(head, start)
    if (!hasNewLineEnd(bytes, head, end)) return suspend(head, start, end, limits)
  }
  const bound = Math.min(end, start + limits.headBytesMax)
  if (head.stage === 1) {
    const next = parseStatusLine(bytes, start, bound, head)
    if (next < 0) return refuse(head, next)
    if (next === 0) return suspend(head, start, end, limits)
    head.stage = 2
    head.fields.start = next
    head.fields.lineStart = next
  }
  const next = parseFieldLines(bytes, bound, head.fields)
  if (next < 0) return refuse(head, next)
  if (next === 0) return suspend(head, start, end, limits)
  head.stage = 0
  head.end = next
  return interpret(bytes, head, requestMethod)
}

/** Begins a head in `bytes` whose lines are written there one by one, each valid, from `start` on: a status line of HTTP/1.1 that ends at `lineEnd`. */
export function beginWrittenHead(
  head: ResponseHead,
  start: number,
  status: number,
  lineEnd: number,
): void {
  beginResponse(head, start)
  head.stage = 0
  head.minorVersion = 1
  head.status = status
  head.reasonStart = start + STATUS_LINE_BYTES_MIN
  head.reasonEnd = lineEnd - 2
  head.fields.start = lineEnd
  head.fields.lineStart = lineEnd
}

/** All lines are written, and `end` is the position behind the empty one: gives the fields their meaning. As parseResponseHead. */
export function endWrittenHead(
  bytes: Uint8Array,
  head: ResponseHead,
  end: number,
  requestMethod: string,
): number {
  head.end = end
  return interpret(bytes, head, requestMethod)
}

/** Says that the head's bytes now begin at `start` (of any buffer); all positions follow. */
export function moveResponseHead(head: ResponseHead, start: number): void {
  const distance = start - head.start
  head.start = start
  head.seenTo += distance
  head.reasonStart += distance
  head.reasonEnd += distance
  if (head.end > 0) head.end += distance
  moveFields(head.fields, distance)
}

function beginResponse(head: ResponseHead, start: number): void {
  resetMessage(head, start)
  head.stage = 1
  head.seenTo = start
  head.framing = FRAMING.none
}

function refuse(head: ResponseHead, error: number): number {
  head.stage = 0
  return error
}

function suspend(
  head: ResponseHead,
  start: number,
  end: number,
  limits: Pick<HeadLimits, 'headBytesMax'>,
): number {
  head.seenTo = end
  return end - start >= limits.headBytesMax ? refuse(head, HEAD_ERROR.headTooLarge) : 0
}

const STATUS_LINE_BYTES_MIN = 13

/**
 * "HTTP/1.x SP 3DIGIT [SP reason] CRLF". The space behind the status is required by RFC 9112 section 4, and missing in enough servers
 * that every proxy takes a line without.
 */
function parseStatusLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: ResponseHead,
): number {
  if (end - start < STATUS_LINE_BYTES_MIN)
    return findLineEnd(bytes, start, end) < end ? HEAD_ERROR.statusLine : 0
  if (!isText(bytes, start, start + 7, 'HTTP/1.') || bytes[start + 8] !== SP)
    return explainStatusLine(bytes, start)
  const minor = bytes[start + 7]! - 48
  if (minor !== 0 && minor !== 1)
    return minor >= 2 && minor <= 9 ? HEAD_ERROR.versionUnsupported : HEAD_ERROR.statusLine
  const status = parseStatus(bytes, start + 9)
  if (status < 0) return HEAD_ERROR.statusLine
  let at = start + 12
  if (bytes[at] === SP) at++
  else if (bytes[at] !== CR) return bytes[at] === LF ? HEAD_ERROR.lineEnding : HEAD_ERROR.statusLine
  const reasonStart = at
  while (at < end && isReasonByte(bytes[at]!)) at++
  if (at === end) return 0
  if (bytes[at] !== CR) return bytes[at] === LF ? HEAD_ERROR.lineEnding : HEAD_ERROR.controlByte
  if (at + 1 === end) return 0
  if (bytes[at + 1] !== LF) return HEAD_ERROR.lineEnding
  head.minorVersion = minor
  head.status = status
  head.reasonStart = reasonStart
  head.reasonEnd = at
  return at + 2
}

function findLineEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] !== LF) at++
  return at
}

function explainStatusLine(bytes: Uint8Array, start: number): number {
  const major = bytes[start + 5]! - 48
  const isOther =
    isText(bytes, start, start + 5, 'HTTP/') &&
    major >= 0 &&
    major <= 9 &&
    major !== 1 &&
    bytes[start + 6] === 46
  return isOther ? HEAD_ERROR.versionUnsupported : HEAD_ERROR.statusLine
}

/** 100 to 599: the classes that RFC 9110 section 15 defines. */
function parseStatus(bytes: Uint8Array, start: number): number {
  let status = 0
  for (let at = start; at < start + 3; at++) {
    const digit = bytes[at]! - 48
    if (digit < 0 || digit > 9) return -1
    status = status * 10 + digit
  }
  return status >= 100 && status <= 599 ? status : -1
}

function isReasonByte(byte: number): boolean {
  return byte > 31 ? byte !== 127 : byte === HTAB
}

function interpret(bytes: Uint8Array, head: ResponseHead, requestMethod: string): number {
  const { ids, offsets, count } = head.fields
  for (let field = 0; field < count; field++) {
    const id = ids[field]!
    if (id === FIELD.other || id > FIELD.transferEncoding) continue
    const result = interpretField(bytes, id, offsets[field * 4 + 2]!, offsets[field * 4 + 3]!, head)
    if (result < 0) return result
  }
  if (head.hasTransferEncoding && head.contentLength >= 0) return HEAD_ERROR.ambiguousFraming
  if (head.hasTransferEncoding && head.minorVersion === 0) return HEAD_ERROR.transferEncoding
  head.framing = decideFraming(head, requestMethod)
  head.keepAlive = mayPersist(head) && head.framing !== FRAMING.untilClose && head.status !== 101
  if (head.status === 101) head.upgrade = readUpgrade(bytes, head)
  return head.end
}

function interpretField(
  bytes: Uint8Array,
  id: number,
  start: number,
  end: number,
  head: ResponseHead,
): number {
  switch (id) {
    case FIELD.connection:
      return readConnection(bytes, start, end, head)
    case FIELD.contentLength:
      return readContentLength(bytes, start, end, head)
    case FIELD.transferEncoding:
      return readTransferEncoding(bytes, start, end, head)
    default:
      return 1
  }
}

/** RFC 9112 section 6.3, in its order. */
function decideFraming(head: ResponseHead, requestMethod: string): Framing {
  const { status } = head
  if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304)
    return FRAMING.none
  if (head.isChunked) return FRAMING.chunked
  return head.contentLength >= 0 ? FRAMING.length : FRAMING.untilClose
}
