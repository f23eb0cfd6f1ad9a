import { CR, LF, copyBytes, isFoldedToken, latin1, writeText } from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'
import { type FieldTable, createFieldTable, parseFieldLines } from './fields.ts'
import { FIELD } from './names.ts'

/** Bytes of one trailer section, its empty line included. */
export const TRAILER_BYTES_MAX = 8192
/** Fields of one trailer section. */
export const TRAILER_FIELDS_MAX = 32

/** The fields behind the last chunk (RFC 9112 section 7.1.2). Collected whole, because they are checked whole; most bodies have none. */
export interface TrailerSection {
  /** Collected bytes; made at the first trailer. */
  bytes: Buffer | null
  length: number
  fields: FieldTable | null
  isDone: boolean
}

/** An empty section. */
export function createTrailerSection(): TrailerSection {
  return { bytes: null, length: 0, fields: null, isDone: false }
}

/** Begins a section. */
export function resetTrailer(trailer: TrailerSection): void {
  trailer.length = 0
  trailer.isDone = false
  if (trailer.fields !== null) trailer.fields.count = 0
}

/** Reads on at `start` up to the empty line; isDone tells that it was found. Returns the position behind what was read or a HEAD_ERROR. */
export function readTrailer(
  trailer: TrailerSection,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (trailer.length === 0 && end - start >= 2 && bytes[start] === CR && bytes[start + 1] === LF) {
    trailer.isDone = true
    return start + 2
  }
  trailer.bytes ??= Buffer.allocUnsafeSlow(TRAILER_BYTES_MAX)
  for (let at = start; at < end; at++) {
    if (trailer.length === TRAILER_BYTES_MAX) return HEAD_ERROR.trailerTooLarge
    const byte = bytes[at]!
    const before = trailer.length === 0 ? 0 : trailer.bytes[trailer.length - 1]!
    if ((byte === LF) !== (before === CR)) return HEAD_ERROR.lineEnding
    trailer.bytes[trailer.length++] = byte
    if (byte === LF && isEmptyLine(trailer.bytes, trailer.length))
      return checkTrailer(trailer, trailer.bytes, at + 1)
  }
  return end
}

function isEmptyLine(bytes: Uint8Array, length: number): boolean {
  return length === 2 || (length > 3 && bytes[length - 3] === LF)
}

function checkTrailer(trailer: TrailerSection, bytes: Buffer, next: number): number {
  trailer.fields ??= createFieldTable(TRAILER_FIELDS_MAX)
  trailer.fields.count = 0
  trailer.fields.start = 0
  trailer.fields.lineStart = 0
  const result = parseFieldLines(bytes, trailer.length, trailer.fields)
  if (result === HEAD_ERROR.tooManyFields) return HEAD_ERROR.trailerTooLarge
  if (result <= 0) return HEAD_ERROR.trailer
  trailer.isDone = true
  return next
}

/**
 * Writes the last chunk and the trailer fields that may be forwarded, and returns the position behind them. Every field that routes,
 * frames, authenticates or describes the content is dropped (RFC 9110 section 6.5.1): a backend might merge it into the head.
 */
export function writeTrailers(
  trailer: TrailerSection,
  out: Buffer,
  outStart: number,
  dropNames: readonly string[],
): number {
  const at = writeText(out, outStart, '0\r\n')
  return writeText(out, writeTrailerLines(trailer, out, at, dropNames), '\r\n')
}

/** Writes the lines of the trailer fields that may be forwarded, and returns the position behind them. */
export function writeTrailerLines(
  trailer: TrailerSection,
  out: Buffer,
  outStart: number,
  dropNames: readonly string[],
): number {
  let at = outStart
  const { fields, bytes } = trailer
  if (fields !== null && bytes !== null && trailer.length > 0) {
    for (let field = 0; field < fields.count; field++) {
      if (!mayForward(bytes, fields, field, dropNames)) continue
      at = copyBytes(bytes, fields.offsets[field * 4]!, fields.offsets[field * 4 + 1]!, out, at)
      at = writeText(out, at, ': ')
      at = copyBytes(bytes, fields.offsets[field * 4 + 2]!, fields.offsets[field * 4 + 3]!, out, at)
      at = writeText(out, at, '\r\n')
    }
  }
  return at
}

const FORBIDDEN_PREFIXES = [
  'content-',
  'if-',
  'sec-',
  'access-control-',
  'accept-',
  'proxy-',
  'x-forwarded-',
] as const
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(
  'age allow authentication-info etag expires last-modified origin pragma set-cookie2 warning www-authenticate'.split(
    ' ',
  ),
)

function mayForward(
  bytes: Uint8Array,
  fields: FieldTable,
  field: number,
  dropNames: readonly string[],
): boolean {
  if (fields.ids[field] !== FIELD.other) return false
  const name = latin1(
    bytes,
    fields.offsets[field * 4]!,
    fields.offsets[field * 4 + 1]!,
  ).toLowerCase()
  if (FORBIDDEN_NAMES.has(name) || isDropped(bytes, fields, field, dropNames)) return false
  return !FORBIDDEN_PREFIXES.some((prefix) => name.replaceAll('_', '-').startsWith(prefix))
}

function isDropped(
  bytes: Uint8Array,
  fields: FieldTable,
  field: number,
  dropNames: readonly string[],
): boolean {
  const start = fields.offsets[field * 4]!
  const end = fields.offsets[field * 4 + 1]!
  return dropNames.some((dropped) => isFoldedToken(bytes, start, end, dropped))
}
