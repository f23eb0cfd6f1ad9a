import {
  type Attributes,
  type ExponentialBuckets,
  type ExponentialPoint,
  type HistogramPoint,
  type NumberPoint,
  type OtlpData,
  OtlpError,
  type OtlpMetric,
  type PointHead,
  type ResourceMetrics,
  type SummaryPoint,
  type Temporality,
} from './model.ts'

type Json = Readonly<Record<string, unknown>>

/** Reads an `ExportMetricsServiceRequest` in OTLP's JSON: 64-bit numbers may be texts, enumerations are numbers, unknown fields are passed over. Throws `OtlpError`. */
export function readOtlpJson(bytes: Uint8Array): readonly ResourceMetrics[] {
  let root: unknown
  try {
    root = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new OtlpError(error instanceof Error ? error.message : String(error))
  }
  return list(objectOf(root, 'the request'), 'resourceMetrics').map((one) => ({
    resource: attributesOf(objectOf(one['resource'] ?? {}, 'resource')),
    metrics: list(one, 'scopeMetrics').flatMap((scope) => list(scope, 'metrics').map(metricOf)),
  }))
}

function metricOf(metric: Json): OtlpMetric {
  return {
    name: text(metric, 'name'),
    description: text(metric, 'description'),
    unit: text(metric, 'unit'),
    data: dataOf(metric),
  }
}

function dataOf(metric: Json): OtlpData {
  const part = (name: string): Json | undefined =>
    field(metric, name) === undefined ? undefined : objectOf(field(metric, name), name)
  const gauge = part('gauge')
  if (gauge !== undefined) return { kind: 'gauge', points: pointsOf(gauge, numberPoint) }
  const sum = part('sum')
  if (sum !== undefined) {
    const isMonotonic = sum['isMonotonic'] === true
    const points = pointsOf(sum, numberPoint)
    return { kind: 'sum', points, temporality: temporalityOf(sum), isMonotonic }
  }
  const histogram = part('histogram')
  if (histogram !== undefined) {
    const points = pointsOf(histogram, histogramPoint)
    return { kind: 'histogram', points, temporality: temporalityOf(histogram) }
  }
  const exponential = part('exponentialHistogram')
  if (exponential !== undefined) {
    const points = pointsOf(exponential, exponentialPoint)
    return { kind: 'exponential', points, temporality: temporalityOf(exponential) }
  }
  const summary = part('summary')
  if (summary !== undefined) return { kind: 'summary', points: pointsOf(summary, summaryPoint) }
  return { kind: 'none' }
}

function pointsOf<Point>(data: Json, read: (point: Json) => Point): readonly Point[] {
  return list(data, 'dataPoints').map(read)
}

function temporalityOf(data: Json): Temporality {
  const value = data['aggregationTemporality']
  if (value === 1) return 'delta'
  return value === 2 ? 'cumulative' : 'unspecified'
}

function headOf(point: Json): PointHead {
  return {
    attributes: attributesOf(point),
    timeMs: Math.floor(number(point, 'timeUnixNano') / 1e6),
    isStale: (number(point, 'flags') & 1) !== 0,
  }
}

function numberPoint(point: Json): NumberPoint {
  const value = point['asDouble'] === undefined ? number(point, 'asInt') : number(point, 'asDouble')
  return { ...headOf(point), value }
}

function histogramPoint(point: Json): HistogramPoint {
  return {
    ...headOf(point),
    count: number(point, 'count'),
    sum: optional(point, 'sum'),
    counts: numbers(point, 'bucketCounts'),
    bounds: numbers(point, 'explicitBounds'),
  }
}

function exponentialPoint(point: Json): ExponentialPoint {
  return {
    ...headOf(point),
    count: number(point, 'count'),
    sum: optional(point, 'sum'),
    scale: number(point, 'scale'),
    zeroCount: number(point, 'zeroCount'),
    zeroThreshold: number(point, 'zeroThreshold'),
    positive: bucketsOf(point, 'positive'),
    negative: bucketsOf(point, 'negative'),
  }
}

function bucketsOf(point: Json, name: string): ExponentialBuckets {
  const buckets = objectOf(field(point, name) ?? {}, name)
  return { offset: number(buckets, 'offset'), counts: numbers(buckets, 'bucketCounts') }
}

function summaryPoint(point: Json): SummaryPoint {
  return {
    ...headOf(point),
    count: number(point, 'count'),
    sum: number(point, 'sum'),
    quantiles: list(point, 'quantileValues').map((one) => [
      number(one, 'quantile'),
      number(one, 'value'),
    ]),
  }
}

function attributesOf(owner: Json): Attributes {
  return list(owner, 'attributes').map((pair) => {
    const value = plain(objectOf(pair['value'] ?? {}, 'value'), 0)
    return [text(pair, 'key'), typeof value === 'string' ? value : JSON.stringify(value)]
  })
}

const DEPTH_MAX = 20

function plain(value: Json, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new OtlpError(`an attribute is deeper than ${DEPTH_MAX} levels`)
  if (value['arrayValue'] !== undefined) {
    return list(objectOf(value['arrayValue'], 'arrayValue'), 'values').map((one) =>
      plain(one, depth + 1),
    )
  }
  if (value['kvlistValue'] !== undefined) {
    const pairs = list(objectOf(value['kvlistValue'], 'kvlistValue'), 'values')
    return Object.fromEntries(
      pairs.map((pair) => [
        text(pair, 'key'),
        plain(objectOf(pair['value'] ?? {}, 'value'), depth + 1),
      ]),
    )
  }
  if (value['intValue'] !== undefined) return number(value, 'intValue')
  return (
    value['stringValue'] ?? value['boolValue'] ?? value['doubleValue'] ?? value['bytesValue'] ?? ''
  )
}

/** What is inherited is no field of the request. */
function field(owner: Json, name: string): unknown {
  return Object.hasOwn(owner, name) ? owner[name] : undefined
}

function objectOf(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new OtlpError(`${what} must be an object`)
}

function list(owner: Json, name: string): readonly Json[] {
  const value = field(owner, name) ?? []
  if (!Array.isArray(value)) throw new OtlpError(`${name} must be a list`)
  return value.map((one) => objectOf(one, name))
}

function text(owner: Json, name: string): string {
  const value = field(owner, name) ?? ''
  if (typeof value !== 'string') throw new OtlpError(`${name} must be a text`)
  return value
}

function number(owner: Json, name: string): number {
  return numberOf(field(owner, name) ?? 0, name)
}

function optional(owner: Json, name: string): number | undefined {
  return field(owner, name) === undefined ? undefined : number(owner, name)
}

function numbers(owner: Json, name: string): readonly number[] {
  const value = field(owner, name) ?? []
  if (!Array.isArray(value)) throw new OtlpError(`${name} must be a list`)
  return value.map((one) => numberOf(one, name))
}

/** Also `"NaN"` and `"Infinity"`, as protobuf's JSON has them. */
function numberOf(value: unknown, name: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' && value.trim() !== '') {
    const read = Number(value)
    if (!Number.isNaN(read) || value === 'NaN') return read
  }
  throw new OtlpError(`${name} must be a number`)
}
