import type { Drops } from '../http1/drops.ts'
import { findField } from '../http1/fields.ts'
import type { MessageHead } from '../http1/message-head.ts'
import { FIELD, identifyName } from '../http1/names.ts'
import { FRAMING, type ResponseHead } from '../http1/response-head.ts'
import { TRAILER_FIELDS_MAX, type TrailerSection, writeTrailerLines } from '../http1/trailers.ts'
import { isFieldDropped, type ResponseRewrite } from '../http1/write-head.ts'
import { FIELD_ROOM_BYTES, writeField, writeNamed, writeStatus } from '../hpack/encoder.ts'
import { staticIndexOf } from '../hpack/static-table.ts'

const CONTENT_LENGTH = staticIndexOf('content-length')
/** `:status` and content-length. */
const OWN_BYTES_MAX = 64

/** The room that `writeResponseBlock` may need. */
export function responseBlockRoom(head: ResponseHead, rewrite: ResponseRewrite): number {
  const own = rewrite.fixedLines.length + rewrite.ownLinesEnd + rewrite.lines.length
  // A line is at least four bytes longer than its name and value; an added line is short.
  return head.end - head.start + own * 4 + head.fields.count * FIELD_ROOM_BYTES + OWN_BYTES_MAX
}

/** Writes an answer's head as it goes to a client of HTTP/2, as a header block; `status` for the head's own, where it differs. */
export function writeResponseBlock(
  head: ResponseHead,
  bytes: Uint8Array,
  out: Uint8Array,
  outStart: number,
  rewrite: ResponseRewrite,
  status: number,
): number {
  let at = writeStatus(out, outStart, status)
  at = writeKeptFields(head, bytes, out, at, rewrite.drops)
  if (tellsLength(head)) at = writeLength(out, at, head.contentLength)
  at = writeLines(out, at, rewrite.fixedLines, 0, rewrite.fixedLines.length)
  at = writeLines(out, at, rewrite.ownLines, 0, rewrite.ownLinesEnd)
  return rewrite.lines === '' ? at : writeTextLines(out, at, rewrite.lines)
}

/** RFC 9110 section 8.6; one that was not said is not said by us either: the stream's end says it. */
function tellsLength(head: ResponseHead): boolean {
  if (head.contentLength < 0 || head.status < 200 || head.status === 204) return false
  const isSaid = findField(head.fields, FIELD.contentLength) >= 0
  return isSaid && (head.framing === FRAMING.length || head.framing === FRAMING.none)
}

function writeLength(out: Uint8Array, at: number, length: number): number {
  const digits = Buffer.from(String(length), 'latin1')
  return writeNamed(out, at, CONTENT_LENGTH, digits, 0, digits.length)
}

function writeKeptFields(
  head: MessageHead,
  bytes: Uint8Array,
  out: Uint8Array,
  outStart: number,
  drops: Drops,
): number {
  const { ids, offsets, count } = head.fields
  let at = outStart
  for (let field = 0; field < count; field++) {
    if (isFieldDropped(head, bytes, field, drops)) continue
    const place = field * 4
    at = writeField(
      out,
      at,
      ids[field]!,
      bytes,
      offsets[place]!,
      offsets[place + 1]!,
      offsets[place + 2]!,
      offsets[place + 3]!,
    )
  }
  return at
}

const COLON = 58
const CR = 13
const SP = 32

/** Whole lines of ours, each with CR LF, as fields. */
export function writeLines(
  out: Uint8Array,
  outStart: number,
  lines: Uint8Array,
  start: number,
  end: number,
): number {
  let at = outStart
  let from = start
  while (from < end) {
    let nameEnd = from
    while (lines[nameEnd] !== COLON) nameEnd++
    let valueStart = nameEnd + 1
    while (lines[valueStart] === SP) valueStart++
    let valueEnd = valueStart
    while (valueEnd < end && lines[valueEnd] !== CR) valueEnd++
    const id = Math.max(0, identifyName(lines, from, nameEnd))
    at = writeField(out, at, id, lines, from, nameEnd, valueStart, valueEnd)
    from = valueEnd + 2
  }
  return at
}

/** The same for text. Latin-1. */
export function writeTextLines(out: Uint8Array, at: number, lines: string): number {
  const bytes = Buffer.from(lines, 'latin1')
  return writeLines(out, at, bytes, 0, bytes.length)
}

/** The block of the trailers that may be forwarded; null where there is none. */
export function trailerBlock(
  trailer: TrailerSection,
  dropNames: readonly string[],
): Uint8Array | null {
  if (trailer.fields === null || trailer.fields.count === 0) return null
  const lines = Buffer.allocUnsafe(trailer.length + TRAILER_FIELDS_MAX * 4)
  const end = writeTrailerLines(trailer, lines, 0, dropNames)
  if (end === 0) return null
  const block = Buffer.allocUnsafe(end + TRAILER_FIELDS_MAX * FIELD_ROOM_BYTES)
  return block.subarray(0, writeLines(block, 0, lines, 0, end))
}

/** The block of an answer that the gateway makes itself. */
export function localBlock(status: number, lines: string, contentLength: number): Uint8Array {
  const out = Buffer.alloc(lines.length * 4 + OWN_BYTES_MAX)
  let at = writeStatus(out, 0, status)
  at = writeTextLines(out, at, lines)
  if (contentLength >= 0) at = writeLength(out, at, contentLength)
  return out.subarray(0, at)
}
