import { copyBytes, TOKEN } from '../http1/bytes.ts'
import { FIELD_COUNT, FIELD_NAMES } from '../http1/names.ts'
import { staticIndexOf } from './static-table.ts'

/**
 * Writes header blocks that change no table: names and statuses by the static table, all else as it is. Nobody can learn a secret from how well it was
 * compressed, no state can get out of step, and it costs a copy; the price is some hundred bytes a message on a connection. Every
 * function needs room in `out` and returns the position behind what was written.
 */

/** The most bytes that a field takes beside its name and value. */
export const FIELD_ROOM_BYTES = 16

/** Index of the static table of each FIELD of the HTTP/1 codec, 0 for none. */
const STATIC_OF_FIELD = Uint8Array.from(FIELD_NAMES, (name) =>
  name === '' ? 0 : staticIndexOf(name),
)

const NEVER_INDEXED = 0x10
const WITHOUT_INDEXING = 0x00

/** Secrets are marked as such, so that no hop behind us puts them into a table either (RFC 7541 section 7.1.3). */
const MARKS = Uint8Array.from({ length: FIELD_COUNT }, (_, id) =>
  ['authorization', 'cookie', 'set-cookie', 'proxy-authorization'].includes(FIELD_NAMES[id]!)
    ? NEVER_INDEXED
    : WITHOUT_INDEXING,
)

/** RFC 7541 section 5.1; `first` has the bits before the prefix. */
export function writeInteger(
  out: Uint8Array,
  at: number,
  first: number,
  prefixBits: number,
  value: number,
): number {
  const mask = (1 << prefixBits) - 1
  if (value < mask) {
    out[at] = first | value
    return at + 1
  }
  out[at] = first | mask
  let end = at + 1
  let rest = value - mask
  while (rest >= 128) {
    out[end++] = (rest & 127) | 128
    rest = Math.floor(rest / 128)
  }
  out[end] = rest
  return end + 1
}

/** A field that is in a table as a whole. */
export function writeIndexed(out: Uint8Array, at: number, index: number): number {
  return writeInteger(out, at, 0x80, 7, index)
}

/** Says that we use no dynamic table: needed once where the peer has made it smaller (section 4.2). */
export function writeTableSize(out: Uint8Array, at: number, size: number): number {
  return writeInteger(out, at, 0x20, 5, size)
}

const STATUS_INDEX = 8
const KNOWN_STATUSES: ReadonlyMap<number, number> = new Map(
  [200, 204, 206, 304, 400, 404, 500].map((status, place) => [status, STATUS_INDEX + place]),
)

/** `:status`, three digits. */
export function writeStatus(out: Uint8Array, at: number, status: number): number {
  const known = KNOWN_STATUSES.get(status)
  if (known !== undefined) return writeIndexed(out, at, known)
  const end = writeInteger(out, at, WITHOUT_INDEXING, 4, STATUS_INDEX)
  out[end] = 3
  out[end + 1] = 48 + Math.floor(status / 100)
  out[end + 2] = 48 + (Math.floor(status / 10) % 10)
  out[end + 3] = 48 + (status % 10)
  return end + 4
}

/** A field with the name of a static index and the value [start, end) of `bytes`. */
export function writeNamed(
  out: Uint8Array,
  at: number,
  index: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const next = writeInteger(out, at, WITHOUT_INDEXING, 4, index)
  return copyBytes(bytes, start, end, out, writeInteger(out, next, 0, 7, end - start))
}

/** A field of an HTTP/1 head, by its number of FIELD; its name becomes lower-case. */
export function writeField(
  out: Uint8Array,
  at: number,
  id: number,
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
): number {
  const mark = MARKS[id]!
  const index = STATIC_OF_FIELD[id]!
  let end: number
  if (index > 0) end = writeInteger(out, at, mark, 4, index)
  else {
    out[at] = mark
    end = writeInteger(out, at + 1, 0, 7, nameEnd - nameStart)
    for (let from = nameStart; from < nameEnd; from++) out[end++] = TOKEN[bytes[from]!]!
  }
  return copyBytes(
    bytes,
    valueStart,
    valueEnd,
    out,
    writeInteger(out, end, 0, 7, valueEnd - valueStart),
  )
}
