import type { LogRecord } from '../../../../contracts/signals.ts'
import { shallowJson } from '../../../../mechanisms/log-line/attribute-text.ts'
import { emptyFields } from '../../../../mechanisms/log-line/document.ts'
import { readLine } from '../../../../mechanisms/log-line/text-line.ts'
import { severityOfName } from '../../../../mechanisms/log-query/severity.ts'
import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { recordOf, type DecodeGround } from '../draft.ts'

/** The push cannot be understood; nothing of it is taken. */
export class LokiPushError extends Error {
  readonly code = 'ERR_LOKI_PUSH'
}

type Labels = ReadonlyMap<string, string>

/** Reads a `PushRequest` (grafana/loki pkg/push/push.proto), decompressed. Throws `ProtobufError` or `LokiPushError`. */
export function readPush(bytes: Uint8Array, ground: DecodeGround): LogRecord[] {
  const records: LogRecord[] = []
  const request = new ProtobufReader(bytes)
  while (request.next()) {
    if (request.field === 1) readStream(request.message(), ground, records)
    else request.skip()
  }
  return records
}

/** The same of JSON: `{"streams": [{"stream": {...}, "values": [["nanoseconds", "line", {...}]]}]}`. */
export function readPushJson(body: unknown, ground: DecodeGround): LogRecord[] {
  const records: LogRecord[] = []
  const { streams } = (typeof body === 'object' && body !== null ? body : {}) as {
    streams?: unknown
  }
  if (!Array.isArray(streams)) throw new LokiPushError("there are no 'streams'")
  for (const one of streams as unknown[]) {
    const { stream, values } = (one ?? {}) as { stream?: object; values?: unknown }
    const labels = textsOf(stream)
    if (!Array.isArray(values)) throw new LokiPushError("a stream without 'values'")
    for (const value of values as unknown[]) {
      if (!Array.isArray(value) || typeof value[0] !== 'string' || !/^\d{1,19}$/.test(value[0])) {
        throw new LokiPushError('a value is not ["nanoseconds as text", "line"]')
      }
      const [nanos, line, metadata] = value as [string, unknown, unknown]
      const micros = Number(nanos.slice(0, -3) || '0')
      const text = typeof line === 'string' ? line : shallowJson(line)
      records.push(recordOfLine(micros, text, labels, textsOf(metadata), ground))
    }
  }
  return records
}

function textsOf(value: unknown): Labels {
  if (typeof value !== 'object' || value === null) return new Map()
  return new Map(
    Object.entries(value).map(([name, one]) => [
      name,
      typeof one === 'string' ? one : shallowJson(one),
    ]),
  )
}

function readStream(reader: ProtobufReader, ground: DecodeGround, into: LogRecord[]): void {
  let labels: Labels = new Map()
  const entries: ProtobufReader[] = []
  while (reader.next()) {
    if (reader.field === 1) labels = parseLabels(reader.text())
    else if (reader.field === 2) ground.bound(entries.push(reader.message()))
    else reader.skip()
  }
  for (const entry of entries) into.push(readEntry(entry, labels, ground))
}

function readEntry(reader: ProtobufReader, labels: Labels, ground: DecodeGround): LogRecord {
  let micros = 0
  let line = ''
  const metadata = new Map<string, string>()
  while (reader.next()) {
    if (reader.field === 1) micros = readTimestamp(reader.message())
    else if (reader.field === 2) line = reader.text()
    else if (reader.field === 3) readPair(reader.message(), metadata)
    else reader.skip()
  }
  return recordOfLine(micros, line, labels, metadata, ground)
}

function readTimestamp(reader: ProtobufReader): number {
  let seconds = 0
  let nanos = 0
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.int64()
    else if (reader.field === 2) nanos = reader.int64()
    else reader.skip()
  }
  return seconds * 1_000_000 + Math.floor(nanos / 1_000)
}

function readPair(reader: ProtobufReader, into: Map<string, string>): void {
  let name = ''
  let value = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) value = reader.text()
    else reader.skip()
  }
  into.set(name, value)
}

/** As Go quotes; and as clients write that quote nothing: up to a quote behind which the next label begins. */
const PAIRS = [
  /^([a-zA-Z_][\w.:-]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,\s*|$)/s,
  /^([a-zA-Z_][\w.:-]*)\s*=\s*"(.*?)"(?:,\s*(?=[a-zA-Z_][\w.:-]*=")|$)/s,
]
/** Labels that nobody can read are kept as they came. */
const UNREAD_LABELS = 'loki.labels'

/** `{app="shop", level="info"}`. A line is not refused for its labels. */
function parseLabels(text: string): Labels {
  const labels = new Map<string, string>()
  let rest = (/^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ?? text).trim()
  while (rest !== '') {
    const pair = PAIRS.map((pattern) => pattern.exec(rest)).find((found) => found !== null)
    if (pair === undefined || pair === null) return labels.set(UNREAD_LABELS, rest)
    labels.set(pair[1]!, unquote(pair[2]!))
    rest = rest.slice(pair[0].length)
  }
  return labels
}

function unquote(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\(u[0-9a-fA-F]{4}|.)/gs, (_all, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
    return { n: '\n', t: '\t', r: '\r' }[escaped] ?? escaped
  })
}

/** Names under which agents say the service and the level of a stream. */
const SERVICES = ['service_name', 'service', 'app', 'application', 'container', 'job']
const LEVELS = ['level', 'severity', 'detected_level']

function recordOfLine(
  micros: number,
  line: string,
  labels: Labels,
  metadata: Labels,
  ground: DecodeGround,
): LogRecord {
  const fields = emptyFields()
  readLine(line, fields, ground.attributes)
  fields.time = micros
  const level = LEVELS.map((name) => metadata.get(name) ?? labels.get(name)).find(
    (one) => one !== undefined,
  )
  if (level !== undefined) fields.severity = severityOfName(level) || fields.severity
  for (const [name, value] of [...labels, ...metadata]) ground.attributes.addText(name, value)
  const service = SERVICES.map((name) => labels.get(name)).find((one) => one !== undefined) ?? ''
  const instance = labels.get('instance') ?? labels.get('pod') ?? labels.get('host') ?? ''
  return recordOf(fields, { service, instance, source: 'loki' }, ground)
}
