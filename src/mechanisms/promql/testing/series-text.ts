import { labelsOf, type Labels } from '../../labels/labels.ts'
import { addHistograms, subtractHistograms } from '../../native-histogram/arithmetic.ts'
import type { FloatHistogram, ResetHint, Span } from '../../native-histogram/float-histogram.ts'
import { checkString, unquote } from '../syntax/string-text.ts'
import type { StoredValue } from './memory-store.ts'

/** A value of a series, or nothing at that time. */
export type TextValue = StoredValue | undefined

/** A series as case files write it: `metric{label="value"} 1 2 _ 0+10x3 stale {{sum:1 count:1}}`. */
export interface SeriesText {
  readonly labels: Labels
  readonly values: readonly TextValue[]
}

/** Reads a series. Throws Error. */
export function parseSeriesText(text: string): SeriesText {
  const { labels, end } = parseLabels(text)
  return { labels, values: parseValues(text.slice(end)) }
}

/** Reads values; a number with `x` says how many more steps there are. */
export function parseValues(text: string): readonly TextValue[] {
  return splitItems(text.trim()).flatMap(parseItem)
}

/** Reads the labels at the beginning of a text, and where they end. */
export function parseLabels(text: string): { labels: Labels; end: number } {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(text)?.[0] ?? ''
  const pairs: [string, string][] = name === '' ? [] : [['__name__', name]]
  let at = name.length
  if (text[at] !== '{' || text.startsWith('{{', at)) return { labels: labelsOf(pairs), end: at }
  at++
  for (;;) {
    at += /^[\s,]*/.exec(text.slice(at))?.[0].length ?? 0
    if (text[at] === '}') return { labels: labelsOf(pairs), end: at + 1 }
    const label = readName(text, at)
    at = label.end + (/^\s*/.exec(text.slice(label.end))?.[0].length ?? 0)
    if (text[at] !== '=') {
      if (!label.isQuoted) throw new Error(`no value of ${label.name} in ${text}`)
      pairs.push(['__name__', label.name])
      continue
    }
    at += 1 + (/^\s*/.exec(text.slice(at + 1))?.[0].length ?? 0)
    const { end } = checkString(text, at)
    pairs.push([label.name, unquote(text.slice(at, end))])
    at = end
  }
}

function readName(text: string, at: number): { name: string; end: number; isQuoted: boolean } {
  if (/["'`]/.test(text[at] ?? '')) {
    const { end } = checkString(text, at)
    return { name: unquote(text.slice(at, end)), end, isQuoted: true }
  }
  const name = /^[a-zA-Z_][a-zA-Z0-9_]*/.exec(text.slice(at))?.[0]
  if (name === undefined) throw new Error(`no label at ${at} in ${text}`)
  return { name, end: at + name.length, isQuoted: false }
}

function splitItems(text: string): readonly string[] {
  return text.match(/(?:\{\{.*?\}\}|\S)+/g) ?? []
}

const number = String.raw`[+-]?(?:Inf|NaN|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)`
const repeated = new RegExp(`^(${number})(?:([+-])(${number}))?(?:x(\\d+))?$`, 'i')
const repeatedHistogram = /^(\{\{.*?\}\})(?:([+-])(\{\{.*?\}\}))?(?:x(\d+))?$/

function parseItem(item: string): readonly TextValue[] {
  const gap = /^_(?:x(\d+))?$/.exec(item)
  if (gap !== null) return Array.from({ length: Number(gap[1] ?? 1) }, () => undefined)
  const stale = /^stale(?:x(\d+))?$/.exec(item)
  if (stale !== null)
    return Array.from({ length: Number(stale[1] ?? 0) + 1 }, () => 'stale' as const)
  const floats = repeated.exec(item)
  if (floats !== null) return repeatFloat(floats)
  const histograms = repeatedHistogram.exec(item)
  if (histograms !== null) return repeatHistogram(histograms)
  throw new Error(`no value: ${item}`)
}

function repeatFloat([, first = '', sign, step, count]: RegExpExecArray): readonly number[] {
  const increment = step === undefined ? 0 : parseFloat64(step) * (sign === '-' ? -1 : 1)
  const values: number[] = []
  let value = parseFloat64(first)
  for (let nth = 0; nth <= Number(count ?? 0); nth++) {
    values.push(value)
    value += increment
  }
  return values
}

function parseFloat64(text: string): number {
  const lower = text.toLowerCase()
  if (lower.endsWith('inf')) return lower.startsWith('-') ? -Infinity : Infinity
  return lower.endsWith('nan') ? NaN : Number(lower)
}

function repeatHistogram([
  ,
  first = '',
  sign,
  step,
  count,
]: RegExpExecArray): readonly FloatHistogram[] {
  let histogram = parseHistogram(first)
  const increment = step === undefined ? undefined : parseHistogram(step)
  const values: FloatHistogram[] = []
  for (let nth = 0; nth <= Number(count ?? 0); nth++) {
    values.push(histogram)
    if (increment === undefined) continue
    const combine = sign === '-' ? subtractHistograms : addHistograms
    const combined = combine(histogram, increment)
    if (combined === undefined) throw new Error(`histograms that do not fit: ${first}`)
    histogram = combined.histogram
  }
  return values
}

const hints: ReadonlyMap<string, ResetHint> = new Map<string, ResetHint>([
  ['unknown', 'unknown'],
  ['reset', 'reset'],
  ['not_reset', 'not-reset'],
  ['gauge', 'gauge'],
])

/** Reads `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`. */
export function parseHistogram(text: string): FloatHistogram {
  const parts = new Map<string, string>()
  for (const [, key = '', value = ''] of text.slice(2, -2).matchAll(/(\w+):(\[[^\]]*\]|\S+)/g)) {
    parts.set(key, value)
  }
  const one = (key: string) => parseFloat64(parts.get(key) ?? '0')
  const many = (key: string) =>
    (parts.get(key) ?? '[]').slice(1, -1).trim().split(/\s+/).filter(Boolean).map(parseFloat64)
  const spans = (key: string, counts: readonly number[]): readonly Span[] =>
    counts.length === 0 ? [] : [{ offset: one(key), length: counts.length }]
  const [positiveCounts, negativeCounts] = [many('buckets'), many('n_buckets')]
  return {
    resetHint: hints.get(parts.get('counter_reset_hint') ?? 'unknown') ?? 'unknown',
    schema: one('schema'),
    zeroThreshold: one('z_bucket_w'),
    zeroCount: one('z_bucket'),
    count: one('count'),
    sum: one('sum'),
    positiveSpans: spans('offset', positiveCounts),
    positiveCounts,
    negativeSpans: spans('n_offset', negativeCounts),
    negativeCounts,
    customBounds: many('custom_values'),
  }
}
