import type { Candidate } from './candidate.ts'

/** A binary heap of candidates by their next turn, intrusive by `turnIndex`, so that any one is removed in O(log n). */
export interface TurnHeap<C extends Candidate> {
  readonly size: number
  first(): C | undefined
  push(candidate: C): void
  remove(candidate: C): void
  /** Restores the order after the turn of a candidate was changed. */
  moved(candidate: C): void
}

export function createTurnHeap<C extends Candidate>(): TurnHeap<C> {
  const heap: C[] = []

  function place(candidate: C, at: number): void {
    heap[at] = candidate
    candidate.turnIndex = at
  }

  function rise(candidate: C): void {
    let at = candidate.turnIndex
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]!
      if (!isBefore(candidate, parent)) break
      place(parent, at)
      at = parentAt
    }
    place(candidate, at)
  }

  function sink(candidate: C): void {
    let at = candidate.turnIndex
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= heap.length) break
      if (childAt + 1 < heap.length && isBefore(heap[childAt + 1]!, heap[childAt]!)) childAt++
      const child = heap[childAt]!
      if (!isBefore(child, candidate)) break
      place(child, at)
      at = childAt
    }
    place(candidate, at)
  }

  function moved(candidate: C): void {
    rise(candidate)
    sink(candidate)
  }

  return {
    get size() {
      return heap.length
    },
    first: () => heap[0],
    push(candidate) {
      candidate.turnIndex = heap.length
      heap.push(candidate)
      rise(candidate)
    },
    remove(candidate) {
      const at = candidate.turnIndex
      if (heap[at] !== candidate) return
      const last = heap.pop()!
      candidate.turnIndex = -1
      if (last === candidate) return
      place(last, at)
      moved(last)
    },
    moved,
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.turn < b.turn || (a.turn === b.turn && a.turnOrder < b.turnOrder)
}
