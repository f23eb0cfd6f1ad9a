import { COMMA, LF, SLASH, TOKEN, isToken, latin1, skipOws, trimOws } from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'
import { type FieldTable, findField } from './fields.ts'
import { FIELD, fieldId } from './names.ts'

/** What request and response heads have in common. All positions are into the bytes given to the last call of the parser. */
export interface MessageHead {
  /** Where the head begins, and the position behind its empty line. */
  start: number
  end: number
  readonly fields: FieldTable
  minorVersion: 0 | 1
  /** Content-Length in bytes, -1 if there is none. */
  contentLength: number
  /** The body is framed by the chunked transfer coding. */
  isChunked: boolean
  hasTransferEncoding: boolean
  /** The connection may carry another message after this one (RFC 9112 section 9.3). */
  keepAlive: boolean
  /** The one protocol that Upgrade asks for or that 101 switches to, lower-case; '' if none or none that may be tunnelled. */
  upgrade: string
  /** Names in Connection that this codec does not know, lower-case: fields of this hop only (RFC 9110 section 7.6.1). */
  readonly connectionNames: string[]
  connectionFlags: number
  /** How far the bytes were searched for a line end when the parser asked for more. */
  seenTo: number
  /** 0: nothing read, 1: in the start line, 2: in the field lines. */
  stage: 0 | 1 | 2
}

/** Options in Connection, as bits of `connectionFlags`. */
export const CONNECTION = { close: 1, keepAlive: 2, upgrade: 4, te: 8 } as const

/** More private names than this in Connection are an attack on the loop that drops them. */
const CONNECTION_NAMES_MAX = 16

/** Sets what every message begins with. */
export function resetMessage(head: MessageHead, start: number): void {
  head.start = start
  head.end = 0
  head.fields.count = 0
  head.minorVersion = 1
  head.contentLength = -1
  head.isChunked = false
  head.hasTransferEncoding = false
  head.keepAlive = false
  head.upgrade = ''
  head.connectionFlags = 0
  if (head.connectionNames.length > 0) head.connectionNames.length = 0
}

/**
 * Content-Length (RFC 9110 section 8.6): 1*DIGIT, once, below 2^53. A list of equal values may be accepted by the standard; it is
 * refused here, because only an attacker or a broken sender makes one.
 */
export function readContentLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: MessageHead,
): number {
  if (head.contentLength >= 0) return HEAD_ERROR.contentLengthRepeated
  if (start === end || end - start > 16) return HEAD_ERROR.contentLength
  let length = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 48
    if (digit < 0 || digit > 9) return HEAD_ERROR.contentLength
    length = length * 10 + digit
  }
  if (length > Number.MAX_SAFE_INTEGER) return HEAD_ERROR.contentLength
  head.contentLength = length
  return 1
}

/** Transfer-Encoding (RFC 9112 section 6.1): exactly one field with exactly one coding, chunked. */
export function readTransferEncoding(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: MessageHead,
): number {
  if (head.hasTransferEncoding) return HEAD_ERROR.transferEncoding
  head.hasTransferEncoding = true
  if (!isToken(bytes, start, end, 'chunked'))
    return explainCodings(latin1(bytes, start, end).toLowerCase())
  head.isChunked = true
  return 1
}

/** A well-formed list that ends with chunked is understood and not implemented (501); all else is malformed. */
function explainCodings(value: string): number {
  const codings = value.split(',').map((coding) => coding.trim())
  const known = new Set(['gzip', 'x-gzip', 'deflate', 'compress', 'x-compress'])
  const isKnown = codings.slice(0, -1).every((coding) => known.has(coding))
  return codings.length > 1 && codings.at(-1) === 'chunked' && isKnown
    ? HEAD_ERROR.transferCodingUnsupported
    : HEAD_ERROR.transferEncoding
}

/** Connection (RFC 9110 section 7.6.1): a list of tokens; empty elements are allowed, anything else is refused. */
export function readConnection(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: MessageHead,
): number {
  let at = start
  while (at < end) {
    let comma = at
    while (comma < end && bytes[comma] !== COMMA) comma++
    const optionStart = skipOws(bytes, at, comma)
    const optionEnd = trimOws(bytes, optionStart, comma)
    if (optionStart < optionEnd) {
      const result = readOption(bytes, optionStart, optionEnd, head)
      if (result < 0) return result
    }
    at = comma + 1
  }
  return 1
}

function readOption(bytes: Uint8Array, start: number, end: number, head: MessageHead): number {
  if (isToken(bytes, start, end, 'keep-alive')) head.connectionFlags |= CONNECTION.keepAlive
  else if (isToken(bytes, start, end, 'close')) head.connectionFlags |= CONNECTION.close
  else if (isToken(bytes, start, end, 'upgrade')) head.connectionFlags |= CONNECTION.upgrade
  else if (isToken(bytes, start, end, 'te')) head.connectionFlags |= CONNECTION.te
  else return readPrivateName(bytes, start, end, head)
  return 1
}

/**
 * A sender that lists Host or a framing field wants them gone for the next hop only: an attack. Other fields that are meant for the
 * recipient (RFC 9110 section 7.6.1: "intended for all recipients") stay, whatever Connection says: nobody strips Authorization.
 */
function readPrivateName(bytes: Uint8Array, start: number, end: number, head: MessageHead): number {
  for (let at = start; at < end; at++) {
    if (TOKEN[bytes[at]!] === 0) return HEAD_ERROR.connection
  }
  const name = latin1(bytes, start, end).toLowerCase()
  const id = fieldId(name)
  if (id === FIELD.host || id === FIELD.contentLength || id === FIELD.transferEncoding)
    return HEAD_ERROR.connection
  if (id !== FIELD.other || isEndToEnd(name)) return 1
  if (head.connectionNames.length === CONNECTION_NAMES_MAX) return HEAD_ERROR.connection
  head.connectionNames.push(name)
  return 1
}

const END_TO_END_PREFIXES = ['content-', 'if-', 'sec-', 'access-control-', 'accept-'] as const

function isEndToEnd(name: string): boolean {
  return (
    name === 'origin' ||
    name === 'etag' ||
    END_TO_END_PREFIXES.some((prefix) => name.startsWith(prefix))
  )
}

/** RFC 9112 section 9.3: close wins, 1.1 persists by default, 1.0 only with keep-alive. */
export function mayPersist(head: MessageHead): boolean {
  if ((head.connectionFlags & CONNECTION.close) !== 0) return false
  return head.minorVersion === 1 || (head.connectionFlags & CONNECTION.keepAlive) !== 0
}

/**
 * The protocol of Upgrade, if there is one field with one protocol that may be tunnelled, else ''. HTTP/2 in clear text (h2c) may not:
 * requests inside would pass all rules unseen. Ignoring Upgrade is always allowed (RFC 9110 section 7.8).
 */
export function readUpgrade(bytes: Uint8Array, head: MessageHead): string {
  if ((head.connectionFlags & CONNECTION.upgrade) === 0) return ''
  const { fields } = head
  const field = findField(fields, FIELD.upgrade)
  if (field < 0 || findField(fields, FIELD.upgrade, field + 1) >= 0) return ''
  const start = fields.offsets[field * 4 + 2]!
  const end = fields.offsets[field * 4 + 3]!
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (TOKEN[byte] === 0 && byte !== SLASH) return ''
  }
  const protocol = latin1(bytes, start, end).toLowerCase()
  const isHttp =
    protocol.startsWith('h2') || protocol.startsWith('http/') || protocol.startsWith('tls/')
  return isHttp ? '' : protocol
}

/** True if a line end is among the bytes that have come since the parser last asked for more: else there is nothing to do yet. */
export function hasNewLineEnd(bytes: Uint8Array, head: MessageHead, end: number): boolean {
  for (let at = head.seenTo; at < end; at++) {
    if (bytes[at] === LF) return true
  }
  return false
}
