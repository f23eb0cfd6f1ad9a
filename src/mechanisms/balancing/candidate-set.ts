import type { Candidate } from './candidate.ts'

/**
 * The candidates of one service in one worker, with a Fenwick tree over their weights (Fenwick, 1994): adding,
 * removing, reweighing and drawing one in proportion to its weight cost O(log n). The order is not kept.
 */
export interface CandidateSet<C extends Candidate> {
  readonly items: readonly C[]
  readonly totalWeight: number
  add(candidate: C): void
  remove(candidate: C): boolean
  reweigh(candidate: C, weight: number): void
  /** The candidate at `point` of the line of weights, 0 <= point < totalWeight. */
  at(point: number): C | undefined
}

const SIZE_MIN = 16

export function createCandidateSet<C extends Candidate>(): CandidateSet<C> {
  const items: C[] = []
  let tree = new Float64Array(SIZE_MIN + 1)
  let totalWeight = 0

  function addWeight(index: number, delta: number): void {
    totalWeight += delta
    for (let node = index + 1; node < tree.length; node += node & -node) tree[node]! += delta
  }

  function grow(): void {
    tree = new Float64Array((tree.length - 1) * 2 + 1)
    totalWeight = 0
    for (const item of items) addWeight(item.index, item.weight)
  }

  return {
    items,
    get totalWeight() {
      return totalWeight
    },
    add(candidate) {
      if (items[candidate.index] === candidate) return
      candidate.index = items.length
      items.push(candidate)
      if (items.length >= tree.length) grow()
      else addWeight(candidate.index, candidate.weight)
    },
    remove(candidate) {
      const index = candidate.index
      if (items[index] !== candidate) return false
      addWeight(index, -candidate.weight)
      const last = items.pop()!
      candidate.index = -1
      if (last === candidate) return true
      addWeight(items.length, -last.weight)
      items[index] = last
      last.index = index
      addWeight(index, last.weight)
      return true
    },
    reweigh(candidate, weight) {
      if (items[candidate.index] === candidate)
        addWeight(candidate.index, weight - candidate.weight)
      candidate.weight = weight
    },
    at(point) {
      let index = 0
      for (let step = (tree.length - 1) >> 0; step > 0; step >>= 1) {
        const next = index + step
        if (next < tree.length && tree[next]! <= point) {
          point -= tree[next]!
          index = next
        }
      }
      return items[index]
    },
  }
}
