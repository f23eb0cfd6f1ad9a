import type { Labels } from '../../../mechanisms/labels/labels.ts'
import {
  parseLabelPairs,
  parseLabels,
  type SampleColumns,
  WriteRequestReader,
} from '../../../mechanisms/remote-write/write-request.ts'
import { WriteRequest2Reader } from '../../../mechanisms/remote-write/write-request-2.ts'
import { textOf } from '../store/label-text.ts'
import type { Store } from '../store/store.ts'
import { SeriesLimitError } from '../store/store-errors.ts'
import type { Verdict } from '../store/head.ts'

/** A sample further ahead of the clock is refused. */
export const AHEAD_MS_MAX = 10 * 60_000
/** Older times than this are none. */
const TIME_MS_MIN = -(2 ** 50)

/** What became of a request. */
export interface Written {
  readonly samples: number
  readonly histograms: number
  readonly exemplars: number
  /** Why some of it was refused: the first reason, with how many there were. All else is stored. */
  readonly refused: { readonly text: string; readonly isRetryable: boolean } | undefined
}

/** Counts what is stored and what is not. */
class Outcome {
  samples = 0
  histograms = 0
  exemplars = 0
  #refusedCount = 0
  #first = ''
  #isRetryable = false

  refuse(text: string, isRetryable = false): void {
    if (this.#refusedCount++ === 0) this.#first = text
    if (isRetryable) this.#isRetryable = true
  }

  finish(): Written {
    const { samples, histograms, exemplars } = this
    const more = this.#refusedCount - 1
    const text = more > 0 ? `${this.#first} (and ${more} more)` : this.#first
    const refused = this.#refusedCount === 0 ? undefined : { text, isRetryable: this.#isRetryable }
    return { samples, histograms, exemplars, refused }
  }
}

/** Stores a request of remote write 1.0. Throws `ProtobufError`: what stands before the mistake is stored then. */
export function storeRequest1(store: Store, bytes: Uint8Array, nowMs: number): Written {
  const reader = new WriteRequestReader(bytes)
  const outcome = new Outcome()
  for (;;) {
    const kind = reader.next()
    if (kind === 'end') return outcome.finish()
    if (kind === 'metadata') {
      if (reader.metadata !== undefined) store.putMetadata(reader.metadata)
      continue
    }
    const ref = seriesOf(store, bytes, reader.labelsStart, reader.labelsEnd, outcome)
    if (ref >= 0) storeSamples(store, ref, reader.samples, nowMs, outcome)
  }
}

/** Stores a request of remote write 2.0. Throws `ProtobufError`: what stands before the mistake is stored then. */
export function storeRequest2(store: Store, bytes: Uint8Array, nowMs: number): Written {
  const reader = new WriteRequest2Reader(bytes)
  const outcome = new Outcome()
  while (reader.next()) {
    const ref = seriesOf(store, reader.labels, 0, reader.labelsEnd, outcome)
    if (ref < 0) continue
    storeSamples(store, ref, reader.samples, nowMs, outcome)
    const { metadata } = reader
    const isKnown = metadata === undefined || (metadata.type === 'unknown' && metadata.help === '')
    if (!isKnown) {
      const name = familyOf(store.series.index.value(ref, '__name__'), metadata.type)
      store.putMetadata({ ...metadata, name })
    }
  }
  return outcome.finish()
}

/** Metadata are those of the family: without what the samples of its type add to the name. */
function familyOf(name: string, type: string): string {
  if (type !== 'histogram' && type !== 'summary') return name
  return name.replace(/_(?:bucket|count|sum)$/, '')
}

function seriesOf(
  store: Store,
  bytes: Uint8Array,
  start: number,
  end: number,
  outcome: Outcome,
): number {
  const known = store.find(bytes, start, end)
  if (known >= 0) return known
  const labels = parseLabels(bytes, start, end)
  const problem = problemOf(labels, parseLabelPairs(bytes, start, end).length)
  if (problem !== undefined) {
    outcome.refuse(problem)
    return -1
  }
  try {
    return store.seriesOf(labels)
  } catch (error) {
    if (!(error instanceof SeriesLimitError)) throw error
    outcome.refuse(error.message)
    return -1
  }
}

function problemOf(labels: Labels, pairCount: number): string | undefined {
  if (labels.get('__name__') === '') return `a series without a metric name: ${textOf(labels)}`
  if (new Set(labels.names).size < labels.names.length || pairCount > labels.names.length + 64) {
    return `label names that are not unique: ${textOf(labels)}`
  }
  return labels.names.includes('') ? `an empty label name: ${textOf(labels)}` : undefined
}

function storeSamples(
  store: Store,
  ref: number,
  samples: SampleColumns,
  nowMs: number,
  outcome: Outcome,
): void {
  const newest = nowMs + AHEAD_MS_MAX
  for (let at = 0; at < samples.count; at++) {
    const time = samples.times[at]!
    if (time > newest || time < TIME_MS_MIN) {
      outcome.refuse(
        told(store, ref, time, time > newest ? 'is too far in the future' : 'is no time'),
      )
      continue
    }
    const verdict = store.append(ref, time, samples.high[at]!, samples.low[at]!)
    if (verdict === 'stored' || verdict === 'late' || verdict === 'known') outcome.samples++
    else outcome.refuse(told(store, ref, time, reasonOf(verdict)))
  }
  for (const { timeMs, histogram } of samples.histograms) {
    if (timeMs > newest || timeMs < TIME_MS_MIN) {
      outcome.refuse(told(store, ref, timeMs, 'is too far in the future'))
      continue
    }
    const verdict = store.appendHistogram(ref, timeMs, histogram)
    if (verdict === 'stored' || verdict === 'known') outcome.histograms++
    else outcome.refuse(told(store, ref, timeMs, reasonOf(verdict)))
  }
  for (const exemplar of samples.exemplars) {
    store.addExemplar(ref, exemplar, nowMs)
    outcome.exemplars++
  }
}

function told(store: Store, ref: number, time: number, reason: string): string {
  return `a sample ${reason}: ${textOf(store.series.index.labels(ref))} at ${time}`
}

/** In Prometheus' words. */
function reasonOf(verdict: Verdict): string {
  switch (verdict) {
    case 'conflict':
      return 'duplicate sample for timestamp'
    case 'out-of-order':
      return 'out of order sample'
    case 'too-old':
      return 'out of bounds'
    case 'stored':
    case 'late':
    case 'known':
      return 'stored'
  }
}
