import { hostnameOf, comparableAuthority, parseAuthority } from './authority.ts'
import { CR, LF, isText, isToken, latin1 } from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'
import { createFieldTable, moveFields, parseFieldLines, valueOf } from './fields.ts'
import {
  type MessageHead,
  hasNewLineEnd,
  mayPersist,
  readConnection,
  readContentLength,
  readTransferEncoding,
  readUpgrade,
  resetMessage,
} from './message-head.ts'
import { FIELD } from './names.ts'
import { parseRequestLine } from './request-line.ts'
import type { HeadLimits, RequestHead } from './request-record.ts'

export type { HeadLimits, RequestHead } from './request-record.ts'

/** A record for heads of at most `headersMax` fields. Make it once a connection (or pool it) and give it to every parse. */
export function createRequestHead(headersMax: number): RequestHead {
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
    lineStart: 0,
    method: '',
    form: 'origin',
    target: '',
    pathEnd: 0,
    targetStart: 0,
    targetEnd: 0,
    targetAuthority: '',
    isHttpsTarget: false,
    host: '',
    hostname: '',
    expectsContinue: false,
    acceptsTrailers: false,
    hostField: -1,
    knownHost: '',
    knownHostname: '',
  }
}

/**
 * Reads the request head that begins at `start`. Returns the position behind it, 0 if [start, end) ends before it, or a negative
 * HEAD_ERROR (see headError). After 0, call again with the same and more bytes: at another place is fine, what was read is not read
 * again, and a client that sends byte by byte costs one look at each byte. After a position or an error the next call begins a new head.
 * At most one empty line before the request line is skipped (RFC 9112 section 2.2).
 */
export function parseRequestHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: HeadLimits,
  head: RequestHead,
): number {
  if (head.stage === 0) beginRequest(head, start)
  else {
    if (head.start !== start) moveRequestHead(head, start)
    if (!hasNewLineEnd(bytes, head, end)) return suspend(head, start, end, limits)
  }
  const bound = Math.min(end, start + limits.headBytesMax)
  if (head.stage === 1) {
    const lineStart = skipEmptyLine(bytes, start, bound)
    const next = parseRequestLine(bytes, lineStart, bound, limits, head)
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
  return interpret(bytes, head)
}

/** Says that the head's bytes now begin at `start` (of any buffer); all positions follow. */
export function moveRequestHead(head: RequestHead, start: number): void {
  const distance = start - head.start
  head.start = start
  head.seenTo += distance
  head.lineStart += distance
  head.targetStart += distance
  head.targetEnd += distance
  if (head.end > 0) head.end += distance
  moveFields(head.fields, distance)
}

/** All values of a field joined by ', ' (cookies by '; '), or undefined. See valueOf. */
export function headerValue(
  bytes: Uint8Array,
  head: MessageHead,
  lowerCaseName: string,
): string | undefined {
  return valueOf(bytes, head.fields, lowerCaseName)
}

function beginRequest(head: RequestHead, start: number): void {
  resetMessage(head, start)
  head.stage = 1
  head.seenTo = start
  head.targetAuthority = ''
  head.host = ''
  head.hostname = ''
  head.expectsContinue = false
  head.acceptsTrailers = false
  head.hostField = -1
}

function skipEmptyLine(bytes: Uint8Array, start: number, end: number): number {
  return end - start >= 2 && bytes[start] === CR && bytes[start + 1] === LF ? start + 2 : start
}

function refuse(head: RequestHead, error: number): number {
  head.stage = 0
  return error
}

function suspend(head: RequestHead, start: number, end: number, limits: HeadLimits): number {
  head.seenTo = end
  if (head.stage === 1 && end - start > limits.requestLineBytesMax + 4)
    return refuse(head, HEAD_ERROR.targetTooLong)
  return end - start >= limits.headBytesMax ? refuse(head, HEAD_ERROR.headTooLarge) : 0
}

/** Gives the fields their meaning. Returns the head's end or a negative HEAD_ERROR. */
function interpret(bytes: Uint8Array, head: RequestHead): number {
  const { ids, offsets, count } = head.fields
  for (let field = 0; field < count; field++) {
    const id = ids[field]!
    if (id === FIELD.framingAlias) return HEAD_ERROR.fieldAlias
    if (id === FIELD.other || id > FIELD.te) continue
    const result = interpretField(
      bytes,
      id,
      field,
      offsets[field * 4 + 2]!,
      offsets[field * 4 + 3]!,
      head,
    )
    if (result < 0) return result
  }
  if (head.hasTransferEncoding && head.contentLength >= 0) return HEAD_ERROR.ambiguousFraming
  if (head.hasTransferEncoding && head.minorVersion === 0) return HEAD_ERROR.transferEncoding
  const result = interpretHost(bytes, head)
  if (result < 0) return result
  head.keepAlive = mayPersist(head)
  const hasBody = head.isChunked || head.contentLength > 0
  if (!hasBody || head.minorVersion === 0) head.expectsContinue = false
  if (!hasBody && head.minorVersion === 1) head.upgrade = readUpgrade(bytes, head)
  return head.end
}

function interpretField(
  bytes: Uint8Array,
  id: number,
  field: number,
  start: number,
  end: number,
  head: RequestHead,
): number {
  switch (id) {
    case FIELD.host:
      if (head.hostField >= 0) return HEAD_ERROR.hostRepeated
      head.hostField = field
      return 1
    case FIELD.connection:
      return readConnection(bytes, start, end, head)
    case FIELD.contentLength:
      return readContentLength(bytes, start, end, head)
    case FIELD.transferEncoding:
      return readTransferEncoding(bytes, start, end, head)
    case FIELD.expect:
      if (head.expectsContinue || !isToken(bytes, start, end, '100-continue'))
        return HEAD_ERROR.expectation
      head.expectsContinue = true
      return 1
    case FIELD.te:
      if (hasTrailersOption(latin1(bytes, start, end))) head.acceptsTrailers = true
      return 1
    default:
      return 1
  }
}

function hasTrailersOption(te: string): boolean {
  return te.split(',').some((option) => option.trim().toLowerCase() === 'trailers')
}

/** RFC 9112 section 3.2: exactly one valid Host in HTTP/1.1; one that names another host than an absolute target is refused. */
function interpretHost(bytes: Uint8Array, head: RequestHead): number {
  const field = head.hostField
  if (field < 0) {
    if (head.minorVersion === 1) return HEAD_ERROR.hostMissing
    if (head.targetAuthority !== '') setHost(head, head.targetAuthority)
    return 1
  }
  const start = head.fields.offsets[field * 4 + 2]!
  const end = head.fields.offsets[field * 4 + 3]!
  if (head.knownHost !== '' && isText(bytes, start, end, head.knownHost)) {
    head.host = head.knownHost
    head.hostname = head.knownHostname
  } else {
    if (parseAuthority(bytes, start, end) < 0) return HEAD_ERROR.host
    setHost(head, latin1(bytes, start, end))
  }
  return head.targetAuthority === '' ? 1 : adoptTargetHost(head)
}

function adoptTargetHost(head: RequestHead): number {
  const wanted = comparableAuthority(head.targetAuthority, head.isHttpsTarget)
  if (comparableAuthority(head.host, head.isHttpsTarget) !== wanted) return HEAD_ERROR.hostMismatch
  setHost(head, head.targetAuthority)
  return 1
}

function setHost(head: RequestHead, authority: string): void {
  const hostLength = authority.startsWith('[')
    ? authority.indexOf(']') + 1
    : (authority + ':').indexOf(':')
  head.host = authority
  head.hostname = hostnameOf(authority, hostLength)
  head.knownHost = head.host
  head.knownHostname = head.hostname
}
