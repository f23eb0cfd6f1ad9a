import { readdirSync, readFileSync, openSync, readSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { compareLabels, compareText, type Labels } from '../../../mechanisms/labels/labels.ts'
import { parseLabels } from '../../../mechanisms/remote-write/write-request.ts'
import { readChunkFrame } from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import { type BlockMeta, createUlid, parseBlockMeta } from './block-meta.ts'
import { BlockScan, type ScannedSeries } from './block-scan.ts'
import { BlockWriter } from './block-writer.ts'
import { readRecordFile, readState } from './checkpoint.ts'
import type { ClosedChunk } from './chunk-list.ts'
import type { TimedChunk } from './decode.ts'
import { numberedPath } from './files.ts'
import { BLOCK_RANGE_MS } from './head.ts'
import { packChunks } from './pack-chunks.ts'
import { RECORD } from './records.ts'
import { createSurvivalTest, type Retention } from './retention.ts'

/** What a thread is told to do. */
export type CompactionJob =
  /** Makes blocks of the chunks that end before a time, out of a checkpoint. */
  | {
      readonly type: 'cut'
      readonly folder: string
      readonly checkpoint: number
      readonly before: number
      readonly nowMs: number
    }
  /** Makes one block of some, without the series that are too old. */
  | {
      readonly type: 'merge'
      readonly folder: string
      readonly ulids: readonly string[]
      readonly retention: Pick<Retention, 'timeMs' | 'rules'>
      readonly expiredMs: number
      readonly nowMs: number
    }

/** Does it, and waits for the disk. Returns the blocks that were made: they are whole. */
export async function runCompaction(
  job: CompactionJob,
  random: () => number,
): Promise<readonly BlockMeta[]> {
  return job.type === 'cut' ? cut(job, random) : merge(job, random)
}

interface HeadSeries {
  readonly labels: Labels
  readonly chunks: readonly ClosedChunk[]
}

async function cut(
  job: Extract<CompactionJob, { type: 'cut' }>,
  random: () => number,
): Promise<readonly BlockMeta[]> {
  const ranges = new Map<number, HeadSeries[]>()
  const path = numberedPath(join(job.folder, 'checkpoints'), job.checkpoint)
  await readRecordFile(path, (record) => {
    if (record[0] !== RECORD.state) return
    const { key, chunks } = readState(record)
    const old = chunks.filter(({ maxTime }) => maxTime < job.before)
    if (old.length === 0) return
    const labels = parseLabels(key, 0, key.length)
    const groups = Map.groupBy(old, ({ minTime }) => Math.floor(minTime / BLOCK_RANGE_MS))
    for (const [range, group] of groups) {
      const all = ranges.get(range) ?? []
      all.push({ labels, chunks: group })
      ranges.set(range, all)
    }
  })
  using files = new HeadChunkFiles(join(job.folder, 'chunks'))
  return [...ranges]
    .toSorted(([one], [other]) => one - other)
    .flatMap(([range, series]) => {
      const ulid = createUlid(job.nowMs, random)
      const meta = {
        ulid,
        minTime: range * BLOCK_RANGE_MS,
        maxTime: (range + 1) * BLOCK_RANGE_MS,
        compaction: { level: 1, sources: [ulid] },
        backplane: { checkpoint: job.checkpoint, expiredMs: 0 },
      }
      const made = writeHeadBlock(join(job.folder, 'blocks'), meta, series, files)
      return made === undefined ? [] : [made]
    })
}

function writeHeadBlock(
  folder: string,
  meta: Omit<BlockMeta, 'stats' | 'version'>,
  series: readonly HeadSeries[],
  files: HeadChunkFiles,
): BlockMeta | undefined {
  const symbols = new Set<string>()
  for (const { labels } of series) {
    for (const name of labels.names) symbols.add(name)
    for (const value of labels.values) symbols.add(value)
  }
  const writer = new BlockWriter(folder, meta, [...symbols].toSorted(compareText))
  return finishOrAbandon(writer, () => {
    const sorted = series.toSorted((one, other) => compareLabels(one.labels, other.labels))
    for (const { labels, chunks } of sorted) {
      writer.series(labels, packChunks(chunks.map((chunk) => files.read(chunk))))
    }
  })
}

function merge(
  job: Extract<CompactionJob, { type: 'merge' }>,
  random: () => number,
): readonly BlockMeta[] {
  const folder = join(job.folder, 'blocks')
  const metas = job.ulids.map((ulid) =>
    parseBlockMeta(readFileSync(join(folder, ulid, 'meta.json'), 'utf8')),
  )
  using open = new DisposableStack()
  const scans = job.ulids.map((ulid) => open.use(new BlockScan(join(folder, ulid))))
  const symbols = new Set(scans.flatMap((scan) => [...scan.symbols()]))
  const isRewrite = metas.length === 1
  const meta = {
    ulid: createUlid(job.nowMs, random),
    minTime: Math.min(...metas.map(({ minTime }) => minTime)),
    maxTime: Math.max(...metas.map(({ maxTime }) => maxTime)),
    compaction: {
      level: Math.max(...metas.map(({ compaction }) => compaction.level)) + (isRewrite ? 0 : 1),
      sources: [...new Set(metas.flatMap(({ compaction }) => compaction.sources))],
    },
    backplane: { checkpoint: 0, expiredMs: job.expiredMs },
  }
  const survives = createSurvivalTest(job.retention, job.expiredMs)
  const writer = new BlockWriter(folder, meta, [...symbols].toSorted(compareText))
  const made = finishOrAbandon(writer, () => {
    for (const { labels, chunks } of mergeSeries(scans.map((scan) => scan.series()))) {
      if (survives(labels)) writer.series(labels, packChunks(chunks))
    }
  })
  return made === undefined ? [] : [made]
}

function finishOrAbandon(writer: BlockWriter, fill: () => void): BlockMeta | undefined {
  try {
    fill()
    return writer.finish()
  } catch (error) {
    writer.abandon()
    throw error
  }
}

/** Series of several blocks in the order of labels; the same one of several has the chunks of all. */
function* mergeSeries(sources: readonly Generator<ScannedSeries>[]): Generator<ScannedSeries> {
  const heads = sources.map((source) => source.next())
  for (;;) {
    let least: Labels | undefined
    for (const head of heads) {
      if (head.done === true) continue
      const { labels } = head.value
      if (least === undefined || compareLabels(labels, least) < 0) least = labels
    }
    if (least === undefined) return
    const chunks: TimedChunk[] = []
    for (const [at, head] of heads.entries()) {
      if (head.done === true || compareLabels(head.value.labels, least) !== 0) continue
      chunks.push(...head.value.chunks)
      heads[at] = sources[at]!.next()
    }
    yield { labels: least, chunks }
  }
}

/** The files of closed chunks of the head. */
class HeadChunkFiles implements Disposable {
  readonly #folder: string
  readonly #fds = new Map<number, number>()

  constructor(folder: string) {
    this.#folder = folder
    // A folder that is missing is told here, and not in the middle.
    readdirSync(folder)
  }

  read({ place, bytes, minTime, maxTime }: ClosedChunk): TimedChunk {
    const number = Math.floor(place / 2 ** 32)
    let fd = this.#fds.get(number)
    if (fd === undefined) {
      fd = openSync(numberedPath(this.#folder, number), 'r')
      this.#fds.set(number, fd)
    }
    const frame = Buffer.allocUnsafe(bytes)
    readSync(fd, frame, 0, bytes, place % 2 ** 32)
    return { minTime, maxTime, framed: readChunkFrame(frame, 0) }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) closeSync(fd)
  }
}
