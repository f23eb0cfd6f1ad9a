import type { SpanKind, SpanRecord } from '../../../../contracts/signals.ts'
import { spanIdOf, traceIdOf } from '../../../../mechanisms/log-line/trace-ids.ts'
import type { DecodeGround } from '../draft.ts'

/** A span as Zipkin v2 has it in JSON (zipkin.io/zipkin-api). */
interface ZipkinSpan {
  readonly traceId?: unknown
  readonly id?: unknown
  readonly parentId?: unknown
  readonly name?: unknown
  readonly kind?: unknown
  readonly timestamp?: unknown
  readonly duration?: unknown
  readonly localEndpoint?: Endpoint
  readonly remoteEndpoint?: Endpoint
  readonly tags?: object
  readonly annotations?: unknown
}

interface Endpoint {
  readonly serviceName?: unknown
  readonly ipv4?: unknown
  readonly ipv6?: unknown
  readonly port?: unknown
}

const KINDS: ReadonlyMap<unknown, SpanKind> = new Map<unknown, SpanKind>([
  ['CLIENT', 'client'],
  ['SERVER', 'server'],
  ['PRODUCER', 'producer'],
  ['CONSUMER', 'consumer'],
])
const ANNOTATIONS_MAX = 128

/** The body is no list of spans. */
export class ZipkinError extends Error {
  readonly code = 'ERR_ZIPKIN_SPANS'
}

/** Reads the body of `POST /api/v2/spans`. Throws `ZipkinError`. */
export function readSpans(body: unknown, ground: DecodeGround): SpanRecord[] {
  if (!Array.isArray(body)) throw new ZipkinError('the body is no JSON list of spans')
  return body.map((one: unknown) => {
    if (typeof one !== 'object' || one === null) throw new ZipkinError('a span is no object')
    return spanOf(one, ground)
  })
}

function spanOf(span: ZipkinSpan, ground: DecodeGround): SpanRecord {
  ground.count()
  const { attributes, observed } = ground
  const tags = Object.entries(span.tags ?? {}) as [string, unknown][]
  for (const [name, value] of tags) attributes.addValue(name, value)
  const remote = textOf(span.remoteEndpoint?.serviceName)
  if (remote !== '') attributes.addText('peer.service', remote)
  const failure = tags.find(([name]) => name === 'error')
  // Ids of 64 bits are those of 128 with zeros in front.
  const trace = textOf(span.traceId).padStart(32, '0')
  return {
    time: numberOf(span.timestamp) || observed,
    observed,
    duration: numberOf(span.duration) * 1_000,
    service: textOf(span.localEndpoint?.serviceName),
    instance: textOf(span.localEndpoint?.ipv4),
    source: 'zipkin',
    trace: traceIdOf(trace),
    span: spanIdOf(textOf(span.id)),
    parent: spanIdOf(textOf(span.parentId)),
    name: textOf(span.name),
    kind: KINDS.get(span.kind) ?? 'internal',
    status: failure === undefined ? 'unset' : 'error',
    message: textOf(failure?.[1]),
    events: JSON.stringify(eventsOf(span.annotations)),
    attributes: attributes.finish(),
  }
}

function eventsOf(annotations: unknown): readonly object[] {
  if (!Array.isArray(annotations)) return []
  return annotations.slice(0, ANNOTATIONS_MAX).map((one: unknown) => {
    const { timestamp, value } = (one ?? {}) as { timestamp?: unknown; value?: unknown }
    return { time: numberOf(timestamp), name: textOf(value).toWellFormed(), attributes: {} }
  })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}
