import { ProtobufError, ProtobufReader } from '../protobuf/protobuf.ts'
import {
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

/** Values within values of an attribute. */
const DEPTH_MAX = 20
const NO_VALUE_FLAG = 1

/** Reads an `ExportMetricsServiceRequest` in protobuf. Throws `OtlpError`. */
export function readOtlpProtobuf(bytes: Uint8Array): readonly ResourceMetrics[] {
  try {
    const all: ResourceMetrics[] = []
    each(new ProtobufReader(bytes), {
      1: (reader) => void all.push(readResource(reader.message())),
    })
    return all
  } catch (error) {
    if (error instanceof ProtobufError) throw new OtlpError(error.message)
    throw error
  }
}

type Fields = Readonly<Record<number, (reader: ProtobufReader) => void>>

/** Calls what is there for each field; others are passed over. */
function each(reader: ProtobufReader, fields: Fields): void {
  while (reader.next()) {
    const read = Object.hasOwn(fields, reader.field) ? fields[reader.field] : undefined
    if (read === undefined) reader.skip()
    else read(reader)
  }
}

function readResource(reader: ProtobufReader): ResourceMetrics {
  const resource: [string, string][] = []
  const metrics: OtlpMetric[] = []
  each(reader, {
    1: (one) => each(one.message(), { 1: (pair) => void resource.push(readPair(pair.message())) }),
    2: (one) =>
      each(one.message(), { 2: (metric) => void metrics.push(readMetric(metric.message())) }),
  })
  return { resource, metrics }
}

function readMetric(reader: ProtobufReader): OtlpMetric {
  let name = ''
  let description = ''
  let unit = ''
  let data: OtlpData = { kind: 'none' }
  each(reader, {
    1: (one) => (name = one.text()),
    2: (one) => (description = one.text()),
    3: (one) => (unit = one.text()),
    5: (one) => (data = { kind: 'gauge', points: pointsOf(one.message(), readNumber).points }),
    7: (one) => (data = { kind: 'sum', ...pointsOf(one.message(), readNumber) }),
    9: (one) => (data = { kind: 'histogram', ...pointsOf(one.message(), readHistogram) }),
    10: (one) => (data = { kind: 'exponential', ...pointsOf(one.message(), readExponential) }),
    11: (one) => (data = { kind: 'summary', points: pointsOf(one.message(), readSummary).points }),
  })
  return { name, description, unit, data }
}

const TEMPORALITIES: readonly Temporality[] = ['unspecified', 'delta', 'cumulative']

/** Points, temporality and monotony stand at the same places in all kinds. */
function pointsOf<Point>(
  reader: ProtobufReader,
  read: (reader: ProtobufReader) => Point,
): {
  readonly points: readonly Point[]
  readonly temporality: Temporality
  readonly isMonotonic: boolean
} {
  const points: Point[] = []
  let temporality: Temporality = 'unspecified'
  let isMonotonic = false
  each(reader, {
    1: (one) => void points.push(read(one.message())),
    2: (one) => (temporality = TEMPORALITIES[one.uint64()] ?? 'unspecified'),
    3: (one) => (isMonotonic = one.uint64() !== 0),
  })
  return { points, temporality, isMonotonic }
}

/** Fields of all points, whose numbers differ. */
class Head {
  readonly attributes: [string, string][] = []
  timeMs = 0
  isStale = false

  fields(attributesField: number, flagsField: number): Fields {
    return {
      3: (one) => (this.timeMs = Math.floor(fixed64(one) / 1e6)),
      [attributesField]: (one) => void this.attributes.push(readPair(one.message())),
      [flagsField]: (one) => (this.isStale = (one.uint64() & NO_VALUE_FLAG) !== 0),
    }
  }

  get(): PointHead {
    const { attributes, timeMs, isStale } = this
    return { attributes, timeMs, isStale }
  }
}

function readNumber(reader: ProtobufReader): NumberPoint {
  const head = new Head()
  let value = 0
  each(reader, {
    ...head.fields(7, 8),
    4: (one) => (value = one.double()),
    6: (one) => (value = sfixed64(one)),
  })
  return { ...head.get(), value }
}

function readHistogram(reader: ProtobufReader): HistogramPoint {
  const head = new Head()
  let count = 0
  let sum: number | undefined
  const counts: number[] = []
  const bounds: number[] = []
  each(reader, {
    ...head.fields(9, 10),
    4: (one) => (count = fixed64(one)),
    5: (one) => (sum = one.double()),
    6: (one) => packed(one, counts, fixed64, rawFixed64),
    7: (one) =>
      packed(
        one,
        bounds,
        (field) => field.double(),
        (field) => field.rawDouble(),
      ),
  })
  return { ...head.get(), count, sum, counts, bounds }
}

function readExponential(reader: ProtobufReader): ExponentialPoint {
  const head = new Head()
  const point = {
    count: 0,
    sum: undefined as number | undefined,
    scale: 0,
    zeroCount: 0,
    zeroThreshold: 0,
    positive: { offset: 0, counts: [] } as ExponentialBuckets,
    negative: { offset: 0, counts: [] } as ExponentialBuckets,
  }
  each(reader, {
    ...head.fields(1, 10),
    4: (one) => (point.count = fixed64(one)),
    5: (one) => (point.sum = one.double()),
    6: (one) => (point.scale = one.sint64()),
    7: (one) => (point.zeroCount = fixed64(one)),
    8: (one) => (point.positive = readBuckets(one.message())),
    9: (one) => (point.negative = readBuckets(one.message())),
    14: (one) => (point.zeroThreshold = one.double()),
  })
  return { ...head.get(), ...point }
}

function readBuckets(reader: ProtobufReader): ExponentialBuckets {
  let offset = 0
  const counts: number[] = []
  each(reader, {
    1: (one) => (offset = one.sint64()),
    2: (one) =>
      packed(
        one,
        counts,
        (field) => field.uint64(),
        (field) => field.rawUint64(),
      ),
  })
  return { offset, counts }
}

function readSummary(reader: ProtobufReader): SummaryPoint {
  const head = new Head()
  let count = 0
  let sum = 0
  const quantiles: [number, number][] = []
  each(reader, {
    ...head.fields(7, 8),
    4: (one) => (count = fixed64(one)),
    5: (one) => (sum = one.double()),
    6: (one) => {
      const pair: [number, number] = [0, 0]
      each(one.message(), {
        1: (field) => (pair[0] = field.double()),
        2: (field) => (pair[1] = field.double()),
      })
      quantiles.push(pair)
    },
  })
  return { ...head.get(), count, sum, quantiles }
}

/** Numbers may stand one by one, or packed. */
function packed(
  reader: ProtobufReader,
  into: number[],
  one: (reader: ProtobufReader) => number,
  raw: (reader: ProtobufReader) => number,
): void {
  if (!reader.isBytes) {
    into.push(one(reader))
    return
  }
  const inner = reader.message()
  while (inner.at < inner.end) into.push(raw(inner))
}

function fixed64(reader: ProtobufReader): number {
  reader.skipDouble()
  return unsignedAt(reader)
}

function rawFixed64(reader: ProtobufReader): number {
  reader.rawDouble()
  return unsignedAt(reader)
}

/** Exact up to 2^53; a time in nanoseconds is near enough for milliseconds. */
function unsignedAt(reader: ProtobufReader): number {
  const low = reader.int32At(reader.at - 8) >>> 0
  return (reader.int32At(reader.at - 4) >>> 0) * 2 ** 32 + low
}

function sfixed64(reader: ProtobufReader): number {
  reader.skipDouble()
  return reader.int32At(reader.at - 4) * 2 ** 32 + (reader.int32At(reader.at - 8) >>> 0)
}

function readPair(reader: ProtobufReader): [string, string] {
  let name = ''
  let value: unknown = ''
  each(reader, {
    1: (one) => (name = one.text()),
    2: (one) => (value = readValue(one.message(), 0)),
  })
  return [name, typeof value === 'string' ? value : JSON.stringify(value)]
}

function readValue(reader: ProtobufReader, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new OtlpError(`an attribute is deeper than ${DEPTH_MAX} levels`)
  let value: unknown = ''
  each(reader, {
    1: (one) => (value = one.text()),
    2: (one) => (value = one.uint64() !== 0),
    3: (one) => (value = one.int64()),
    4: (one) => (value = one.double()),
    5: (one) => {
      const list: unknown[] = []
      each(one.message(), { 1: (item) => void list.push(readValue(item.message(), depth + 1)) })
      value = list
    },
    6: (one) => {
      const pairs: [string, unknown][] = []
      each(one.message(), {
        1: (item) => {
          let key = ''
          let inner: unknown = ''
          each(item.message(), {
            1: (field) => (key = field.text()),
            2: (field) => (inner = readValue(field.message(), depth + 1)),
          })
          pairs.push([key, inner])
        },
      })
      value = Object.fromEntries(pairs)
    },
    7: (one) => {
      const inner = one.message()
      value = btoa(
        String.fromCharCode(
          ...inner.bytes.subarray(inner.at, Math.min(inner.end, inner.at + 4_096)),
        ),
      )
    },
  })
  return value
}
