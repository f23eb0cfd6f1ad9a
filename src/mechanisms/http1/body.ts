import { CR, LF, copyBytes } from './bytes.ts'
import {
  CHUNK_STATE,
  type ChunkReader,
  createChunkReader,
  readChunkFraming,
  resetChunkReader,
} from './chunked.ts'
import { HEAD_ERROR } from './errors.ts'
import { FRAMING, type Framing } from './response-head.ts'
import { resetTrailer, TRAILER_FIELDS_MAX, writeTrailers } from './trailers.ts'

/** Reads one body, a range of bytes at a time, without copying. Reused from message to message. */
export interface BodyReader {
  framing: Framing
  /** Bytes of payload still to come in this body (`length`) or chunk (`chunked`); not used for untilClose and frames. */
  remaining: number
  /** Of a body in frames: the range that is read next is the last one. */
  isLast: boolean
  /** Bytes of payload so far. */
  received: number
  /** 0: no limit. */
  bodyBytesMax: number
  /** The body is complete. Never set for untilClose: there the connection's end is the body's. */
  isDone: boolean
  /** The payload found by the last readBody; empty if equal. */
  payloadStart: number
  payloadEnd: number
  /** The position behind what the last forwardBody read. */
  consumed: number
  /** Lower-case names that must not be forwarded as trailers either: those of Drops.names. */
  dropNames: readonly string[]
  readonly chunks: ChunkReader
}

/** A reader for any number of bodies, one after the other. */
export function createBodyReader(): BodyReader {
  return {
    framing: FRAMING.none,
    remaining: 0,
    isLast: false,
    received: 0,
    bodyBytesMax: 0,
    isDone: true,
    payloadStart: 0,
    payloadEnd: 0,
    consumed: 0,
    dropNames: [],
    chunks: createChunkReader(),
  }
}

/**
 * Begins a body. `contentLength` counts for `length` only, `bodyBytesMax` 0 is no limit. Returns 0, or HEAD_ERROR.bodyTooLarge if the
 * length is known to be over the limit. For a request: `requestFraming(head)`.
 */
export function beginBody(
  reader: BodyReader,
  framing: Framing,
  contentLength: number,
  bodyBytesMax: number,
): number {
  reader.framing = framing
  reader.remaining = framing === FRAMING.length ? contentLength : 0
  reader.isLast = false
  reader.received = 0
  reader.bodyBytesMax = bodyBytesMax
  reader.isDone = framing === FRAMING.none || (framing === FRAMING.length && contentLength === 0)
  reader.payloadStart = 0
  reader.payloadEnd = 0
  reader.consumed = 0
  if (framing === FRAMING.chunked || framing === FRAMING.frames) resetChunkReader(reader.chunks)
  // Those of the body before must not stand behind this one.
  else if (reader.chunks.trailer.length > 0) resetTrailer(reader.chunks.trailer)
  return framing === FRAMING.length && bodyBytesMax > 0 && contentLength > bodyBytesMax
    ? HEAD_ERROR.bodyTooLarge
    : 0
}

/** How a request's body is delimited: chunked, by its length, or none (RFC 9112 section 6.3: a request is never read until close). */
export function requestFraming(head: {
  readonly isChunked: boolean
  readonly contentLength: number
}): Framing {
  if (head.isChunked) return FRAMING.chunked
  return head.contentLength > 0 ? FRAMING.length : FRAMING.none
}

/**
 * Reads on at `start`, up to the end of one payload range, of the body or of the bytes. Returns the position behind what was read, or a
 * negative HEAD_ERROR. The payload is in payloadStart and payloadEnd. Call until the position is `end` or the body isDone.
 */
export function readBody(
  reader: BodyReader,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let at = start
  if (reader.framing === FRAMING.chunked && reader.remaining === 0) {
    at = readChunkFraming(reader.chunks, bytes, start, end)
    if (at < 0) return at
    reader.payloadStart = at
    reader.payloadEnd = at
    if (reader.chunks.state === CHUNK_STATE.done) {
      reader.isDone = true
      return at
    }
    if (reader.chunks.state !== CHUNK_STATE.data) return at
    reader.remaining = reader.chunks.size
  }
  return readPayload(reader, at, end)
}

function readPayload(reader: BodyReader, start: number, end: number): number {
  const isBounded = reader.framing < FRAMING.untilClose
  const length = isBounded ? Math.min(reader.remaining, end - start) : end - start
  reader.payloadStart = start
  reader.payloadEnd = start + length
  reader.received += length
  if (reader.bodyBytesMax > 0 && reader.received > reader.bodyBytesMax)
    return HEAD_ERROR.bodyTooLarge
  if (isBounded) {
    reader.remaining -= length
    if (reader.remaining === 0) {
      if (reader.framing === FRAMING.length) reader.isDone = true
      else if (reader.framing === FRAMING.chunked) reader.chunks.state = CHUNK_STATE.dataCr
    }
  } else if (reader.isLast && start + length === end) reader.isDone = true
  return start + length
}

/** More than the framing of one chunk and of the last chunk, and the space behind each trailer's colon. */
const OWN_FRAMING_BYTES_MAX = 32 + TRAILER_FIELDS_MAX

/** The room that forwardBody may need in `out` for `byteCount` more bytes. */
export function forwardRoom(reader: BodyReader, byteCount: number): number {
  return byteCount + OWN_FRAMING_BYTES_MAX + reader.chunks.trailer.length
}

/**
 * Reads all of [start, end) that belongs to the body and writes it to `out`: with `isChunked` as one chunk, and the last chunk with
 * the trailers when the body is complete; else as plain payload. So one read becomes one write, and no byte of the sender's framing
 * is forwarded. Returns the position behind what was written, or a negative HEAD_ERROR; `consumed` is the position behind what was
 * read. `out` needs forwardRoom(end - start) from `outStart` on, else RangeError.
 */
export function forwardBody(
  reader: BodyReader,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Buffer,
  outStart: number,
  isChunked: boolean,
): number {
  if (out.length - outStart < forwardRoom(reader, end - start)) {
    throw new RangeError(
      `no room for a body range: ${out.length - outStart} bytes, needs ${forwardRoom(reader, end - start)}`,
    )
  }
  const payloadStart = isChunked ? outStart + hexDigits(end - start) + 2 : outStart
  let outEnd = payloadStart
  let at = start
  while (at < end && !reader.isDone) {
    at = readBody(reader, bytes, at, end)
    if (at < 0) return at
    outEnd = copyBytes(bytes, reader.payloadStart, reader.payloadEnd, out, outEnd)
  }
  if (reader.isLast) reader.isDone = true
  reader.consumed = at
  if (!isChunked) return outEnd
  outEnd = closeChunk(out, outStart, payloadStart, outEnd)
  return reader.isDone
    ? writeTrailers(reader.chunks.trailer, out, outEnd, reader.dropNames)
    : outEnd
}

/** Writes the size in front of the payload at `payloadStart` and the line end behind it; nothing for an empty payload. */
function closeChunk(
  out: Buffer,
  outStart: number,
  payloadStart: number,
  payloadEnd: number,
): number {
  const size = payloadEnd - payloadStart
  if (size === 0) return outStart
  const start = writeChunkSize(out, outStart, size)
  let end = payloadEnd
  if (start < payloadStart) {
    out.copyWithin(start, payloadStart, payloadEnd)
    end = start + size
  }
  out[end] = CR
  out[end + 1] = LF
  return end + 2
}

/** Writes "size CRLF" in hexadecimal and returns the position behind it. For payload that is written apart, follow it with CRLF. */
export function writeChunkSize(out: Uint8Array, outStart: number, size: number): number {
  const digits = hexDigits(size)
  let rest = size
  for (let at = outStart + digits - 1; at >= outStart; at--) {
    const digit = rest % 16
    out[at] = digit < 10 ? 48 + digit : 87 + digit
    rest = (rest - digit) / 16
  }
  out[outStart + digits] = CR
  out[outStart + digits + 1] = LF
  return outStart + digits + 2
}

/** The last chunk of a body that ended with its connection, without trailers: 5 bytes. */
export const LAST_CHUNK = '0\r\n\r\n'

function hexDigits(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 16; rest = Math.floor(rest / 16)) digits++
  return digits
}
