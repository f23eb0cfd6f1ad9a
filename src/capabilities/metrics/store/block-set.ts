import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock, Log } from '../../../platform/capability.ts'
import { BlockCorruptError } from '../../../mechanisms/tsdb-block/bytes.ts'
import { Block } from './block.ts'
import { type BlockInfo, type BlockMeta, isUlid, parseBlockMeta } from './block-meta.ts'
import type { CompactionJob } from './compact.ts'
import { planCompaction } from './compaction-plan.ts'
import { planRetention, type Retention } from './retention.ts'

/** What finds series in blocks is kept in memory up to this. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024
/** A block that nobody asks keeps nothing in memory after this. */
const KEPT_MS_MAX = 300_000
/** Heap of the thread that makes blocks. */
const THREAD_HEAP_MB_MAX = 1_024

/** A block that cannot be used: it is left where it is. */
export interface BadBlock {
  readonly path: string
  readonly reason: string
}

/** The blocks in a folder. Only one job changes them at a time; queries go on meanwhile. */
export class BlockSet {
  readonly #folder: string
  readonly #clock: Clock
  readonly #log: Log
  #blocks: readonly Block[] = []
  #bad: readonly BadBlock[] = []
  #worker: Worker | undefined

  constructor(folder: string, clock: Clock, log: Log) {
    this.#folder = folder
    this.#clock = clock
    this.#log = log
  }

  get all(): readonly Block[] {
    return this.#blocks
  }

  /** Blocks that cannot be used. */
  get bad(): readonly BadBlock[] {
    return this.#bad
  }

  /** Bytes on the disk. */
  get diskBytes(): number {
    return this.#blocks.reduce((sum, { info }) => sum + info.bytes, 0)
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.bytes, 0)
  }

  /** Those that have anything from `from` to `to`. */
  overlapping(from: number, to: number): readonly Block[] {
    const nowMs = this.#clock.nowMs()
    const found = this.#blocks.filter((block) => block.overlaps(from, to))
    for (const block of found) block.lastUsedMs = nowMs
    return found
  }

  /** Looks into the folder: new blocks are found, half-made ones removed. */
  async load(): Promise<void> {
    const folder = join(this.#folder, 'blocks')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const known = new Map(this.#blocks.map((block) => [block.info.meta.ulid, block]))
    const blocks: Block[] = []
    const bad: BadBlock[] = []
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      if (name.includes('.tmp-')) await rm(path, { recursive: true, force: true })
      if (!isUlid(name)) continue
      try {
        blocks.push(known.get(name) ?? new Block(await readInfo(path)))
      } catch (error) {
        bad.push({ path, reason: error instanceof Error ? error.message : String(error) })
      }
    }
    this.#blocks = withoutParents(blocks)
    const kept = new Set(this.#blocks)
    for (const block of blocks) if (!kept.has(block)) await this.#remove(block)
    this.#bad = bad
  }

  /** Runs a job in a thread of its own, and takes over what it has made. */
  async run(job: CompactionJob): Promise<readonly BlockMeta[]> {
    const file = import.meta.url.endsWith('.ts')
      ? './compaction-thread.ts'
      : './compaction-thread.js'
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: { job, seed: randomBytes(4).readInt32LE() },
      name: 'metrics compaction',
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB_MAX },
    })
    this.#worker = worker
    const done = Promise.withResolvers<readonly BlockMeta[]>()
    worker.once('message', done.resolve)
    worker.once('error', done.reject)
    worker.once('exit', () => done.reject(new Error('the thread that makes blocks has ended')))
    try {
      const made = await done.promise
      await worker.terminate()
      await this.load()
      return made
    } finally {
      this.#worker = undefined
    }
  }

  /** One step of what keeps blocks few and young: false when nothing is left to do. */
  async tidy(retention: Retention): Promise<boolean> {
    const nowMs = this.#clock.nowMs()
    await this.#unloadIdle(nowMs)
    const { remove, rewrite } = planRetention(
      this.#blocks.map(({ info }) => info),
      retention,
      nowMs,
    )
    const [first] = rewrite
    const ulids = new Set(remove.map(({ meta }) => meta.ulid))
    const removed = this.#blocks.filter(({ info }) => ulids.has(info.meta.ulid))
    if (removed.length > 0) await this.#drop(removed)
    const base = { folder: this.#folder, retention, nowMs } as const
    if (first !== undefined) {
      const { ulid } = first.block.meta
      await this.#replace({ ...base, type: 'merge', ulids: [ulid], expiredMs: first.expiredMs })
      return true
    }
    const group = planCompaction(this.#blocks.map(({ info }) => info.meta))
    if (group === undefined) return false
    const expiredMs = Math.min(...group.map(({ backplane }) => backplane?.expiredMs ?? 0))
    await this.#replace({
      ...base,
      type: 'merge',
      ulids: group.map(({ ulid }) => ulid),
      expiredMs,
    })
    return true
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    for (const block of this.#blocks) await block.unload()
    this.#blocks = []
  }

  /** Makes one of some; these go when it is there. Where the one would be empty they just go. */
  async #replace(job: Extract<CompactionJob, { type: 'merge' }>): Promise<void> {
    await this.run(job)
    const parents = new Set(job.ulids)
    await this.#drop(this.#blocks.filter(({ info }) => parents.has(info.meta.ulid)))
  }

  async #drop(blocks: readonly Block[]): Promise<void> {
    this.#blocks = this.#blocks.filter((block) => !blocks.includes(block))
    for (const block of blocks) await this.#remove(block)
  }

  async #remove(block: Block): Promise<void> {
    await block.unload()
    const { path } = block.info
    // By one rename it is gone, whatever happens to what follows.
    const gone = `${path}.tmp-for-deletion`
    await rename(path, gone)
    await rm(gone, { recursive: true, force: true })
    this.#log('debug', 'a block of metrics was removed', { path })
  }

  async #unloadIdle(nowMs: number): Promise<void> {
    const loaded = this.#blocks
      .filter(({ bytes }) => bytes > 0)
      .toSorted((one, other) => other.lastUsedMs - one.lastUsedMs)
    let bytes = 0
    for (const block of loaded) {
      bytes += block.bytes
      if (bytes > KEPT_BYTES_MAX || nowMs - block.lastUsedMs > KEPT_MS_MAX) await block.unload()
    }
  }
}

/** A block that was merged into another one before a kill is not needed: all that it was made of is in there. */
function withoutParents(blocks: readonly Block[]): readonly Block[] {
  return blocks.filter((block) => {
    const { meta } = block.info
    return !blocks.some((other) => other !== block && isMergedInto(meta, other.info.meta))
  })
}

function isMergedInto(one: BlockMeta, other: BlockMeta): boolean {
  const sources = new Set(other.compaction.sources)
  const isWithin = one.compaction.sources.every((source) => sources.has(source))
  if (!isWithin) return false
  if (other.compaction.level > one.compaction.level) return true
  // The same block written anew without what has expired.
  const isSame = other.compaction.sources.length === one.compaction.sources.length
  return isSame && (other.backplane?.expiredMs ?? 0) > (one.backplane?.expiredMs ?? 0)
}

async function readInfo(path: string): Promise<BlockInfo> {
  const meta = parseBlockMeta(await readFile(join(path, 'meta.json'), 'utf8'))
  let bytes = (await stat(join(path, 'index'))).size
  for (const name of await readdir(join(path, 'chunks'))) {
    bytes += (await stat(join(path, 'chunks', name))).size
  }
  if (bytes === 0) throw new BlockCorruptError('it is empty')
  return { path, meta, bytes }
}
