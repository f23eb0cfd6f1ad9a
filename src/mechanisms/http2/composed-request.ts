import { CR, createWordView, isText, skipFieldContent, SP, type WordView } from '../http1/bytes.ts'
import { FIELD, FIELD_COUNT, identifyName } from '../http1/names.ts'
import { FIELD_ROOM_BYTES, writeField, writeIndexed, writeNamed } from '../hpack/encoder.ts'

const AUTHORITY = 1
const METHOD_GET = 2
const METHOD_POST = 3
const PATH = 4
const SCHEME_HTTP = 6
const SCHEME_HTTPS = 7
const COLON = 58
/** A line with its name, colon, space and end is longer than what HPACK needs beside name and value, but for the first one. */
const SHORTEST_LINE_BYTES = 5

/** Fields of a request that are said in another way here, or not at all. */
const NOT_SENT = new Uint8Array(FIELD_COUNT)
for (const id of [
  FIELD.host,
  FIELD.connection,
  FIELD.transferEncoding,
  FIELD.upgrade,
  FIELD.keepAlive,
  FIELD.proxyConnection,
  FIELD.http2Settings,
]) {
  NOT_SENT[id] = 1
}

/** What else the head of a composed request has said. */
export interface ComposedRequest {
  /** The position behind it. */
  end: number
  /** -1: none was said. */
  contentLength: number
  isChunked: boolean
  /** Of the bytes that are read. */
  readonly view: WordView
}

/** A record for any number of requests, one after the other. */
export function createComposedRequest(): ComposedRequest {
  return { end: 0, contentLength: -1, isChunked: false, view: createWordView() }
}

/** " HTTP/1.1" and CR LF. */
const VERSION_BYTES = 11

/** The room that `writeComposedRequest` may need for a head of at most `length` bytes. */
export function composedRoom(length: number): number {
  return length + Math.ceil(length / SHORTEST_LINE_BYTES) * FIELD_ROOM_BYTES
}

/**
 * Writes a request, whose head we have composed for an instance of HTTP/1.1 ourselves, as a header block: in one pass, and without judging it again. Returns
 * the position behind the block; `request` says the rest.
 */
export function writeComposedRequest(
  bytes: Buffer,
  out: Uint8Array,
  outStart: number,
  isHttps: boolean,
  request: ComposedRequest,
): number {
  let at = writeMethod(bytes, out, outStart)
  at = writeIndexed(out, at, isHttps ? SCHEME_HTTPS : SCHEME_HTTP)
  const targetStart = endOfWord(bytes, 0) + 1
  const targetEnd = endOfWord(bytes, targetStart)
  at = writeNamed(out, at, PATH, bytes, targetStart, targetEnd)
  const first = targetEnd + VERSION_BYTES
  const host = findHost(bytes, first, request.view)
  const hostStart = valueStartOf(bytes, host + 4)
  at = writeNamed(out, at, AUTHORITY, bytes, hostStart, endOfValue(bytes, hostStart, request.view))
  return writeFields(bytes, first, out, at, request)
}

function writeFields(
  bytes: Buffer,
  first: number,
  out: Uint8Array,
  outStart: number,
  request: ComposedRequest,
): number {
  const { view } = request
  request.contentLength = -1
  request.isChunked = false
  let at = outStart
  let line = first
  while (bytes[line] !== CR) {
    const nameEnd = endOfName(bytes, line)
    const valueStart = valueStartOf(bytes, nameEnd)
    const valueEnd = endOfValue(bytes, valueStart, view)
    const id = Math.max(0, identifyName(bytes, line, nameEnd))
    if (id === FIELD.contentLength) request.contentLength = lengthAt(bytes, valueStart, valueEnd)
    else if (id === FIELD.transferEncoding) request.isChunked = true
    if (NOT_SENT[id] === 0) {
      at = writeField(out, at, id, bytes, line, nameEnd, valueStart, valueEnd)
    }
    line = valueEnd + 2
  }
  request.end = line + 2
  return at
}

/** Where the line of Host begins: mostly it is the first one. */
function findHost(bytes: Buffer, first: number, view: WordView): number {
  let line = first
  while (!isHost(bytes, line)) line = endOfValue(bytes, line, view) + 2
  return line
}

function isHost(bytes: Buffer, line: number): boolean {
  if (bytes[line + 4] !== COLON) return false
  return isText(bytes, line, line + 4, 'host') || identifyName(bytes, line, line + 4) === FIELD.host
}

function endOfName(bytes: Buffer, start: number): number {
  let at = start
  while (bytes[at] !== COLON) at++
  return at
}

/** Behind the colon at `colon` and the space behind it. */
function valueStartOf(bytes: Buffer, colon: number): number {
  let at = colon + 1
  while (bytes[at] === SP) at++
  return at
}

/** A line that is valid ends with its first control byte. */
function endOfValue(bytes: Buffer, start: number, view: WordView): number {
  return skipFieldContent(bytes, start, bytes.length, view)
}

function endOfWord(bytes: Buffer, start: number): number {
  let at = start
  while (bytes[at] !== SP) at++
  return at
}

function lengthAt(bytes: Buffer, start: number, end: number): number {
  let length = 0
  for (let at = start; at < end; at++) length = length * 10 + bytes[at]! - 48
  return length
}

function writeMethod(bytes: Buffer, out: Uint8Array, at: number): number {
  if (isText(bytes, 0, 4, 'GET ')) return writeIndexed(out, at, METHOD_GET)
  if (isText(bytes, 0, 5, 'POST ')) return writeIndexed(out, at, METHOD_POST)
  return writeNamed(out, at, METHOD_GET, bytes, 0, endOfWord(bytes, 0))
}
