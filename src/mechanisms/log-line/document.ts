import { severityOfName, severityOfNumber } from '../log-query/severity.ts'
import type { AttributeText } from './attribute-text.ts'
import { microsOfNumber, microsOfText } from './moments.ts'
import { spanIdOf, traceIdOf } from './trace-ids.ts'

/** What a structured line says beside its attributes. Everything may be missing: 0 or ''. */
export interface LineFields {
  /** Unix microseconds. */
  time: number
  severity: number
  service: string
  trace: string
  span: string
  body: string
}

/** What of a line is said by nobody yet. */
export function emptyFields(): LineFields {
  return { time: 0, severity: 0, service: '', trace: '', span: '', body: '' }
}

type Part = keyof LineFields

/** The names under which loggers say each part: pino, winston, bunyan, zap, slog, logback, serilog, structlog, ECS, OpenTelemetry, Docker. */
const PARTS: ReadonlyMap<string, Part> = new Map<string, Part>([
  ...pairs('time', ['time', 'timestamp', '@timestamp', 'ts', '@t', 'datetime', 'date', 'asctime']),
  ...pairs('severity', [
    'level',
    'severity',
    'lvl',
    'loglevel',
    'log.level',
    'levelname',
    '@l',
    'severity_text',
    'severityText',
  ]),
  ...pairs('service', ['service.name', 'service_name']),
  ...pairs('trace', [
    'trace_id',
    'traceId',
    'trace.id',
    'traceid',
    'otelTraceID',
    'dd.trace_id',
    '@tr',
  ]),
  ...pairs('span', ['span_id', 'spanId', 'span.id', 'spanid', 'otelSpanID', '@sp']),
  ...pairs('body', ['message', 'msg', 'log', 'body', '@m', 'event', 'short_message']),
])

function pairs(part: Part, names: readonly string[]): [string, Part][] {
  return names.map((name) => [name, part])
}

/**
 * Reads an object as a logger wrote it: what has a usual name goes into `fields`, everything else into `attributes`. A value of another type than its
 * name lets expect is an attribute like others: nothing is lost.
 */
export function readDocument(
  document: object,
  fields: LineFields,
  attributes: AttributeText,
): void {
  for (const [name, value] of Object.entries(document)) {
    const part = PARTS.get(name)
    if (part !== undefined && take(part, value, fields)) continue
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      takeNested(name, value, fields, attributes)
    } else attributes.addValue(name, value, 1)
  }
}

/** `{ "log": { "level": "warn" }, "service": { "name": "a" } }` as ECS writes it. */
function takeNested(
  name: string,
  value: object,
  fields: LineFields,
  attributes: AttributeText,
): void {
  for (const [key, inner] of Object.entries(value)) {
    const path = `${name}.${key}`
    const part = PARTS.get(path)
    if (part !== undefined && take(part, inner, fields)) continue
    attributes.addValue(path, inner, 2)
  }
}

/** False: it was not taken, because another name has said it already or because it is of another kind. */
function take(part: Part, value: unknown, fields: LineFields): boolean {
  if (part === 'time') return takeTime(value, fields)
  if (part === 'severity') return takeSeverity(value, fields)
  if (typeof value !== 'string' || fields[part] !== '') return false
  const text = part === 'trace' ? traceIdOf(value) : part === 'span' ? spanIdOf(value) : value
  fields[part] = text
  return text !== '' || value === ''
}

function takeTime(value: unknown, fields: LineFields): boolean {
  if (fields.time !== 0) return false
  const micros =
    typeof value === 'number'
      ? microsOfNumber(value)
      : typeof value === 'string'
        ? microsOfText(value)
        : undefined
  fields.time = micros ?? 0
  return micros !== undefined
}

function takeSeverity(value: unknown, fields: LineFields): boolean {
  if (fields.severity !== 0) return false
  if (typeof value === 'string') fields.severity = severityOfName(value)
  else if (typeof value === 'number') fields.severity = severityOfNumber(value)
  return fields.severity !== 0
}
