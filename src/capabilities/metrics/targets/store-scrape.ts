import { OpenMetricsReader } from '../../../mechanisms/exposition/openmetrics.ts'
import { floatText, readProtobufExposition } from '../../../mechanisms/exposition/protobuf.ts'
import type {
  Exemplar,
  ExpositionReader,
  MetricType,
} from '../../../mechanisms/exposition/reader.ts'
import { parseSeriesText } from '../../../mechanisms/exposition/series-text.ts'
import { TextReader } from '../../../mechanisms/exposition/text.ts'
import { type Labels, labelsOf } from '../../../mechanisms/labels/labels.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { staleHigh, staleLow } from '../../../mechanisms/promql/queryable.ts'
import type { Relabel } from '../../../mechanisms/relabel/relabel.ts'
import { encodeLabels } from '../../../mechanisms/remote-write/encode-labels.ts'
import { textOf } from '../store/label-text.ts'
import type { Metadata } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { DROPPED, type ScrapeCache } from './scrape-cache.ts'

/** How the samples of a target are taken. */
export interface IntakeOptions {
  readonly labels: Labels
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  readonly sampleLimit: number
  readonly labelLimit: number
  readonly labelNameLengthLimit: number
  readonly labelValueLengthLimit: number
  readonly relabel: Relabel
  /** Called every so many lines of a large answer, so that others get their turn. */
  readonly turn: () => Promise<void>
}

/** Counts of a scrape. */
export interface Intake {
  readonly scraped: number
  readonly kept: number
  readonly added: number
}

/** One sample on its way into the store. */
interface Taken {
  /** Entry of the cache. */
  readonly start: number
  readonly end: number
  readonly value: number
  readonly timeMs: number
  readonly exemplar: Exemplar | undefined
}

const SLICE = 10_000

/**
 * Takes what a target answered: first all of it is read, so that a mistake anywhere leaves nothing behind, then it is stored with `timeMs`.
 * Throws `ExpositionError`, `ProtobufError`, `SeriesLimitError`, and an error for a limit that is exceeded.
 */
export async function storeScrape(
  store: Store,
  cache: ScrapeCache,
  answer: { readonly contentType: string; readonly body: Buffer },
  timeMs: number,
  options: IntakeOptions,
): Promise<Intake> {
  const [type = ''] = answer.contentType.split(';')
  cache.begin()
  if (type.trim() === 'application/vnd.google.protobuf') {
    return storeProtobuf(store, cache, answer.body, timeMs, options)
  }
  const reader =
    type.trim() === 'application/openmetrics-text'
      ? new OpenMetricsReader(answer.body)
      : new TextReader(answer.body)
  const { samples, metadata } = await readAll(reader, options)
  for (const one of metadata.values()) store.putMetadata(one)
  let kept = 0
  let added = 0
  for (const [index, sample] of samples.entries()) {
    if (index % SLICE === SLICE - 1) await options.turn()
    const entry = entryOf(store, cache, answer.body, sample, metadata, options)
    const ref = cache.ref(entry)
    if (ref === DROPPED) continue
    kept++
    const hasTime = options.honorTimestamps && !Number.isNaN(sample.timeMs)
    if (cache.see(entry, !hasTime)) added++
    store.appendValue(ref, hasTime ? sample.timeMs : timeMs, sample.value)
    if (sample.exemplar !== undefined) store.addExemplar(ref, sample.exemplar, timeMs)
  }
  markGone(store, cache, timeMs)
  return { scraped: samples.length, kept, added }
}

/** A target that cannot be scraped: all that it had ends. */
export function storeFailure(store: Store, cache: ScrapeCache, timeMs: number): void {
  cache.begin()
  markGone(store, cache, timeMs)
}

function markGone(store: Store, cache: ScrapeCache, timeMs: number): void {
  for (const { ref, generation } of cache.gone()) {
    if (store.series.isCurrent(ref, generation)) store.append(ref, timeMs, staleHigh, staleLow)
  }
  cache.finish()
}

async function readAll(
  reader: ExpositionReader,
  { sampleLimit, turn }: IntakeOptions,
): Promise<{
  readonly samples: readonly Taken[]
  readonly metadata: ReadonlyMap<string, Metadata>
}> {
  const samples: Taken[] = []
  const metadata = new Map<string, Metadata>()
  const note = (name: string, more: Partial<Metadata>): void => {
    const known = metadata.get(name) ?? { name, type: 'unknown', help: '', unit: '' }
    metadata.set(name, { ...known, ...more })
  }
  for (let entry = reader.next(); entry.kind !== 'end'; entry = reader.next()) {
    switch (entry.kind) {
      case 'type':
        note(entry.name, { type: entry.type })
        break
      case 'help':
        note(entry.name, { help: entry.text })
        break
      case 'unit':
        note(entry.name, { unit: entry.text })
        break
      case 'sample': {
        const { seriesStart: start, seriesEnd: end, value, timeMs, exemplar } = reader
        samples.push({ start, end, value, timeMs, exemplar })
        if (sampleLimit > 0 && samples.length > sampleLimit)
          throw new Error('sample limit exceeded')
        if (samples.length % SLICE === 0) await turn()
      }
    }
  }
  return { samples, metadata }
}

function entryOf(
  store: Store,
  cache: ScrapeCache,
  body: Buffer,
  { start, end }: Taken,
  metadata: ReadonlyMap<string, Metadata>,
  options: IntakeOptions,
): number {
  const known = cache.find(body, start, end)
  if (known >= 0) {
    const ref = cache.ref(known)
    if (ref === DROPPED || store.series.isCurrent(ref, cache.generation(known))) return known
  }
  const told = normalized(parseSeriesText(body, start, end), metadata)
  const labels = finalLabels(told, options)
  const ref = labels === undefined ? DROPPED : store.seriesOf(labels)
  return cache.add(body, start, end, ref, ref < 0 ? 0 : store.series.generation(ref))
}

/** The labels that a sample gets; undefined where a rule drops it. Throws where they exceed a limit. */
function finalLabels(told: Labels, options: IntakeOptions): Labels | undefined {
  const labels = options.relabel(withTarget(told, options.labels, options.honorLabels))
  if (labels === undefined || labels.get('__name__') === '') return undefined
  const { labelLimit, labelNameLengthLimit, labelValueLengthLimit } = options
  if (labelLimit > 0 && labels.names.length > labelLimit) {
    throw new Error(
      `label_limit exceeded (metric: ${textOf(labels)}, number of labels: ${labels.names.length}, limit: ${labelLimit})`,
    )
  }
  for (const [at, name] of labels.names.entries()) {
    if (labelNameLengthLimit > 0 && name.length > labelNameLengthLimit) {
      throw new Error(
        `label_name_length_limit exceeded (metric: ${textOf(labels)}, label name: ${name}, length: ${name.length}, limit: ${labelNameLengthLimit})`,
      )
    }
    const { length } = labels.values[at]!
    if (labelValueLengthLimit > 0 && length > labelValueLengthLimit) {
      throw new Error(
        `label_value_length_limit exceeded (metric: ${labels.get('__name__')}, label name: ${name}, length: ${length}, limit: ${labelValueLengthLimit})`,
      )
    }
  }
  return labels
}

/** Labels of the target are added; one that the sample has too becomes `exported_...`, unless the sample's count. */
function withTarget(told: Labels, target: Labels, honorLabels: boolean): Labels {
  const pairs = new Map(told.names.map((name, at) => [name, told.values[at]!]))
  for (const [at, name] of target.names.entries()) {
    const own = pairs.get(name)
    if (own !== undefined) {
      if (honorLabels) continue
      let exported = `exported_${name}`
      while (pairs.has(exported) || target.has(exported)) exported = `exported_${exported}`
      pairs.set(exported, own)
    }
    pairs.set(name, target.values[at]!)
  }
  return labelsOf(pairs)
}

/** Bounds and quantiles become numbers as OpenMetrics writes them, so that `le="1"` and `le="1.0"` are one (as Prometheus 3 does it). */
function normalized(labels: Labels, metadata: ReadonlyMap<string, Metadata>): Labels {
  const name = labels.get('__name__')
  const own = labels.has('le') ? 'le' : labels.has('quantile') ? 'quantile' : undefined
  if (own === undefined) return labels
  const family = own === 'le' ? name.replace(/_bucket$/, '') : name
  const wanted: readonly MetricType[] = own === 'le' ? ['histogram', 'gaugehistogram'] : ['summary']
  if (!wanted.includes(metadata.get(family)?.type ?? 'unknown')) return labels
  const value = Number(labels.get(own).replace('+Inf', 'Infinity'))
  if (Number.isNaN(value)) return labels
  return labelsOf(
    labels.names.map((label, at) => [label, label === own ? floatText(value) : labels.values[at]!]),
  )
}

interface ProtobufTaken {
  readonly labels: Labels
  readonly value: number
  readonly histogram: FloatHistogram | undefined
  readonly timeMs: number | undefined
  readonly exemplars: readonly Exemplar[]
}

async function storeProtobuf(
  store: Store,
  cache: ScrapeCache,
  body: Buffer,
  timeMs: number,
  options: IntakeOptions,
): Promise<Intake> {
  const samples: ProtobufTaken[] = []
  for (const { name, type, help, unit, samples: some } of readProtobufExposition(body)) {
    store.putMetadata({ name, type, help, unit })
    for (const one of some) samples.push(one)
    if (options.sampleLimit > 0 && samples.length > options.sampleLimit) {
      throw new Error('sample limit exceeded')
    }
  }
  let kept = 0
  let added = 0
  for (const [index, sample] of samples.entries()) {
    if (index % SLICE === SLICE - 1) await options.turn()
    const labels = finalLabels(sample.labels, options)
    if (labels === undefined) continue
    kept++
    const key = encodeLabels(labels)
    const found = cache.find(key, 0, key.length)
    const isCurrent =
      found >= 0 && store.series.isCurrent(cache.ref(found), cache.generation(found))
    const ref = isCurrent ? cache.ref(found) : store.seriesOf(labels)
    const entry = isCurrent
      ? found
      : cache.add(key, 0, key.length, ref, store.series.generation(ref))
    const hasTime = options.honorTimestamps && sample.timeMs !== undefined
    if (cache.see(entry, !hasTime)) added++
    const at = hasTime ? sample.timeMs! : timeMs
    if (sample.histogram === undefined) store.appendValue(ref, at, sample.value)
    else store.appendHistogram(ref, at, sample.histogram)
    for (const exemplar of sample.exemplars) store.addExemplar(ref, exemplar, timeMs)
  }
  markGone(store, cache, timeMs)
  return { scraped: samples.length, kept, added }
}
