/**
 * Byte classes of RFC 9110 and RFC 9112 as tables, and the few conversions between bytes and strings.
 * A table lookup is one load a byte: the whole codec makes one pass over a head, and this is its inner loop.
 */

export const CR = 13
export const LF = 10
export const SP = 32
export const HTAB = 9
export const COLON = 58
export const COMMA = 44
export const SEMICOLON = 59
export const QUOTE = 34
export const BACKSLASH = 92
export const SLASH = 47
export const QUESTION = 63

const ALPHA_LOWER = 'abcdefghijklmnopqrstuvwxyz'
const ALPHA_UPPER = ALPHA_LOWER.toUpperCase()
const DIGITS = '0123456789'

function markBytes(characters: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}

function mapBytes(characters: string, to: (code: number) => number): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = to(character.charCodeAt(0))
  return table
}

const TOKEN_CHARACTERS = `!#$%&'*+-.^_\`|~${DIGITS}${ALPHA_LOWER}${ALPHA_UPPER}`

function lowerCase(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 122)
}

/** The lower-case byte of each tchar (RFC 9110 section 5.6.2), 0 for every other byte. */
export const TOKEN = mapBytes(TOKEN_CHARACTERS, lowerCase)

/**
 * Like TOKEN, but every tchar that is neither letter nor digit becomes '-'. CGI-style backends map those characters onto one (RFC 3875
 * section 4.1.18), so two names with equal folded bytes are one name to them: `content_length` is `content-length`.
 */
export const FOLDED = mapBytes(TOKEN_CHARACTERS, (code) =>
  isAlphanumeric(lowerCase(code)) ? lowerCase(code) : 45,
)

/** Bytes of a method that we take: registered methods are upper-case letters, some with '-' or '_' (RFC 9110 section 16.1). */
export const METHOD = markBytes(`${ALPHA_UPPER}-_`)

/**
 * Bytes of a host name that we take. RFC 3986 allows sub-delims and percent-encoding in a reg-name too, but no host in use has them, and
 * ',' or '%' in a Host are tricks against routing.
 */
export const HOST_NAME = markBytes(`${ALPHA_LOWER}${ALPHA_UPPER}${DIGITS}-._~`)

/** Bytes inside the brackets of an IPv6 literal, without zone. */
export const IP_LITERAL = markBytes('0123456789abcdefABCDEF:.')

/** The value of a hexadecimal digit plus one, 0 for every other byte. */
export const HEX_PLUS_ONE = mapBytes(
  '0123456789abcdefABCDEF',
  (code) => Number.parseInt(String.fromCharCode(code), 16) + 1,
)

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string
const latin1Slice = (Buffer.prototype as unknown as { readonly latin1Slice: Latin1Slice })
  .latin1Slice

/** The bytes [start, end) as a string of one UTF-16 unit a byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end)
}

type Latin1Write = (this: Uint8Array, text: string, start: number) => number
const latin1Write = (Buffer.prototype as unknown as { readonly latin1Write: Latin1Write })
  .latin1Write

/** A native call costs about 80 ns whatever its length, a loop 1 to 3 ns a byte: short ranges are looped. */
const LOOP_BYTES_MAX = 32

/** Writes Latin-1 text at `start`, where it must fit, and returns the position behind it. */
export function writeText(out: Uint8Array, start: number, text: string): number {
  if (text.length > LOOP_BYTES_MAX) return start + latin1Write.call(out, text, start)
  for (let i = 0; i < text.length; i++) out[start + i] = text.charCodeAt(i)
  return start + text.length
}

/** Writes CR LF, where it must fit, and returns the position behind it. */
export function writeLineEnd(out: Uint8Array, start: number): number {
  out[start] = CR
  out[start + 1] = LF
  return start + 2
}

/** Writes a whole number below 2^53 in decimal, where it must fit, and returns the position behind it. */
export function writeDecimal(out: Uint8Array, start: number, value: number): number {
  let digits = 1
  for (let bound = 10; bound <= value; bound *= 10) digits++
  let rest = value
  for (let at = start + digits - 1; at >= start; at--) {
    const tenth = Math.floor(rest / 10)
    out[at] = 48 + (rest - tenth * 10)
    rest = tenth
  }
  return start + digits
}

// The global `Buffer` is a getter, which is called each time.
const { copy } = Buffer.prototype

/** Copies [start, end) of `from` to `outStart` of `out`, where it must fit, and returns the position behind it. */
export function copyBytes(
  from: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
): number {
  if (end - start > LOOP_BYTES_MAX) {
    copy.call(from, out, outStart, start, end)
    return outStart + end - start
  }
  let at = outStart
  for (let i = start; i < end; i++) out[at++] = from[i]!
  return at
}

/** Below this a view costs more than it saves. */
const VIEW_BYTES_MIN = 256

/**
 * The words of the buffer that was read last. Kept from call to call by whoever reads, because sockets read into the same
 * buffer again and again, and a view costs more than a short range.
 */
export interface WordView {
  bytes: Uint8Array
  words: DataView
}

/** Looks at no bytes yet. */
export function createWordView(): WordView {
  const bytes = new Uint8Array(0)
  return { bytes, words: new DataView(bytes.buffer) }
}

/**
 * The first position in [start, end) that may not stand in a field value, or `end`: RFC 9110 section 5.5 has SP, HTAB, VCHAR and
 * obs-text, of which the bytes above 127 are opaque. Tested four bytes at a time, which is three times as fast, where `view` has these bytes
 * already or the range is long.
 */
export function skipFieldContent(
  bytes: Uint8Array,
  start: number,
  end: number,
  view: WordView,
): number {
  let at = start
  if (bytes === view.bytes || end - start > VIEW_BYTES_MIN)
    at = skipWords(lookAt(bytes, view), start, end)
  while (at < end) {
    const byte = bytes[at]!
    if (byte > 31 ? byte === 127 : byte !== HTAB) break
    at++
  }
  return at
}

/** The words of these bytes, which are looked at from now on. */
export function lookAt(bytes: Uint8Array, view: WordView): DataView {
  if (bytes !== view.bytes) {
    view.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    view.bytes = bytes
  }
  return view.words
}

/** Stops before the first word with a byte below 32 or equal to 127; HTAB is among them and left to the caller. */
function skipWords(words: DataView, start: number, end: number): number {
  let at = start
  for (const last = end - 4; at <= last; at += 4) {
    const word = words.getInt32(at, true)
    const flipped = word ^ 0x7f7f7f7f
    const isControl = (word - 0x20202020) & ~word
    const isDelete = (flipped - 0x01010101) & ~flipped
    if (((isControl | isDelete) & 0x80808080) !== 0) break
  }
  return at
}

/** True if [start, end) are the bytes of `lowerCaseText`, whatever their case; `lowerCaseText` must be tchars. */
export function isToken(
  bytes: Uint8Array,
  start: number,
  end: number,
  lowerCaseText: string,
): boolean {
  if (end - start !== lowerCaseText.length) return false
  for (let i = 0; i < lowerCaseText.length; i++) {
    if (TOKEN[bytes[start + i]!] !== lowerCaseText.charCodeAt(i)) return false
  }
  return true
}

/** Like isToken, but a CGI-style backend decides: every tchar that is no letter or digit counts as '-'. */
export function isFoldedToken(
  bytes: Uint8Array,
  start: number,
  end: number,
  lowerCaseText: string,
): boolean {
  if (end - start !== lowerCaseText.length) return false
  for (let i = 0; i < lowerCaseText.length; i++) {
    if (FOLDED[bytes[start + i]!] !== FOLDED[lowerCaseText.charCodeAt(i)]) return false
  }
  return true
}

/** True if [start, end) are exactly the bytes of `text`. */
export function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false
  }
  return true
}

/** The first position in [start, end) that is no tchar (RFC 9110 section 5.6.2), or `end`. */
export function skipToken(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && TOKEN[bytes[at]!] !== 0) at++
  return at
}

/** The first position in [start, end) that is no OWS (RFC 9110 section 5.6.3), or `end`. */
export function skipOws(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++
  return at
}

/** The position behind the last byte of [start, end) that is no OWS, or `start`. */
export function trimOws(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--
  return at
}
