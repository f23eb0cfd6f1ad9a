import { formatLine } from '../../mechanisms/http1/answer.ts'
import {
  beginBody,
  type BodyReader,
  createBodyReader,
  forwardBody,
  forwardRoom,
} from '../../mechanisms/http1/body.ts'
import { fieldValue } from '../../mechanisms/http1/fields.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import { type Fields, keptFields, staleForMs } from '../../mechanisms/stale-cache/stale-cache.ts'
import type { LocalReply } from '../policies/policy.ts'
import type { Exchange } from './exchange.ts'
import type { StaleCapture } from './stale-capture.ts'

/** Begins to keep an answer whose head has been sent, where it may be given out when the service cannot answer. */
export function beginCapture(
  exchange: Exchange,
  head: ResponseHead,
  bytes: Buffer,
  body: BodyReader,
): void {
  const { stale, service } = exchange
  // The answer of a service that stands in is not the service's own.
  if (stale === null || service?.stale !== stale) return
  if (exchange.method !== 'GET' || head.status !== 200) return
  const contentLength = head.framing === FRAMING.length ? head.contentLength : 0
  if (contentLength > stale.policy.bodyBytesMax) return
  const response = fieldsOf(head, bytes)
  const { key, request } = askedFor(exchange)
  const forMs = staleForMs(request, response, stale.policy.ageMsMax)
  if (forMs === 0) return
  const { framing } = body
  exchange.capture = {
    cache: stale,
    key,
    request,
    response,
    forMs,
    framing,
    contentLength,
    parts: [],
    byteCount: 0,
  }
}

/** More of the body; what becomes too large is not kept. */
export function capture(exchange: Exchange, bytes: Buffer, start: number, end: number): void {
  const kept = exchange.capture
  if (kept === null || start === end) return
  const { cache, byteCount, parts } = kept
  // Framing of chunks may be as large as what it frames; what is kept is measured at the end.
  const isTooLarge = byteCount + end - start > 2 * cache.policy.bodyBytesMax
  if (isTooLarge || !cache.hold(end - start)) return dropCapture(exchange)
  kept.byteCount += end - start
  parts.push(Buffer.from(bytes.subarray(start, end)))
}

/** The answer is not kept after all. */
export function dropCapture(exchange: Exchange): void {
  exchange.capture?.cache.letGo(exchange.capture.byteCount)
  exchange.capture = null
}

/** The answer has come whole. */
export function endCapture(exchange: Exchange, nowMs: number): void {
  const kept = exchange.capture
  if (kept === null) return
  dropCapture(exchange)
  const { cache, key, request, response, forMs } = kept
  const body = decode(kept)
  if (body === undefined || body.length > cache.policy.bodyBytesMax) return
  const fields = keptFields(response)
  const answer = { fields, body: ownBytes(body), keptAtMs: nowMs, untilMs: nowMs + forMs }
  cache.keep(key, request, response, answer)
}

/** A small buffer is a part of a shared one, which would be kept with it. */
function ownBytes(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

function decode({ framing, contentLength, parts, byteCount }: StaleCapture): Buffer | undefined {
  const raw = Buffer.concat(parts, byteCount)
  if (framing !== FRAMING.chunked && framing !== FRAMING.length) return raw
  const reader = createBodyReader()
  beginBody(reader, framing, contentLength, 0)
  const out = Buffer.allocUnsafe(forwardRoom(reader, raw.length))
  const end = forwardBody(reader, raw, 0, raw.length, out, 0, false)
  return end < 0 || !reader.isDone ? undefined : out.subarray(0, end)
}

/** The last answer to the same question, in place of `reply`; undefined where there is none that may be given out. */
export function staleReply(
  exchange: Exchange,
  reply: LocalReply,
  nowMs: number,
): LocalReply | undefined {
  if (exchange.stale === null || exchange.method !== 'GET') return undefined
  const { key, request } = askedFor(exchange)
  const answer = exchange.stale.find(key, request, nowMs)
  if (answer === undefined) return undefined
  const age = Math.floor((nowMs - answer.keptAtMs) / 1_000)
  const policies = exchange.route?.policies
  const dropped = new Set(policies?.dropsResponseFields.map(foldName))
  const lines = answer.fields
    .filter(([name]) => !dropped.has(foldName(name)))
    .map(([name, value]) => formatLine(name, value))
    .join('')
  return {
    ...reply,
    lines: `${policies?.fixedResponseLines ?? ''}${lines}${formatLine('age', String(age))}`,
    plain: { status: 200, contentType: '', body: answer.body },
  }
}

/** As fields are dropped elsewhere: `_` is `-`. */
function foldName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

/**
 * What the request is for, as the instance was to see it: its line and host, and all its fields. Whoever was let in by the gateway is somebody, also where his
 * credentials are no field, or did not go on: his answers are as those to a request with Authorization.
 */
function askedFor({ out, headEnd, identity, client }: Exchange): {
  readonly key: string
  readonly request: Fields
} {
  const [line = '', ...lines] = out.toString('latin1', 0, headEnd).split('\r\n')
  const request = new Map<string, string>()
  for (const one of lines) {
    const colon = one.indexOf(':')
    if (colon > 0) add(request, one.slice(0, colon), one.slice(colon + 1).trim())
  }
  const caller = identity?.key ?? client.peer.tls?.clientCertificate?.fingerprint
  if (caller !== undefined && !request.has('authorization')) request.set('authorization', caller)
  return { key: `${line}\n${request.get('host') ?? ''}`, request }
}

function fieldsOf({ fields }: ResponseHead, bytes: Buffer): Fields {
  const found = new Map<string, string>()
  const { count, offsets } = fields
  for (let field = 0; field < count; field++) {
    const name = bytes.toString('latin1', offsets[field * 4], offsets[field * 4 + 1])
    add(found, name, fieldValue(bytes, fields, field))
  }
  return found
}

function add(fields: Map<string, string>, name: string, value: string): void {
  const known = name.toLowerCase()
  const before = fields.get(known)
  fields.set(known, before === undefined ? value : `${before}, ${value}`)
}
