import { BACKSLASH, CR, HEX_PLUS_ONE, HTAB, LF, QUOTE, SEMICOLON, TOKEN } from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'
import { type TrailerSection, createTrailerSection, readTrailer, resetTrailer } from './trailers.ts'

/** Where in the chunked framing the next byte stands (RFC 9112 section 7.1). */
export const CHUNK_STATE = {
  sizeFirst: 0,
  size: 1,
  sizeLf: 2,
  data: 3,
  dataCr: 4,
  dataLf: 5,
  trailer: 6,
  done: 7,
  extensionNameFirst: 8,
  extensionName: 9,
  extensionValueFirst: 10,
  extensionToken: 11,
  extensionQuoted: 12,
  extensionEscaped: 13,
  extensionQuotedEnd: 14,
} as const

/** 13 hexadecimal digits are below 2^53; more, even leading zeros, are refused. */
export const CHUNK_SIZE_DIGITS_MAX = 13

/** All chunk extensions of one body together. Nobody uses them; they are checked, counted and dropped. */
export const CHUNK_EXTENSION_BYTES_MAX = 4096

/** The framing between the payloads of a chunked body, as a state machine over single bytes. */
export interface ChunkReader {
  state: number
  /** Size of the chunk that begins, once `state` is data. */
  size: number
  digits: number
  extensionBytes: number
  readonly trailer: TrailerSection
}

/** A reader for any number of chunked bodies, one after the other. */
export function createChunkReader(): ChunkReader {
  return {
    state: CHUNK_STATE.sizeFirst,
    size: 0,
    digits: 0,
    extensionBytes: 0,
    trailer: createTrailerSection(),
  }
}

/** Begins a body. */
export function resetChunkReader(reader: ChunkReader): void {
  reader.state = CHUNK_STATE.sizeFirst
  reader.size = 0
  reader.digits = 0
  reader.extensionBytes = 0
  resetTrailer(reader.trailer)
}

/**
 * Reads framing from `start` on until payload begins (state data), the body is complete (state done) or the bytes end. Returns the
 * position behind what was read, or a negative HEAD_ERROR.
 */
export function readChunkFraming(
  reader: ChunkReader,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let at = start
  while (at < end) {
    if (reader.state === CHUNK_STATE.trailer) return finishTrailer(reader, bytes, at, end)
    const error = readFramingByte(reader, bytes[at]!)
    if (error < 0) return error
    at++
    if (reader.state === CHUNK_STATE.data) return at
  }
  return at
}

function finishTrailer(reader: ChunkReader, bytes: Uint8Array, start: number, end: number): number {
  const at = readTrailer(reader.trailer, bytes, start, end)
  if (at > 0 && reader.trailer.isDone) reader.state = CHUNK_STATE.done
  return at
}

function readFramingByte(reader: ChunkReader, byte: number): number {
  switch (reader.state) {
    case CHUNK_STATE.sizeFirst:
    case CHUNK_STATE.size:
      return readSize(reader, byte)
    case CHUNK_STATE.sizeLf:
      if (byte !== LF) return HEAD_ERROR.chunkEnding
      reader.state = reader.size === 0 ? CHUNK_STATE.trailer : CHUNK_STATE.data
      return 0
    case CHUNK_STATE.dataCr:
      if (byte !== CR) return HEAD_ERROR.chunkEnding
      reader.state = CHUNK_STATE.dataLf
      return 0
    case CHUNK_STATE.dataLf:
      if (byte !== LF) return HEAD_ERROR.chunkEnding
      reader.state = CHUNK_STATE.sizeFirst
      return 0
    default:
      return readExtension(reader, byte)
  }
}

/** chunk-size = 1*HEXDIG, and nothing but ';' or CR behind it: no sign, no "0x", no white space, no bare LF. */
function readSize(reader: ChunkReader, byte: number): number {
  const digit = HEX_PLUS_ONE[byte]! - 1
  if (digit >= 0) {
    if (reader.state === CHUNK_STATE.sizeFirst) {
      reader.size = 0
      reader.digits = 0
      reader.state = CHUNK_STATE.size
    }
    reader.digits++
    reader.size = reader.size * 16 + digit
    return reader.digits > CHUNK_SIZE_DIGITS_MAX ? HEAD_ERROR.chunkSize : 0
  }
  if (reader.state === CHUNK_STATE.sizeFirst) return HEAD_ERROR.chunkSize
  if (byte === CR) reader.state = CHUNK_STATE.sizeLf
  else if (byte === SEMICOLON) reader.state = CHUNK_STATE.extensionNameFirst
  else return byte === LF ? HEAD_ERROR.chunkEnding : HEAD_ERROR.chunkSize
  return 0
}

/**
 * chunk-ext = *( ";" chunk-ext-name [ "=" ( token / quoted-string ) ] ). The "bad white space" that RFC 9112 section 7.1.1 lets
 * recipients parse is refused: parsers differ about it. So is a bare LF inside, which
 * some parsers take for the end of the line and others skip.
 */
function readExtension(reader: ChunkReader, byte: number): number {
  reader.extensionBytes++
  if (reader.extensionBytes > CHUNK_EXTENSION_BYTES_MAX) return HEAD_ERROR.chunkExtension
  switch (reader.state) {
    case CHUNK_STATE.extensionNameFirst:
      return advance(reader, TOKEN[byte] !== 0, CHUNK_STATE.extensionName)
    case CHUNK_STATE.extensionName:
      if (TOKEN[byte] !== 0) return 0
      return byte === 61
        ? advance(reader, true, CHUNK_STATE.extensionValueFirst)
        : endExtension(reader, byte)
    case CHUNK_STATE.extensionValueFirst:
      if (byte === QUOTE) return advance(reader, true, CHUNK_STATE.extensionQuoted)
      return advance(reader, TOKEN[byte] !== 0, CHUNK_STATE.extensionToken)
    case CHUNK_STATE.extensionToken:
      return TOKEN[byte] !== 0 ? 0 : endExtension(reader, byte)
    case CHUNK_STATE.extensionQuoted:
      if (byte === QUOTE) return advance(reader, true, CHUNK_STATE.extensionQuotedEnd)
      if (byte === BACKSLASH) return advance(reader, true, CHUNK_STATE.extensionEscaped)
      return isQuotable(byte) ? 0 : HEAD_ERROR.chunkExtension
    case CHUNK_STATE.extensionEscaped:
      return advance(reader, isQuotable(byte), CHUNK_STATE.extensionQuoted)
    default:
      return endExtension(reader, byte)
  }
}

function advance(reader: ChunkReader, isAllowed: boolean, state: number): number {
  if (!isAllowed) return HEAD_ERROR.chunkExtension
  reader.state = state
  return 0
}

function endExtension(reader: ChunkReader, byte: number): number {
  if (byte === SEMICOLON) return advance(reader, true, CHUNK_STATE.extensionNameFirst)
  return advance(reader, byte === CR, CHUNK_STATE.sizeLf)
}

/** qdtext and quoted-pair without DEL and controls (RFC 9110 section 5.6.4). */
function isQuotable(byte: number): boolean {
  return byte > 31 ? byte !== 127 : byte === HTAB
}
