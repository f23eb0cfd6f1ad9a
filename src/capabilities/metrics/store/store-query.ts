import { compileMatcher, type CompiledMatcher } from '../../../mechanisms/labels/matchers.ts'
import { compareText, type Labels } from '../../../mechanisms/labels/labels.ts'
import {
  type Matcher,
  type Queryable,
  type SelectQuery,
  TooManySamplesError,
  TooManySeriesError,
} from '../../../mechanisms/promql/queryable.ts'
import type { BlockSet } from './block-set.ts'
import type { ChunkFiles } from './chunk-files.ts'
import { createDecodedSlot, estimateSamples, StoredSeries, type TimedChunk } from './decode.ts'
import type { Head } from './head.ts'
import type { SeriesSet } from './series-set.ts'

/** What is asked about labels: series that fulfil all matchers of one of the sets; without a set all series. */
export interface LabelQuery {
  readonly sets: readonly (readonly Matcher[])[]
  readonly fromMs: number
  readonly toMs: number
}

/** What queries look into. */
export interface QuerySources {
  readonly series: SeriesSet
  readonly head: Head
  readonly chunkFiles: ChunkFiles
  readonly blocks: BlockSet
}

interface FoundSeries {
  readonly labels: Labels
  readonly chunks: readonly TimedChunk[]
}

/** Answers queries from the head and from all blocks. */
export class StoreQueries implements Queryable {
  readonly #sources: QuerySources

  constructor(sources: QuerySources) {
    this.#sources = sources
  }

  /** Samples of all series that fulfil the matchers. Throws `PatternError`, `TooManySamplesError`, `BlockCorruptError`. */
  async select({
    matchers,
    fromMs,
    toMs,
    samplesMax,
    seriesMax = Infinity,
  }: SelectQuery): Promise<readonly StoredSeries[]> {
    const compiled = matchers.map(compileMatcher)
    const blocks = this.#sources.blocks.overlapping(fromMs, toMs)
    // All are asked in one go: none of them may be merged away in between.
    const parts = await Promise.all([
      this.#selectHead(compiled, fromMs, toMs, seriesMax),
      ...blocks.map((block) => block.select(compiled, fromMs, toMs, { seriesMax })),
    ])
    const slot = createDecodedSlot()
    let left = samplesMax
    return mergeParts(parts).map(({ labels, chunks }) => {
      left -= estimateSamples(chunks, fromMs, toMs)
      if (left < 0) throw new TooManySamplesError()
      return new StoredSeries(labels, chunks, { fromMs, toMs }, slot)
    })
  }

  /** Labels of series, each once. Throws `PatternError`. */
  async series(query: LabelQuery): Promise<readonly Labels[]> {
    const found = new Map<string, Labels>()
    for (const labels of await this.#labelsOf(query)) found.set(labels.signature, labels)
    return [...found.values()]
  }

  /** Names of labels, sorted. Throws `PatternError`. */
  async labelNames(query: LabelQuery): Promise<readonly string[]> {
    const names = new Set<string>()
    if (query.sets.length > 0) {
      for (const labels of await this.#labelsOf(query)) {
        addAll(names, labels.names)
      }
    } else {
      if (this.#headOverlaps(query)) addAll(names, this.#sources.series.index.names())
      const parts = await Promise.all(this.#blocks(query).map((block) => block.names()))
      for (const part of parts) addAll(names, part)
    }
    return [...names].toSorted(compareText)
  }

  /** Values of a label, sorted. Throws `PatternError`. */
  async labelValues(name: string, query: LabelQuery): Promise<readonly string[]> {
    const values = new Set<string>()
    if (query.sets.length > 0) {
      for (const labels of await this.#labelsOf(query)) values.add(labels.get(name))
      values.delete('')
    } else {
      if (this.#headOverlaps(query)) addAll(values, this.#sources.series.index.values(name))
      const parts = await Promise.all(this.#blocks(query).map((block) => block.values(name)))
      for (const part of parts) addAll(values, part)
    }
    return [...values].toSorted(compareText)
  }

  async #labelsOf(query: LabelQuery): Promise<readonly Labels[]> {
    const sets = query.sets.length === 0 ? [[]] : query.sets
    const compiled = sets.map((set) => set.map(compileMatcher))
    const inHead = this.#headOverlaps(query)
      ? compiled.flatMap((matchers) => this.#headLabels(matchers))
      : []
    const found = await Promise.all(
      compiled.flatMap((matchers) =>
        this.#blocks(query).map((block) =>
          block.select(matchers, query.fromMs, query.toMs, { withChunks: false }),
        ),
      ),
    )
    return [...inHead, ...found.flat().map(({ labels }) => labels)]
  }

  #headLabels(matchers: readonly CompiledMatcher[]): readonly Labels[] {
    const { index } = this.#sources.series
    return Array.from(index.select(matchers), (ref) => index.labels(ref))
  }

  #headOverlaps({ fromMs, toMs }: LabelQuery): boolean {
    const { head } = this.#sources
    return fromMs <= head.maxTime && toMs >= head.minTime
  }

  #blocks({ fromMs, toMs }: LabelQuery) {
    return this.#sources.blocks.overlapping(fromMs, toMs)
  }

  async #selectHead(
    matchers: readonly CompiledMatcher[],
    from: number,
    to: number,
    seriesMax: number,
  ): Promise<readonly FoundSeries[]> {
    const { head, series, chunkFiles } = this.#sources
    const found: FoundSeries[] = []
    const closed: { into: TimedChunk[]; minTime: number; maxTime: number }[] = []
    const places: { place: number; bytes: number }[] = []
    for (const ref of series.index.select(matchers)) {
      const chunks: TimedChunk[] = [...head.openChunks(ref, from, to)]
      let isWanted = chunks.length > 0
      for (const { minTime, maxTime, place, bytes } of head.lists.overlapping(ref, from, to)) {
        places.push({ place, bytes })
        closed.push({ into: chunks, minTime, maxTime })
        isWanted = true
      }
      if (isWanted) found.push({ labels: series.index.labels(ref), chunks })
      if (found.length > seriesMax) throw new TooManySeriesError(seriesMax)
    }
    const read = await chunkFiles.readMany(places)
    for (const [at, { into, minTime, maxTime }] of closed.entries()) {
      into.push({ minTime, maxTime, framed: read[at]! })
    }
    return found
  }
}

function addAll(into: Set<string>, texts: readonly string[]): void {
  for (const text of texts) into.add(text)
}

/** The same series of several parts becomes one. */
function mergeParts(parts: readonly (readonly FoundSeries[])[]): readonly FoundSeries[] {
  const filled = parts.filter(({ length }) => length > 0)
  if (filled.length <= 1) return filled[0] ?? []
  const merged = new Map<string, { labels: Labels; chunks: TimedChunk[] }>()
  for (const part of filled) {
    for (const { labels, chunks } of part) {
      const known = merged.get(labels.signature)
      if (known === undefined) merged.set(labels.signature, { labels, chunks: [...chunks] })
      else known.chunks.push(...chunks)
    }
  }
  return [...merged.values()]
}
