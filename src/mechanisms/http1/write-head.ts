import {
  copyBytes,
  isFoldedToken,
  isToken,
  writeDecimal,
  writeLineEnd,
  writeText,
} from './bytes.ts'
import type { Drops } from './drops.ts'
import { createRequestDrops, createResponseDrops } from './drops.ts'
import type { MessageHead } from './message-head.ts'
import { FIELD } from './names.ts'
import type { RequestHead } from './request-head.ts'
import { FRAMING, type Framing, type ResponseHead } from './response-head.ts'

/** What the gateway changes in a request. Reuse one record: only its fields change. Lines and names in it are trusted: see formatLine. */
export interface RequestRewrite {
  /** The origin-form target to send, '' for the request's own. */
  target: string
  /** The Host to send, '' for the request's own. */
  host: string
  /** The Host of a request that has none (HTTP/1.0), when `host` is ''. */
  hostFallback: string
  /** Whole lines with CR LF that are the same for many requests, such as x-forwarded-for of a connection. */
  fixedLines: Uint8Array
  /** Whole lines with CR LF of this request, such as x-request-id and traceparent: [0, ownLinesEnd). */
  ownLines: Uint8Array
  ownLinesEnd: number
  /** More of them. Latin-1. */
  lines: string
  drops: Drops
  /** Forwards Connection: upgrade and Upgrade, where the request asks for them. */
  isTunnel: boolean
  /** Forwards Expect: 100-continue. Without it the caller must answer 100 itself. */
  forwardsExpect: boolean
  /** Adds Connection: close. */
  closes: boolean
}

/** What the gateway changes in a response. */
export interface ResponseRewrite {
  /** Version of the client's request: 1.0 gets no chunked body and is told explicitly that the connection stays. */
  clientMinorVersion: 0 | 1
  /** The client's connection stays open after this response. Must be false where outgoingFraming says untilClose. */
  keepsAlive: boolean
  fixedLines: Uint8Array
  ownLines: Uint8Array
  ownLinesEnd: number
  lines: string
  drops: Drops
  /** Forwards Connection: upgrade and Upgrade of a 101. */
  isTunnel: boolean
}

const NO_BYTES = new Uint8Array(0)

/** A rewrite that changes nothing but what a proxy must change for an untrusted peer. */
export function createRequestRewrite(): RequestRewrite {
  return {
    target: '',
    host: '',
    hostFallback: '',
    fixedLines: NO_BYTES,
    ownLines: NO_BYTES,
    ownLinesEnd: 0,
    lines: '',
    drops: createRequestDrops({ isPeerTrusted: false, names: [] }),
    isTunnel: false,
    forwardsExpect: false,
    closes: false,
  }
}

/** A rewrite that changes nothing but what a proxy must change. */
export function createResponseRewrite(): ResponseRewrite {
  return {
    clientMinorVersion: 1,
    keepsAlive: true,
    fixedLines: NO_BYTES,
    ownLines: NO_BYTES,
    ownLinesEnd: 0,
    lines: '',
    drops: createResponseDrops([]),
    isTunnel: false,
  }
}

/** More than all that the writers add by themselves: version, framing, connection and upgrade lines without their variable parts. */
const OWN_LINES_BYTES_MAX = 192

/**
 * Writes the request as it goes to the upstream, always as HTTP/1.1: the client's lines that are kept, byte for byte as validated, framing
 * and hop-by-hop lines anew, then the lines of the rewrite. Returns the position behind the head, or -1 if `out` may be too small for
 * it (nothing usable is written then). RFC 9110 section 7.6, RFC 9112 section 6.
 */
export function writeRequestHead(
  head: RequestHead,
  bytes: Uint8Array,
  out: Buffer,
  outStart: number,
  rewrite: RequestRewrite,
): number {
  const { target, host, hostFallback } = rewrite
  const room =
    head.end -
    head.start +
    ownLinesRoom(rewrite) +
    target.length +
    host.length +
    hostFallback.length +
    head.upgrade.length
  if (out.length - outStart < room + head.targetAuthority.length + OWN_LINES_BYTES_MAX) return -1
  const isLineKept = target === '' && head.form !== 'absolute' && head.minorVersion === 1
  let at = isLineKept ? outStart : writeRequestLine(head, out, outStart, target)
  const runStart = isLineKept ? head.lineStart : head.fields.start
  const replacesHost = host !== '' || head.form === 'absolute' || head.hostField < 0
  at = copyKeptLines(head, bytes, out, at, rewrite.drops, runStart, replacesHost ? FIELD.host : -1)
  if (replacesHost) at = writeText(out, at, `host: ${host || head.host || hostFallback}\r\n`)
  at = writeRequestFraming(head, out, at)
  if (rewrite.isTunnel || rewrite.closes || rewrite.forwardsExpect || head.acceptsTrailers) {
    at = writeText(out, at, hopLines(head, rewrite))
  }
  return writeOwnLines(rewrite, out, at)
}

function writeRequestLine(head: RequestHead, out: Buffer, at: number, target: string): number {
  return writeText(out, at, `${head.method} ${target === '' ? head.target : target} HTTP/1.1\r\n`)
}

/** Methods that anticipate a body say so even when it is empty (RFC 9110 section 8.6); others say nothing. */
function writeRequestFraming(head: RequestHead, out: Buffer, at: number): number {
  if (head.isChunked) return writeText(out, at, 'transfer-encoding: chunked\r\n')
  if (head.contentLength >= 0) return writeContentLength(head.contentLength, out, at)
  const anticipates = head.method === 'POST' || head.method === 'PUT' || head.method === 'PATCH'
  return anticipates ? writeText(out, at, 'content-length: 0\r\n') : at
}

function hopLines(head: RequestHead, rewrite: RequestRewrite): string {
  let lines = ''
  if (rewrite.isTunnel && head.upgrade !== '')
    lines += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`
  else if (rewrite.closes)
    lines += head.acceptsTrailers ? 'connection: close, te\r\n' : 'connection: close\r\n'
  else if (head.acceptsTrailers) lines += 'connection: te\r\n'
  if (head.acceptsTrailers && !(rewrite.isTunnel && head.upgrade !== ''))
    lines += 'te: trailers\r\n'
  if (rewrite.forwardsExpect && head.expectsContinue) lines += 'expect: 100-continue\r\n'
  return lines
}

/** Copies the lines that are not dropped, neighbours together, beginning at `runStart` (the start line, if it is kept as it is). */
function copyKeptLines(
  head: MessageHead,
  bytes: Uint8Array,
  out: Buffer,
  outStart: number,
  drops: Drops,
  runStart: number,
  replacedId: number,
): number {
  const { ids, offsets, count } = head.fields
  const droppedIds = drops.ids
  const hasNames = drops.names.length > 0 || head.connectionNames.length > 0
  let at = outStart
  let run = runStart
  for (let field = 0; field < count; field++) {
    const id = ids[field]!
    if (
      droppedIds[id] === 0 &&
      id !== replacedId &&
      !(hasNames && isNameDropped(head, bytes, field, drops.names))
    )
      continue
    const lineStart = offsets[field * 4]!
    if (lineStart > run) at = copyBytes(bytes, run, lineStart, out, at)
    run = field + 1 < count ? offsets[field * 4 + 4]! : head.end - 2
  }
  const last = head.end - 2
  return last > run ? copyBytes(bytes, run, last, out, at) : at
}

/** Private names of Connection only apply to names without a number: readConnection keeps the known ones out. */
function isNameDropped(
  head: MessageHead,
  bytes: Uint8Array,
  field: number,
  names: readonly string[],
): boolean {
  const id = head.fields.ids[field]!
  if (id !== FIELD.other && id !== FIELD.xForwardedOther) return false
  const start = head.fields.offsets[field * 4]!
  const end = head.fields.offsets[field * 4 + 1]!
  for (const name of names) if (isFoldedToken(bytes, start, end, name)) return true
  for (const name of head.connectionNames) if (isToken(bytes, start, end, name)) return true
  return false
}

/** True for a field that is not forwarded: by its number, by its name, or because Connection names it. */
export function isFieldDropped(
  head: MessageHead,
  bytes: Uint8Array,
  field: number,
  drops: Drops,
): boolean {
  if (drops.ids[head.fields.ids[field]!] === 1) return true
  if (drops.names.length === 0 && head.connectionNames.length === 0) return false
  return isNameDropped(head, bytes, field, drops.names)
}

/**
 * How the body goes to the client: chunked for a body of unknown length, if the client speaks HTTP/1.1, else until the connection closes.
 * Decide `keepsAlive` with it: untilClose cannot keep the connection.
 */
export function outgoingFraming(head: ResponseHead, clientMinorVersion: 0 | 1): Framing {
  if (head.framing === FRAMING.none || head.framing === FRAMING.length) return head.framing
  return clientMinorVersion === 1 ? FRAMING.chunked : FRAMING.untilClose
}

/**
 * Writes the response as it goes to the client, always as HTTP/1.1. Returns the position behind the head, or -1 if `out` may be too
 * small. For 1xx no framing and no connection lines are written, except for a 101 that opens a tunnel.
 */
export function writeResponseHead(
  head: ResponseHead,
  bytes: Uint8Array,
  out: Buffer,
  outStart: number,
  rewrite: ResponseRewrite,
): number {
  const room = responseHeadRoom(head, rewrite)
  if (out.length - outStart < room) return -1
  const hasPlainLine = head.minorVersion === 1 && head.reasonStart === head.start + 13
  let at = hasPlainLine ? outStart : writeStatusLine(head, bytes, out, outStart)
  const runStart = hasPlainLine ? head.start : head.fields.start
  at = copyKeptLines(head, bytes, out, at, rewrite.drops, runStart, -1)
  at = writeResponseFraming(head, rewrite, out, at)
  return writeOwnLines(rewrite, out, at)
}

function writeStatusLine(
  head: ResponseHead,
  bytes: Uint8Array,
  out: Buffer,
  outStart: number,
): number {
  let at = writeText(out, outStart, `HTTP/1.1 ${head.status} `)
  at = copyBytes(bytes, head.reasonStart, head.reasonEnd, out, at)
  return writeText(out, at, '\r\n')
}

function writeResponseFraming(
  head: ResponseHead,
  rewrite: ResponseRewrite,
  out: Buffer,
  outStart: number,
): number {
  if (head.status < 200) {
    const opensTunnel = head.status === 101 && rewrite.isTunnel
    return opensTunnel
      ? writeText(out, outStart, `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`)
      : outStart
  }
  const framing = outgoingFraming(head, rewrite.clientMinorVersion)
  let at = outStart
  if (framing === FRAMING.chunked) at = writeText(out, at, 'transfer-encoding: chunked\r\n')
  else if (tellsLength(head, framing)) at = writeContentLength(head.contentLength, out, at)
  if (!rewrite.keepsAlive) return writeText(out, at, 'connection: close\r\n')
  return rewrite.clientMinorVersion === 0 ? writeText(out, at, 'connection: keep-alive\r\n') : at
}

/** HEAD and 304 say the length that a GET would have had (RFC 9110 section 8.6); 204 says none. */
function tellsLength(head: ResponseHead, framing: Framing): boolean {
  if (head.contentLength < 0) return false
  return framing === FRAMING.length || (framing === FRAMING.none && head.status !== 204)
}

function writeContentLength(length: number, out: Buffer, outStart: number): number {
  return writeLineEnd(out, writeDecimal(out, writeText(out, outStart, 'content-length: '), length))
}

/** The room that writeResponseHead asks for. */
export function responseHeadRoom(head: ResponseHead, rewrite: ResponseRewrite): number {
  const own = ownLinesRoom(rewrite) + head.upgrade.length + OWN_LINES_BYTES_MAX
  return head.end - head.start + own
}

type OwnLines = Pick<RequestRewrite, 'fixedLines' | 'ownLines' | 'ownLinesEnd' | 'lines'>

function ownLinesRoom(rewrite: OwnLines): number {
  return rewrite.fixedLines.length + rewrite.ownLinesEnd + rewrite.lines.length
}

function writeOwnLines(rewrite: OwnLines, out: Buffer, outStart: number): number {
  const { fixedLines, ownLines, ownLinesEnd, lines } = rewrite
  let at = outStart
  if (fixedLines.length > 0) at = copyBytes(fixedLines, 0, fixedLines.length, out, at)
  if (ownLinesEnd > 0) at = copyBytes(ownLines, 0, ownLinesEnd, out, at)
  if (lines !== '') at = writeText(out, at, lines)
  return writeLineEnd(out, at)
}
