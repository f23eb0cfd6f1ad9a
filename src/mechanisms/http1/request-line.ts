import { CR, LF, METHOD, QUESTION, SLASH, SP, isText, isToken, latin1 } from './bytes.ts'
import { parseAuthority } from './authority.ts'
import { HEAD_ERROR } from './errors.ts'
import type { HeadLimits, RequestHead } from './request-record.ts'

const METHOD_BYTES_MAX = 32
/** A target up to this length is remembered for the next request. */
const KNOWN_TARGET_BYTES_MAX = 256
const VERSION_LINE_BYTES = 10

/** `target` bytes: visible ASCII without '#'. A fragment is never sent (RFC 9112 section 3.2), raw UTF-8 and controls are no URI. */
function skipTarget(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const byte = bytes[at]!
    if (byte < 33 || byte > 126 || byte === 35) break
    at++
  }
  return at
}

/**
 * Reads "METHOD SP target SP HTTP/1.x CRLF" with exactly single spaces. Returns the position behind the line, 0 for more bytes, or a
 * negative HEAD_ERROR. RFC 9112 section 3.
 */
export function parseRequestLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: HeadLimits,
  head: RequestHead,
): number {
  let at = start
  while (at < end && METHOD[bytes[at]!] === 1) at++
  if (at - start > METHOD_BYTES_MAX) return HEAD_ERROR.methodUnsupported
  if (at === end) return 0
  if (at === start || bytes[at] !== SP) return explainMethod(bytes, start, at, end)
  const targetStart = at + 1
  const targetEnd = skipTarget(bytes, targetStart, end)
  if (targetEnd - start > limits.requestLineBytesMax) return HEAD_ERROR.targetTooLong
  if (targetEnd === end) return 0
  if (bytes[targetEnd] !== SP)
    return isLineEnd(bytes[targetEnd]!) ? HEAD_ERROR.requestLine : HEAD_ERROR.target
  if (targetEnd === targetStart) return HEAD_ERROR.requestLine
  const next = parseVersion(bytes, targetEnd + 1, end, head)
  if (next <= 0) return next
  if (next - 2 - start > limits.requestLineBytesMax) return HEAD_ERROR.targetTooLong
  head.lineStart = start
  head.method = internMethod(bytes, start, at)
  if (head.method === 'CONNECT') return HEAD_ERROR.methodUnsupported
  const result = parseTarget(bytes, targetStart, targetEnd, head)
  return result < 0 ? result : next
}

function isLineEnd(byte: number): boolean {
  return byte === CR || byte === LF
}

function explainMethod(bytes: Uint8Array, start: number, at: number, end: number): number {
  if (at > start && isLineEnd(bytes[at]!)) return HEAD_ERROR.requestLine
  if (at === start && bytes[at] === CR && at + 1 < end)
    return bytes[at + 1] === LF ? HEAD_ERROR.emptyLines : HEAD_ERROR.lineEnding
  if (at === start && bytes[at] === CR) return 0
  return at === start && bytes[at] === LF ? HEAD_ERROR.lineEnding : HEAD_ERROR.method
}

/** "HTTP/1.1" CRLF or "HTTP/1.0" CRLF; other well-formed versions are 505, all else is malformed. */
function parseVersion(bytes: Uint8Array, start: number, end: number, head: RequestHead): number {
  if (end - start < VERSION_LINE_BYTES) {
    if (bytes[start + 8] === LF && end === start + 9) return HEAD_ERROR.lineEnding
    for (let at = start; at < end; at++) if (bytes[at] === LF) return HEAD_ERROR.version
    return 0
  }
  const major = bytes[start + 5]! - 48
  const minor = bytes[start + 7]! - 48
  const isVersion =
    isHttp(bytes, start) && isDigit(major) && bytes[start + 6] === 46 && isDigit(minor)
  if (!isVersion) return HEAD_ERROR.version
  if (bytes[start + 8] !== CR || bytes[start + 9] !== LF) {
    return bytes[start + 8] === LF || bytes[start + 8] === CR
      ? HEAD_ERROR.lineEnding
      : HEAD_ERROR.version
  }
  if (major !== 1 || minor > 1) return HEAD_ERROR.versionUnsupported
  head.minorVersion = minor === 1 ? 1 : 0
  return start + VERSION_LINE_BYTES
}

/** "HTTP/" */
function isHttp(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start] === 72 &&
    bytes[start + 1] === 84 &&
    bytes[start + 2] === 84 &&
    bytes[start + 3] === 80 &&
    bytes[start + 4] === SLASH
  )
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9
}

const METHODS = [
  'GET',
  'PUT',
  'POST',
  'HEAD',
  'PATCH',
  'TRACE',
  'DELETE',
  'OPTIONS',
  'CONNECT',
] as const

/** The common methods are constants, told by their second byte where the length is not enough; others are new strings. */
function internMethod(bytes: Uint8Array, start: number, end: number): string {
  if (
    end - start === 3 &&
    bytes[start] === 71 &&
    bytes[start + 1] === 69 &&
    bytes[start + 2] === 84
  )
    return 'GET'
  for (const method of METHODS) {
    if (method.length === end - start && isText(bytes, start, end, method)) return method
  }
  return latin1(bytes, start, end)
}

/** Sets form, target, path end and authority. RFC 9112 section 3.2. */
function parseTarget(bytes: Uint8Array, start: number, end: number, head: RequestHead): number {
  if (bytes[start] === SLASH) {
    head.form = 'origin'
    return setOriginTarget(bytes, start, end, head)
  }
  if (end - start === 1 && bytes[start] === 42) {
    if (head.method !== 'OPTIONS') return HEAD_ERROR.target
    head.form = 'asterisk'
    return setTarget('*', start, end, head)
  }
  return parseAbsoluteTarget(bytes, start, end, head)
}

/** A connection that asks for the same again makes no new string. */
function setOriginTarget(bytes: Uint8Array, start: number, end: number, head: RequestHead): number {
  const { knownTarget } = head
  if (knownTarget.length === end - start && isText(bytes, start, end, knownTarget)) {
    head.target = knownTarget
    head.targetStart = start
    head.targetEnd = end
    head.path = head.knownPath
    head.pathEnd = head.path.length
    return 1
  }
  const result = setTarget(latin1(bytes, start, end), start, end, head)
  // A long one is rarely asked for again, and would be held on to.
  if (end - start <= KNOWN_TARGET_BYTES_MAX) {
    head.knownTarget = head.target
    head.knownPath = head.path
  }
  return result
}

function setTarget(target: string, start: number, end: number, head: RequestHead): number {
  head.target = target
  head.targetStart = start
  head.targetEnd = end
  const query = target.indexOf('?')
  head.pathEnd = query < 0 ? target.length : query
  head.path = query < 0 ? target : target.slice(0, query)
  return 1
}

/** http and https only, without user information; the upstream gets the origin form, or '*' (RFC 9112 section 3.2). */
function parseAbsoluteTarget(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: RequestHead,
): number {
  const isHttp = isToken(bytes, start, start + 4, 'http')
  const isHttps =
    !isHttp || bytes[start + 4] === 58 ? false : isToken(bytes, start, start + 5, 'https')
  const schemeEnd = start + (isHttps ? 5 : 4)
  if (!isHttp || end - schemeEnd < 4 || !isText(bytes, schemeEnd, schemeEnd + 3, '://'))
    return HEAD_ERROR.target
  const authorityStart = schemeEnd + 3
  let at = authorityStart
  while (at < end && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++
  if (parseAuthority(bytes, authorityStart, at) < 0) return HEAD_ERROR.target
  head.form = 'absolute'
  head.isHttpsTarget = isHttps
  head.targetAuthority = latin1(bytes, authorityStart, at)
  const rest = latin1(bytes, at, end)
  if (rest === '' && head.method === 'OPTIONS') return setTarget('*', start, end, head)
  return setTarget(rest.startsWith('/') ? rest : `/${rest}`, start, end, head)
}
