import type { LogRecord } from '../../../../contracts/signals.ts'
import { severityOfName } from '../../../../mechanisms/log-query/severity.ts'
import { spanIdOf, traceIdOf } from '../../../../mechanisms/log-line/trace-ids.ts'
import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import type { DecodeGround } from '../draft.ts'
import { addAnyValue, plainOf, readAnyValue, readKeyValue, type AnyValue } from './any-value.ts'
import { anyValueOfJson, listOf, pairsOfJson, recordOfJson, textOfJson } from './json.ts'
import {
  addResource,
  microsOf,
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

/** Reads an `ExportLogsServiceRequest` (opentelemetry/proto/collector/logs/v1). Throws `ProtobufError`. */
export function decodeLogs(bytes: Uint8Array, ground: DecodeGround): LogRecord[] {
  const records: LogRecord[] = []
  const request = new ProtobufReader(bytes)
  while (request.next()) {
    if (request.field === 1) readResourceLogs(request.message(), ground, records)
    else request.skip()
  }
  return records
}

/** The same of its JSON form. */
export function decodeLogsJson(request: unknown, ground: DecodeGround): LogRecord[] {
  const records: LogRecord[] = []
  for (const ofResource of listOf(recordOfJson(request).resourceLogs)) {
    const { resource, scopeLogs } = recordOfJson(ofResource)
    const from = resourceOf(pairsOfJson(recordOfJson(resource).attributes))
    for (const ofScope of listOf(scopeLogs)) {
      const { scope, logRecords } = recordOfJson(ofScope)
      const name = textOfJson(recordOfJson(scope).name)
      for (const one of listOf(logRecords)) records.push(logOfJson(one, from, name, ground))
    }
  }
  return records
}

function readResourceLogs(reader: ProtobufReader, ground: DecodeGround, into: LogRecord[]): void {
  let resource = NO_RESOURCE
  const scopes: ProtobufReader[] = []
  while (reader.next()) {
    if (reader.field === 1) resource = readResource(reader.message())
    else if (reader.field === 2) ground.bound(scopes.push(reader.message()))
    else reader.skip()
  }
  for (const scope of scopes) readScopeLogs(scope, resource, ground, into)
}

function readScopeLogs(
  reader: ProtobufReader,
  resource: Resource,
  ground: DecodeGround,
  into: LogRecord[],
): void {
  let name = ''
  while (reader.next()) {
    if (reader.field === 1) name = readScopeName(reader.message())
    else if (reader.field === 2) into.push(readLog(reader.message(), resource, name, ground))
    else reader.skip()
  }
}

/** The name of an `InstrumentationScope`. */
export function readScopeName(reader: ProtobufReader): string {
  let name = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else reader.skip()
  }
  return name
}

interface Draft {
  time: Nanos
  observed: Nanos
  severity: number
  severityText: string
  body: AnyValue
  trace: string
  span: string
}

function readLog(
  reader: ProtobufReader,
  resource: Resource,
  scope: string,
  ground: DecodeGround,
): LogRecord {
  const { attributes } = ground
  const draft: Draft = {
    time: NO_NANOS,
    observed: NO_NANOS,
    severity: 0,
    severityText: '',
    body: null,
    trace: '',
    span: '',
  }
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        draft.time = readNanos(reader)
        break
      case 2:
        draft.severity = reader.uint64()
        break
      case 3:
        draft.severityText = reader.text()
        break
      case 5:
        draft.body = readAnyValue(reader.message())
        break
      case 6:
        addAnyValue(attributes, ...readKeyValue(reader.message()))
        break
      case 9:
        draft.trace = readId(reader, 16)
        break
      case 10:
        draft.span = readId(reader, 8)
        break
      case 11:
        draft.observed = readNanos(reader)
        break
      case 12:
        attributes.addText('event.name', reader.text())
        break
      default:
        reader.skip()
    }
  }
  return finish(draft, resource, scope, ground)
}

function logOfJson(
  one: unknown,
  resource: Resource,
  scope: string,
  ground: DecodeGround,
): LogRecord {
  const log = recordOfJson(one)
  for (const [name, value] of pairsOfJson(log.attributes)) {
    addAnyValue(ground.attributes, name, value)
  }
  if (typeof log.eventName === 'string' && log.eventName !== '') {
    ground.attributes.addText('event.name', log.eventName)
  }
  const draft = {
    time: nanosOfText(log.timeUnixNano),
    observed: nanosOfText(log.observedTimeUnixNano),
    severity: Number(log.severityNumber ?? 0),
    severityText: textOfJson(log.severityText),
    body: anyValueOfJson(log.body),
    trace: traceIdOf(textOfJson(log.traceId)),
    span: spanIdOf(textOfJson(log.spanId)),
  }
  return finish(draft, resource, scope, ground)
}

function finish(draft: Draft, resource: Resource, scope: string, ground: DecodeGround): LogRecord {
  ground.count()
  const { attributes, observed } = ground
  addResource(attributes, resource)
  if (scope !== '') attributes.addText('scope.name', scope)
  const { body } = draft
  if (body instanceof Map) addAnyValue(attributes, 'body', body)
  const severity = Number.isInteger(draft.severity) && draft.severity <= 24 ? draft.severity : 0
  return {
    // Whoever does not say when it happened says when it was seen.
    time: microsOf(draft.time) || microsOf(draft.observed) || observed,
    observed,
    severity: severity > 0 ? severity : severityOfName(draft.severityText),
    service: resource.service,
    instance: resource.instance,
    source: 'otlp',
    trace: draft.trace,
    span: draft.span,
    body: body === null ? '' : typeof body === 'string' ? body : JSON.stringify(plainOf(body)),
    attributes: attributes.finish(),
  }
}
