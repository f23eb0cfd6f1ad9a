import { SPAN_KINDS, SPAN_STATUSES, type SpanRecord } from '../../../../contracts/signals.ts'
import { AttributeText } from '../../../../mechanisms/log-line/attribute-text.ts'
import { spanIdOf, traceIdOf } from '../../../../mechanisms/log-line/trace-ids.ts'
import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { DecodeGround } from '../draft.ts'
import { addAnyValue, readKeyValue } from './any-value.ts'
import { listOf, pairsOfJson, recordOfJson, textOfJson } from './json.ts'
import { readScopeName } from './logs.ts'
import {
  addResource,
  microsOf,
  nanosBetween,
  NO_NANOS,
  NO_RESOURCE,
  nanosOfText,
  readId,
  readNanos,
  readResource,
  resourceOf,
  type Nanos,
  type Resource,
} from './resource.ts'

/** Events of one span that are kept. */
const EVENTS_MAX = 128

/** Reads an `ExportTraceServiceRequest`. Throws `ProtobufError`. */
export function decodeSpans(bytes: Uint8Array, ground: DecodeGround): SpanRecord[] {
  const records: SpanRecord[] = []
  const request = new ProtobufReader(bytes)
  while (request.next()) {
    if (request.field === 1) readResourceSpans(request.message(), ground, records)
    else request.skip()
  }
  return records
}

/** The same of its JSON form. */
export function decodeSpansJson(request: unknown, ground: DecodeGround): SpanRecord[] {
  const records: SpanRecord[] = []
  for (const ofResource of listOf(recordOfJson(request).resourceSpans)) {
    const { resource, scopeSpans } = recordOfJson(ofResource)
    const from = resourceOf(pairsOfJson(recordOfJson(resource).attributes))
    for (const ofScope of listOf(scopeSpans)) {
      const { scope, spans } = recordOfJson(ofScope)
      const name = textOfJson(recordOfJson(scope).name)
      for (const one of listOf(spans)) records.push(spanOfJson(one, from, name, ground))
    }
  }
  return records
}

function readResourceSpans(reader: ProtobufReader, ground: DecodeGround, into: SpanRecord[]): void {
  let resource = NO_RESOURCE
  const scopes: ProtobufReader[] = []
  while (reader.next()) {
    if (reader.field === 1) resource = readResource(reader.message())
    else if (reader.field === 2) ground.bound(scopes.push(reader.message()))
    else reader.skip()
  }
  for (const scope of scopes) {
    let name = ''
    while (scope.next()) {
      if (scope.field === 1) name = readScopeName(scope.message())
      else if (scope.field === 2) into.push(readSpan(scope.message(), resource, name, ground))
      else scope.skip()
    }
  }
}

interface Draft {
  trace: string
  span: string
  parent: string
  name: string
  kind: number
  start: Nanos
  end: Nanos
  status: number
  message: string
  readonly events: string[]
}

function emptyDraft(): Draft {
  return {
    trace: '',
    span: '',
    parent: '',
    name: '',
    kind: 0,
    start: NO_NANOS,
    end: NO_NANOS,
    status: 0,
    message: '',
    events: [],
  }
}

function readSpan(
  reader: ProtobufReader,
  resource: Resource,
  scope: string,
  ground: DecodeGround,
): SpanRecord {
  const draft = emptyDraft()
  while (reader.next()) readField(reader, draft, ground.attributes)
  return finish(draft, resource, scope, ground)
}

function readField(reader: ProtobufReader, draft: Draft, attributes: AttributeText): void {
  switch (reader.field) {
    case 1:
      draft.trace = readId(reader, 16)
      return
    case 2:
      draft.span = readId(reader, 8)
      return
    case 4:
      draft.parent = readId(reader, 8)
      return
    case 5:
      draft.name = reader.text()
      return
    case 6:
      draft.kind = reader.uint64()
      return
    case 7:
      draft.start = readNanos(reader)
      return
    case 8:
      draft.end = readNanos(reader)
      return
    case 9:
      return addAnyValue(attributes, ...readKeyValue(reader.message()))
    case 11:
      return readEvent(reader.message(), draft.events)
    case 15:
      return readStatus(reader.message(), draft)
    default:
      reader.skip()
  }
}

function readEvent(reader: ProtobufReader, into: string[]): void {
  const attributes = new AttributeText()
  let time = NO_NANOS
  let name = ''
  while (reader.next()) {
    if (reader.field === 1) time = readNanos(reader)
    else if (reader.field === 2) name = reader.text()
    else if (reader.field === 3) addAnyValue(attributes, ...readKeyValue(reader.message()))
    else reader.skip()
  }
  addEvent(into, time, name, attributes)
}

function addEvent(into: string[], time: Nanos, name: string, attributes: AttributeText): void {
  if (into.length >= EVENTS_MAX) return
  const text = JSON.stringify(name.toWellFormed())
  into.push(`{"time":${microsOf(time)},"name":${text},"attributes":${attributes.finish()}}`)
}

function readStatus(reader: ProtobufReader, draft: Draft): void {
  while (reader.next()) {
    if (reader.field === 2) draft.message = reader.text()
    else if (reader.field === 3) draft.status = reader.uint64()
    else reader.skip()
  }
}

function spanOfJson(
  one: unknown,
  resource: Resource,
  scope: string,
  ground: DecodeGround,
): SpanRecord {
  const span = recordOfJson(one)
  const status = recordOfJson(span.status)
  for (const [name, value] of pairsOfJson(span.attributes)) {
    addAnyValue(ground.attributes, name, value)
  }
  const draft: Draft = {
    trace: traceIdOf(textOfJson(span.traceId)),
    span: spanIdOf(textOfJson(span.spanId)),
    parent: spanIdOf(textOfJson(span.parentSpanId)),
    name: textOfJson(span.name),
    kind: Number(span.kind ?? 0),
    start: nanosOfText(span.startTimeUnixNano),
    end: nanosOfText(span.endTimeUnixNano),
    status: Number(status.code ?? 0),
    message: textOfJson(status.message),
    events: [],
  }
  for (const event of listOf(span.events)) {
    const { timeUnixNano, name, attributes } = recordOfJson(event)
    const text = new AttributeText()
    for (const [key, value] of pairsOfJson(attributes)) addAnyValue(text, key, value)
    addEvent(draft.events, nanosOfText(timeUnixNano), textOfJson(name), text)
  }
  return finish(draft, resource, scope, ground)
}

function finish(draft: Draft, resource: Resource, scope: string, ground: DecodeGround): SpanRecord {
  ground.count()
  const { attributes, observed } = ground
  addResource(attributes, resource)
  if (scope !== '') attributes.addText('scope.name', scope)
  return {
    time: microsOf(draft.start) || observed,
    observed,
    duration: nanosBetween(draft.start, draft.end),
    service: resource.service,
    instance: resource.instance,
    source: 'otlp',
    trace: draft.trace,
    span: draft.span,
    parent: draft.parent,
    name: draft.name,
    kind: SPAN_KINDS[draft.kind] ?? 'unspecified',
    status: SPAN_STATUSES[draft.status] ?? 'unset',
    message: draft.message,
    events: `[${draft.events.join(',')}]`,
    attributes: attributes.finish(),
  }
}
