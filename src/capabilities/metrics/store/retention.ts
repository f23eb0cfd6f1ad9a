import { compileMatcher, type CompiledMatcher } from '../../../mechanisms/labels/matchers.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import type { Matcher } from '../../../mechanisms/promql/queryable.ts'
import type { BlockInfo } from './block-meta.ts'

/** How long samples are kept. */
export interface Retention {
  /** Of series that no rule names. */
  readonly timeMs: number
  /** All blocks together; 0: no limit. */
  readonly bytesMax: number
  /** The first rule whose matchers a series fulfils says its time. */
  readonly rules: readonly RetentionRule[]
}

/** Series that are kept for another time than all others. */
export interface RetentionRule {
  readonly matchers: readonly Matcher[]
  readonly timeMs: number
}

/** What is to be done with blocks now. */
export interface RetentionPlan {
  /** Too old for everything, or too much. */
  readonly remove: readonly BlockInfo[]
  /** Some of their series are too old: they are written anew without them. */
  readonly rewrite: readonly { readonly block: BlockInfo; readonly expiredMs: number }[]
}

/** Decides by the age and the size of blocks. The oldest go first. */
export function planRetention(
  blocks: readonly BlockInfo[],
  retention: Retention,
  nowMs: number,
): RetentionPlan {
  const times = [retention.timeMs, ...retention.rules.map(({ timeMs }) => timeMs)]
  const longest = Math.max(...times)
  const newestFirst = blocks.toSorted((one, other) => other.meta.maxTime - one.meta.maxTime)
  const remove: BlockInfo[] = []
  const rewrite: { block: BlockInfo; expiredMs: number }[] = []
  let bytes = 0
  for (const block of newestFirst) {
    const age = nowMs - block.meta.maxTime
    bytes += block.bytes
    if (age >= longest || (retention.bytesMax > 0 && bytes > retention.bytesMax)) {
      remove.push(block)
      continue
    }
    const expired = Math.max(0, ...times.filter((time) => time <= age))
    const before = block.meta.backplane?.expiredMs ?? 0
    if (expired > before) rewrite.push({ block, expiredMs: expired })
  }
  return { remove, rewrite }
}

/** Whether a series lives longer than `expiredMs`. */
export function createSurvivalTest(
  retention: Pick<Retention, 'timeMs' | 'rules'>,
  expiredMs: number,
): (labels: Labels) => boolean {
  if (expiredMs === 0) return () => true
  const rules = retention.rules.map(({ matchers, timeMs }) => ({
    matchers: matchers.map(compileMatcher),
    timeMs,
  }))
  return (labels) => {
    const rule = rules.find(({ matchers }) => fulfils(labels, matchers))
    return (rule?.timeMs ?? retention.timeMs) > expiredMs
  }
}

function fulfils(labels: Labels, matchers: readonly CompiledMatcher[]): boolean {
  return matchers.every((one) => one.matches(labels.get(one.name)))
}
