import {
  beginBody,
  createBodyReader,
  forwardBody,
  forwardRoom,
  requestFraming,
} from '../../src/mechanisms/http1/body.ts'
import { headError } from '../../src/mechanisms/http1/errors.ts'
import type { FieldTable } from '../../src/mechanisms/http1/fields.ts'
import { FRAMING, type Framing } from '../../src/mechanisms/http1/response-head.ts'
import { createRequestHead, parseRequestHead } from '../../src/mechanisms/http1/request-head.ts'
import { createRequestRewrite, writeRequestHead } from '../../src/mechanisms/http1/write-head.ts'

const LIMITS = { requestLineBytesMax: 8192, headBytesMax: 32_768 }
const FIELDS_MAX = 100

/** One complete message. */
export interface ProxiedMessage {
  /** As the upstream gets it, Latin-1. */
  readonly written: string
  readonly method: string
  /** As received. */
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly keepAlive: boolean
  readonly upgrade: string
}

/** What the codec, used as a proxy would, makes of the bytes of one connection. */
export interface Outcome {
  readonly messages: readonly ProxiedMessage[]
  /** The code that ended the connection, '' if none. */
  readonly code: string
  readonly status: number
  /** Bytes at the end that are the beginning of a message. */
  readonly rest: number
}

/** Reads all messages of the bytes, arriving in pieces of at most `pieceBytes`, and writes each as for an upstream. */
export function proxy(bytes: Buffer, pieceBytes = bytes.length): Outcome {
  const messages: ProxiedMessage[] = []
  let start = 0
  for (;;) {
    if (start === bytes.length) return { messages, code: '', status: 0, rest: 0 }
    const result = proxyOne(bytes, start, pieceBytes)
    if (typeof result === 'number') {
      if (result === 0) return { messages, code: '', status: 0, rest: bytes.length - start }
      const { code, status } = headError(result)
      return { messages, code, status, rest: 0 }
    }
    messages.push(result.message)
    start = result.end
  }
}

function proxyOne(
  bytes: Buffer,
  start: number,
  pieceBytes: number,
): { message: ProxiedMessage; end: number } | number {
  const head = createRequestHead(FIELDS_MAX)
  let seen = start
  let bodyStart = 0
  while (bodyStart === 0 && seen < bytes.length) {
    seen = Math.min(bytes.length, seen + pieceBytes)
    bodyStart = parseRequestHead(bytes, start, seen, LIMITS, head)
  }
  if (bodyStart <= 0) return bodyStart
  const out = Buffer.alloc(65_536)
  const headEnd = writeRequestHead(head, bytes, out, 0, createRequestRewrite())
  if (headEnd < 0) throw new Error('the head does not fit into 64 KiB')
  const framing = requestFraming(head)
  const plain = copyBody(bytes, bodyStart, pieceBytes, framing, head.contentLength, false)
  if (typeof plain === 'number') return plain
  if (!plain.isDone) return 0
  const body = copyBody(bytes, bodyStart, pieceBytes, framing, head.contentLength, head.isChunked)
  if (typeof body === 'number') throw new Error('the same body was read once and refused once')
  const message = {
    written: out.toString('latin1', 0, headEnd) + body.text,
    method: head.method,
    target: bytes.toString('latin1', head.targetStart, head.targetEnd),
    fields: fieldPairs(bytes, head.fields),
    body: plain.text,
    keepAlive: head.keepAlive,
    upgrade: head.upgrade,
  }
  return { message, end: body.end }
}

/** All fields of a table as strings. */
export function fieldPairs(bytes: Buffer, { offsets, count }: FieldTable): [string, string][] {
  return Array.from({ length: count }, (_, field) => {
    const [nameStart, nameEnd, valueStart, valueEnd] = offsets.subarray(field * 4, field * 4 + 4)
    return [
      bytes.toString('latin1', nameStart, nameEnd),
      bytes.toString('latin1', valueStart, valueEnd),
    ]
  })
}

/** What the bytes hold of a body. */
export interface CopiedBody {
  readonly text: string
  readonly end: number
  readonly isDone: boolean
}

/**
 * The body that begins at `start`, arriving in pieces, as payload or chunked anew; negative if it is refused. One until close ends with
 * the bytes.
 */
export function copyBody(
  bytes: Buffer,
  start: number,
  pieceBytes: number,
  framing: Framing,
  contentLength: number,
  isChunked: boolean,
): CopiedBody | number {
  const reader = createBodyReader()
  beginBody(reader, framing, contentLength, 0)
  let text = ''
  let at = start
  while (!reader.isDone && at < bytes.length) {
    const end = Math.min(bytes.length, at + pieceBytes)
    const room = Buffer.alloc(forwardRoom(reader, end - at))
    const outEnd = forwardBody(reader, bytes, at, end, room, 0, isChunked)
    if (outEnd < 0) return outEnd
    text += room.toString('latin1', 0, outEnd)
    at = reader.consumed
  }
  return { text, end: at, isDone: reader.isDone || framing === FRAMING.untilClose }
}
