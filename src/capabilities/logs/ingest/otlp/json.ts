import type { AnyValue } from './any-value.ts'

/** Fields of an object of OTLP's JSON form that are looked at; the specification wants unknown ones to be ignored. */
export interface JsonRecord {
  readonly resourceLogs?: unknown
  readonly resourceSpans?: unknown
  readonly resource?: unknown
  readonly scopeLogs?: unknown
  readonly scopeSpans?: unknown
  readonly scope?: unknown
  readonly logRecords?: unknown
  readonly spans?: unknown
  readonly name?: unknown
  readonly attributes?: unknown
  readonly timeUnixNano?: unknown
  readonly observedTimeUnixNano?: unknown
  readonly startTimeUnixNano?: unknown
  readonly endTimeUnixNano?: unknown
  readonly severityNumber?: unknown
  readonly severityText?: unknown
  readonly body?: unknown
  readonly traceId?: unknown
  readonly spanId?: unknown
  readonly parentSpanId?: unknown
  readonly eventName?: unknown
  readonly kind?: unknown
  readonly events?: unknown
  readonly links?: unknown
  readonly status?: unknown
  readonly code?: unknown
  readonly message?: unknown
  readonly key?: unknown
  readonly value?: unknown
  readonly stringValue?: unknown
  readonly boolValue?: unknown
  readonly intValue?: unknown
  readonly doubleValue?: unknown
  readonly arrayValue?: unknown
  readonly kvlistValue?: unknown
  readonly bytesValue?: unknown
  readonly values?: unknown
}

const NOTHING: JsonRecord = {}
const DEPTH_MAX = 12

/** An object; anything else is one without fields. */
export function recordOfJson(value: unknown): JsonRecord {
  return typeof value === 'object' && value !== null ? (value as JsonRecord) : NOTHING
}

/** A text, or the digits of a number; anything else is ''. */
export function textOfJson(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/** A list; anything else is an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** `KeyValue`s. */
export function pairsOfJson(value: unknown, depth = 0): readonly (readonly [string, AnyValue])[] {
  return listOf(value).map((one) => {
    const { key, value: inner } = recordOfJson(one)
    return [textOfJson(key), anyValueOfJson(inner, depth)]
  })
}

/** An `AnyValue`: 64-bit numbers are text. */
export function anyValueOfJson(value: unknown, depth = 0): AnyValue {
  const any = recordOfJson(value)
  if (typeof any.stringValue === 'string') return any.stringValue
  if (any.boolValue !== undefined) return Boolean(any.boolValue)
  if (any.intValue !== undefined) return Number(any.intValue)
  if (any.doubleValue !== undefined) return Number(any.doubleValue)
  if (typeof any.bytesValue === 'string') return any.bytesValue
  if (depth >= DEPTH_MAX) return null
  if (any.arrayValue !== undefined) {
    return listOf(recordOfJson(any.arrayValue).values).map((one) => anyValueOfJson(one, depth + 1))
  }
  if (any.kvlistValue === undefined) return null
  return new Map(pairsOfJson(recordOfJson(any.kvlistValue).values, depth + 1))
}
