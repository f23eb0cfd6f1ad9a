import { BLOCK_RANGE_MS } from './head.ts'
import type { BlockMeta } from './block-meta.ts'

/** Blocks grow by three: 2 h, 6 h, 18 h, 54 h. */
export const BLOCK_RANGES_MS: readonly number[] = [1, 3, 9, 27].map(
  (factor) => factor * BLOCK_RANGE_MS,
)

/** Which blocks become one next: those that overlap, else those that together fill a range. Undefined: nothing is to do. */
export function planCompaction(metas: readonly BlockMeta[]): readonly BlockMeta[] | undefined {
  const sorted = metas.toSorted((one, other) => one.minTime - other.minTime)
  return planOverlap(sorted) ?? planRanges(sorted)
}

function planOverlap(sorted: readonly BlockMeta[]): readonly BlockMeta[] | undefined {
  let group: BlockMeta[] = []
  let end = Number.NEGATIVE_INFINITY
  for (const meta of sorted) {
    if (meta.minTime >= end) {
      if (group.length > 1) return group
      group = []
    }
    group.push(meta)
    end = Math.max(end, meta.maxTime)
  }
  return group.length > 1 ? group : undefined
}

function planRanges(sorted: readonly BlockMeta[]): readonly BlockMeta[] | undefined {
  const newest = sorted.at(-1)
  if (newest === undefined) return undefined
  for (const range of BLOCK_RANGES_MS.slice(1)) {
    const groups = Map.groupBy(sorted, ({ minTime }) => Math.floor(minTime / range))
    for (const [window, group] of groups) {
      const end = (window + 1) * range
      const isWithin = group.every(({ maxTime }) => maxTime <= end)
      // A range that may still get blocks waits until it is over.
      const isOver = end <= newest.minTime || group.reduce(spanOf, 0) === range
      if (group.length > 1 && isWithin && isOver) return group
    }
  }
  return undefined
}

function spanOf(sum: number, { minTime, maxTime }: BlockMeta): number {
  return sum + maxTime - minTime
}
