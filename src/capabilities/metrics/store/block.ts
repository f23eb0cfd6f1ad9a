import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CompiledMatcher } from '../../../mechanisms/labels/matchers.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { TooManySeriesError } from '../../../mechanisms/promql/queryable.ts'
import { BlockCorruptError } from '../../../mechanisms/tsdb-block/bytes.ts'
import { FRAME_BYTES_MAX, readChunkFrame } from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import {
  checkedSection,
  checkIndexHead,
  PostingsTable,
  readPostings,
  readSeries,
  readToc,
  type SeriesEntry,
  SymbolTable,
} from '../../../mechanisms/tsdb-block/index-reader.ts'
import {
  INDEX_HEAD_BYTES,
  SERIES_ALIGNMENT,
  TOC_BYTES,
} from '../../../mechanisms/tsdb-block/index-writer.ts'
import type { BlockInfo } from './block-meta.ts'
import type { TimedChunk } from './decode.ts'
import { intersect, subtract, union } from './postings.ts'
import { openRanged, type RangedFile } from './ranged-file.ts'

/** Bytes of an entry of a series that are read before its length is known. */
const SERIES_BYTES = 512
/** A longer entry is damage. */
const SERIES_BYTES_MAX = 64 * 1024 * 1024
/** Bytes of a chunk that are read before its length is known. */
const CHUNK_BYTES = 2_048 + 512

/** A series of a block that a query has found. */
export interface BlockSeries {
  readonly labels: Labels
  readonly chunks: readonly TimedChunk[]
}

interface BlockSelect {
  readonly withChunks?: boolean
  readonly seriesMax?: number
}

interface Loaded {
  readonly index: RangedFile
  readonly symbols: SymbolTable
  readonly postings: PostingsTable
  readonly chunkFiles: readonly RangedFile[]
}

/** One block, read when it is asked: what finds series is kept until `unload`. */
export class Block {
  readonly info: BlockInfo
  #loading: Promise<Loaded> | undefined
  #loaded: Loaded | undefined
  #readers = 0
  #whenIdle: (() => void) | undefined
  lastUsedMs = 0

  constructor(info: BlockInfo) {
    this.info = info
  }

  /** Bytes of what is kept in memory. */
  get bytes(): number {
    const { symbols, postings } = this.#loaded ?? {}
    return (symbols?.bytes ?? 0) + (postings?.bytes ?? 0)
  }

  /** Whether it has anything from `from` to `to`, both included. */
  overlaps(from: number, to: number): boolean {
    return this.info.meta.minTime <= to && this.info.meta.maxTime > from
  }

  /** Series that fulfil all matchers and have chunks in the range; with `withChunks` the chunks are read too. Throws `BlockCorruptError`. */
  async select(
    matchers: readonly CompiledMatcher[],
    from: number,
    to: number,
    { withChunks = true, seriesMax = Infinity }: BlockSelect = {},
  ): Promise<readonly BlockSeries[]> {
    return this.#using(async (loaded) => {
      const refs = await selectRefs(loaded, matchers)
      // Before anything of them is read.
      if (refs.length > seriesMax) throw new TooManySeriesError(seriesMax)
      const entries = await readEntries(loaded, refs)
      const wanted = entries
        .map(({ labels, chunks }) => ({
          labels,
          places: chunks.filter((one) => one.minTime <= to && one.maxTime >= from),
        }))
        .filter(({ places }) => places.length > 0)
      if (!withChunks) return wanted.map(({ labels }) => ({ labels, chunks: [] }))
      return readChunks(loaded, wanted)
    })
  }

  /** Names of labels, sorted. */
  names(): Promise<readonly string[]> {
    return this.#using(async ({ postings }) => postings.names())
  }

  /** Values of a label, sorted. */
  values(name: string): Promise<readonly string[]> {
    return this.#using(async ({ postings }) => [...postings.values(name)].map(({ value }) => value))
  }

  /** Forgets what is kept, once nobody reads. */
  async unload(): Promise<void> {
    if (this.#readers > 0) {
      const idle = Promise.withResolvers<void>()
      this.#whenIdle = idle.resolve
      await idle.promise
    }
    const loading = this.#loading
    this.#loading = undefined
    this.#loaded = undefined
    const loaded = await loading?.catch(() => undefined)
    await loaded?.index.close()
    for (const file of loaded?.chunkFiles ?? []) await file.close()
  }

  async #using<Result>(run: (loaded: Loaded) => Promise<Result>): Promise<Result> {
    this.#readers++
    try {
      this.#loading ??= load(this.info.path)
      const loading = this.#loading
      loading.catch(() => {
        if (this.#loading === loading) this.#loading = undefined
      })
      this.#loaded = await loading
      return await run(this.#loaded)
    } finally {
      this.#readers--
      if (this.#readers === 0) {
        this.#whenIdle?.()
        this.#whenIdle = undefined
      }
    }
  }
}

async function load(path: string): Promise<Loaded> {
  const index = await openRanged(join(path, 'index'))
  checkIndexHead(await index.read(0, INDEX_HEAD_BYTES))
  const toc = readToc(await index.read(index.size - TOC_BYTES, TOC_BYTES))
  const section = async (at: number): Promise<Uint8Array> => {
    const head = await index.read(at, 4)
    if (head.length < 4) throw new BlockCorruptError('its index ends too early')
    return checkedSection(await index.read(at, head.readUInt32BE(0) + 8), `its index at ${at}`)
  }
  const symbols = new SymbolTable(await section(toc.symbols))
  const postings = new PostingsTable(await section(toc.postingsTable))
  const names = (await readdir(join(path, 'chunks'))).filter((name) => /^\d{6}$/.test(name))
  names.sort((one, other) => Number(one) - Number(other))
  const chunkFiles = await Promise.all(names.map((name) => openRanged(join(path, 'chunks', name))))
  return { index, symbols, postings, chunkFiles }
}

/** Lists of matching values, put together; what an empty value fulfils is taken away instead. */
async function selectRefs(
  loaded: Loaded,
  matchers: readonly CompiledMatcher[],
): Promise<Uint32Array> {
  let refs: Uint32Array | undefined
  const positive = matchers.filter((one) => !one.matchesEmpty)
  for (const matcher of positive) {
    const list = await listsOf(loaded, matcher.name, (value) => matcher.matches(value))
    refs = refs === undefined ? list : intersect(refs, list)
    if (refs.length === 0) return refs
  }
  refs ??= await listsOf(loaded, '', () => true)
  for (const matcher of matchers) {
    if (!matcher.matchesEmpty) continue
    refs = subtract(refs, await listsOf(loaded, matcher.name, (value) => !matcher.matches(value)))
  }
  return refs
}

async function listsOf(
  { index, postings }: Loaded,
  name: string,
  isWanted: (value: string) => boolean,
): Promise<Uint32Array> {
  const places = [...postings.values(name)].filter(({ value }) => isWanted(value))
  const lists: Uint32Array[] = []
  for (const { place } of places) {
    const head = await index.read(place, 8)
    if (head.length < 8) throw new BlockCorruptError('its index ends too early')
    lists.push(readPostings(await index.read(place, head.readUInt32BE(0) + 8)))
  }
  return union(lists)
}

async function readEntries(
  { index, symbols }: Loaded,
  refs: Uint32Array,
): Promise<readonly SeriesEntry[]> {
  const texts = new Map<number, string>()
  const text = (id: number): string => {
    let known = texts.get(id)
    if (known === undefined) texts.set(id, (known = symbols.text(id)))
    return known
  }
  const nameSets = new Map<string, readonly string[]>()
  const share = (names: readonly string[]): readonly string[] => {
    const key = names.join('\0')
    const known = nameSets.get(key) ?? names
    nameSets.set(key, known)
    return known
  }
  const entries: SeriesEntry[] = Array.from({ length: refs.length })
  let missing = Array.from(refs.keys())
  for (let bytes = SERIES_BYTES; missing.length > 0; bytes *= 8) {
    if (bytes > SERIES_BYTES_MAX) throw new BlockCorruptError('an entry of a series')
    const ranges = missing.map((at) => ({ at: refs[at]! * SERIES_ALIGNMENT, bytes }))
    const left: number[] = []
    await index.readMany(ranges, (part, run, at) => {
      const entry = tryEntry(run, at, bytes, text, share)
      if (entry === undefined) left.push(missing[part]!)
      else entries[missing[part]!] = entry
    })
    missing = left
  }
  return entries
}

/** Undefined where it may be longer than what was read. */
function tryEntry(
  run: Buffer,
  at: number,
  bytes: number,
  text: (id: number) => string,
  share: (names: readonly string[]) => readonly string[],
): SeriesEntry | undefined {
  try {
    return readSeries(run, at, text, share)
  } catch (error) {
    const mayBeCut = error instanceof BlockCorruptError && bytes < SERIES_BYTES_MAX
    if (mayBeCut && /too early/.test(error.message)) return undefined
    throw error
  }
}

async function readChunks(
  { chunkFiles }: Loaded,
  wanted: readonly {
    readonly labels: Labels
    readonly places: SeriesEntry['chunks']
  }[],
): Promise<readonly BlockSeries[]> {
  const found = wanted.map(({ labels }) => ({ labels, chunks: [] as TimedChunk[] }))
  const byFile = new Map<
    number,
    { into: TimedChunk[]; at: number; minTime: number; maxTime: number }[]
  >()
  for (const [index, { places }] of wanted.entries()) {
    for (const { ref, minTime, maxTime } of places) {
      const number = Math.floor(ref / 2 ** 32)
      const all = byFile.get(number) ?? []
      all.push({ into: found[index]!.chunks, at: ref % 2 ** 32, minTime, maxTime })
      byFile.set(number, all)
    }
  }
  for (const [number, parts] of byFile) {
    const file = chunkFiles[number]
    if (file === undefined) throw new BlockCorruptError('a file of chunks is missing')
    await readFrames(file, parts)
  }
  return found
}

async function readFrames(
  file: RangedFile,
  parts: readonly { into: TimedChunk[]; at: number; minTime: number; maxTime: number }[],
): Promise<void> {
  let missing = parts
  for (let bytes = CHUNK_BYTES; missing.length > 0; bytes *= 8) {
    if (bytes > SERIES_BYTES_MAX + FRAME_BYTES_MAX) throw new BlockCorruptError('a chunk')
    const left: (typeof missing)[number][] = []
    const now = missing
    await file.readMany(
      now.map(({ at }) => ({ at, bytes })),
      (index, run, at) => {
        const part = now[index]!
        const { into, minTime, maxTime } = part
        try {
          const { encoding, chunk } = readChunkFrame(run, at)
          // A copy, so that the answer does not keep what was read along.
          into.push({ minTime, maxTime, framed: { encoding, chunk: chunk.slice() } })
        } catch (error) {
          if (!(error instanceof BlockCorruptError) || !/too early/.test(error.message)) throw error
          left.push(part)
        }
      },
    )
    missing = left
  }
}
