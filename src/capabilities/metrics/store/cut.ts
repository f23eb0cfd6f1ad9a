import type { Clock } from '../../../platform/capability.ts'
import type { BlockSet } from './block-set.ts'
import type { CardinalityGuard } from './cardinality-guard.ts'
import type { ChunkFiles } from './chunk-files.ts'
import { BLOCK_RANGE_MS, type Head } from './head.ts'
import type { SeriesSet } from './series-set.ts'

/** Series that are looked at before others get their turn. */
const SLICE = 1_000

/** What a store gives for it. */
export interface CutParts {
  readonly folder: string
  readonly clock: Clock
  readonly head: Head
  readonly series: SeriesSet
  readonly chunkFiles: ChunkFiles
  readonly blocks: BlockSet
  readonly guard: CardinalityGuard
  /** Writes a checkpoint and returns its number. */
  checkpoint(): Promise<number>
}

/** Up to where the head is to become blocks now; undefined while it is too short: it keeps the newest hour at least. */
export function cutTimeOf(head: { minTime: number; maxTime: number }): number | undefined {
  const before = Math.floor((head.maxTime - BLOCK_RANGE_MS / 2) / BLOCK_RANGE_MS) * BLOCK_RANGE_MS
  return head.minTime < before ? before : undefined
}

/**
 * Makes blocks of what the head has before a time, and forgets it there. From the beginning on only late samples are older than that, and
 * they are not in these blocks. A kill anywhere costs nothing: until the blocks are there the checkpoint has everything, and a start compares both.
 */
export async function cutHead(
  store: CutParts,
  before: number,
  turn: () => Promise<void>,
): Promise<void> {
  const { head, series, chunkFiles, blocks } = store
  head.cutTime = Math.max(head.cutTime, before)
  for (let ref = 0; ref < series.limit; ref++) {
    if (ref % SLICE === SLICE - 1) await turn()
    if (series.has(ref)) head.closeBefore(ref, before)
  }
  // What is closed from now on may be missing in the checkpoint.
  const knownUntil = chunkFiles.nextPlace
  const checkpoint = await store.checkpoint()
  await blocks.run({
    type: 'cut',
    folder: store.folder,
    checkpoint,
    before,
    nowMs: store.clock.nowMs(),
  })
  for (let ref = 0; ref < series.limit; ref++) {
    if (ref % SLICE === SLICE - 1) await turn()
    head.dropBefore(ref, before, knownUntil)
  }
  const gone = await series.removeGone((ref) => head.isGone(ref, before), turn)
  for (const ref of gone) head.forget(ref)
  head.minTime = before
  store.guard.reset()
  // The files of what was dropped are free then.
  await store.checkpoint()
}
