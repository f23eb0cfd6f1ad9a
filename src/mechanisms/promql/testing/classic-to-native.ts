import type { Labels } from '../../labels/labels.ts'
import { compact } from '../../native-histogram/buckets.ts'
import { customSchema, type FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { withLabel } from '../eval/label-shapes.ts'
import type { SeriesText } from './series-text.ts'

interface Classic {
  readonly buckets: Map<number, number>
  count: number | undefined
  sum: number
}

/** The native histograms with custom bounds that classic ones are converted to, by the number of the step (`load_with_nhcb`). */
export function convertClassic(
  all: readonly SeriesText[],
): readonly { readonly labels: Labels; readonly values: ReadonlyMap<number, FloatHistogram> }[] {
  const found = new Map<string, { labels: Labels; steps: Map<number, Classic> }>()
  for (const { labels, values } of all) {
    const [, base = '', suffix] = /^(.*)_(bucket|count|sum)$/.exec(labels.get('__name__')) ?? []
    const bound = boundOf(labels.get('le'))
    if (suffix === undefined || (suffix === 'bucket' && Number.isNaN(bound))) continue
    const target = withLabel(withLabel(labels, 'le', ''), '__name__', base)
    const entry = found.get(target.signature) ?? {
      labels: target,
      steps: new Map<number, Classic>(),
    }
    found.set(target.signature, entry)
    for (const [step, value] of values.entries()) {
      if (typeof value !== 'number') continue
      const classic = entry.steps.get(step) ?? { buckets: new Map(), count: undefined, sum: 0 }
      entry.steps.set(step, classic)
      if (suffix === 'bucket') classic.buckets.set(bound, value)
      else if (suffix === 'count') classic.count = value
      else classic.sum = value
    }
  }
  return [...found.values()].flatMap(({ labels, steps }) => {
    const hasBuckets = [...steps.values()].some(({ buckets }) => buckets.size > 0)
    const values = new Map([...steps].map(([step, classic]) => [step, convert(classic)]))
    return hasBuckets ? [{ labels, values }] : []
  })
}

function boundOf(text: string): number {
  if (/^\+?inf$/i.test(text)) return Infinity
  return text === '' ? NaN : Number(text)
}

function convert({ buckets, count, sum }: Classic): FloatHistogram {
  const bounds = [...buckets.keys()].filter(Number.isFinite).toSorted((one, other) => one - other)
  const total = count ?? buckets.get(Infinity) ?? buckets.get(bounds.at(-1) ?? NaN) ?? 0
  const cumulative = [
    ...bounds.map((bound) => buckets.get(bound) ?? 0),
    buckets.get(Infinity) ?? total,
  ]
  const counts = cumulative.map((value, nth) => value - (cumulative[nth - 1] ?? 0))
  return compact({
    resetHint: 'unknown',
    schema: customSchema,
    zeroThreshold: 0,
    zeroCount: 0,
    count: total,
    sum,
    positiveSpans: [{ offset: 0, length: counts.length }],
    positiveCounts: counts,
    negativeSpans: [],
    negativeCounts: [],
    customBounds: bounds,
  })
}
