import type { FloatHistogram } from '../native-histogram/float-histogram.ts'
import { compact } from '../native-histogram/buckets.ts'
import { type ExponentialBuckets, type ExponentialPoint, OtlpError } from './model.ts'

/** Scales that native histograms have; a finer one is made coarser. */
const SCHEMA_MAX = 8
const SCHEMA_MIN = -4
/** Buckets of one side. */
const BUCKETS_MAX = 10_000
const ZERO_THRESHOLD = 1e-128

/** An exponential histogram as a native one. Throws `OtlpError` where it is coarser than these can be, or has too many buckets. */
export function toNativeHistogram(point: ExponentialPoint): FloatHistogram {
  const { scale, positive, negative } = point
  if (!Number.isInteger(scale) || scale < SCHEMA_MIN || scale > 20) {
    throw new OtlpError(
      `the scale ${scale} of an exponential histogram is not from ${SCHEMA_MIN} to 20`,
    )
  }
  const factor = 2 ** Math.max(0, scale - SCHEMA_MAX)
  const [up, down] = [sideOf(positive, factor), sideOf(negative, factor)]
  const histogram: FloatHistogram = {
    resetHint: 'unknown',
    schema: Math.min(scale, SCHEMA_MAX),
    zeroThreshold: point.zeroThreshold > 0 ? point.zeroThreshold : ZERO_THRESHOLD,
    zeroCount: point.zeroCount,
    count: point.count,
    sum: point.sum ?? 0,
    positiveSpans: up.spans,
    positiveCounts: up.counts,
    negativeSpans: down.spans,
    negativeCounts: down.counts,
    customBounds: [],
  }
  return compact(histogram)
}

/** OTLP counts buckets by their lower bound, Prometheus by their upper one. */
function sideOf({ offset, counts }: ExponentialBuckets, factor: number) {
  if (counts.length > BUCKETS_MAX) {
    throw new OtlpError(`an exponential histogram has more than ${BUCKETS_MAX} buckets`)
  }
  if (counts.length === 0) return { spans: [], counts: [] }
  const first = Math.floor(offset / factor) + 1
  const last = Math.floor((offset + counts.length - 1) / factor) + 1
  const merged = Array.from({ length: last - first + 1 }, () => 0)
  for (const [at, count] of counts.entries()) {
    merged[Math.floor((offset + at) / factor) + 1 - first]! += count
  }
  return { spans: [{ offset: first, length: merged.length }], counts: merged }
}
