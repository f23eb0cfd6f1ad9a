import type { Binary, VectorMatching } from '../syntax/ast.ts'
import type { Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createKey } from './label-shapes.ts'
import { RowMerger } from './merge-rows.ts'
import { absent, isEmpty, type Row, type RowSink } from './rows.ts'

/** The rows of `and`, `or` and `unless`. */
export function streamSet(
  evaluation: Evaluation,
  binary: Binary,
  matching: VectorMatching,
  grid: Grid,
  sink: RowSink,
): void {
  if (binary.op === 'or') streamUnion(evaluation, binary, matching, grid, sink)
  else streamFiltered(evaluation, binary, matching, grid, sink)
}

/** At which times there is any element of a group. */
class Presence {
  readonly #groups = new Map<string, Uint8Array>()
  readonly #key: (row: Row['labels']) => string

  constructor({ labels, isOn }: VectorMatching) {
    this.#key = createKey(labels, !isOn)
  }

  add({ labels, kinds }: Row): void {
    const key = this.#key(labels)
    let times = this.#groups.get(key)
    if (times === undefined) {
      times = new Uint8Array(kinds.length)
      this.#groups.set(key, times)
    }
    for (let step = 0; step < kinds.length; step++) if (kinds[step] !== absent) times[step] = 1
  }

  of({ labels }: Row): Uint8Array | undefined {
    return this.#groups.get(this.#key(labels))
  }
}

/** What is left of the left side where the right side has something (`and`), or has nothing (`unless`). */
function streamFiltered(
  evaluation: Evaluation,
  { op, left, right }: Binary,
  matching: VectorMatching,
  grid: Grid,
  sink: RowSink,
): void {
  const presence = new Presence(matching)
  evaluation.recur.vector(evaluation, right, grid, (row) => presence.add(row))
  const keptIf = op === 'and' ? 1 : 0
  evaluation.recur.vector(evaluation, left, grid, (row) => {
    keep(row, presence.of(row), keptIf)
    if (!isEmpty(row)) sink(row)
  })
}

function keep({ kinds }: Row, times: Uint8Array | undefined, keptIf: 0 | 1): void {
  for (let step = 0; step < kinds.length; step++) {
    if ((times?.[step] ?? 0) !== keptIf) kinds[step] = absent
  }
}

/** Everything of the left side, and of the right side what has no like there at that time. */
function streamUnion(
  evaluation: Evaluation,
  { left, right }: Binary,
  matching: VectorMatching,
  grid: Grid,
  sink: RowSink,
): void {
  const presence = new Presence(matching)
  const merger = new RowMerger(evaluation, grid, sink)
  evaluation.recur.vector(evaluation, left, grid, (row) => {
    presence.add(row)
    merger.push(row)
  })
  evaluation.recur.vector(evaluation, right, grid, (row) => {
    keep(row, presence.of(row), 0)
    if (!isEmpty(row)) merger.push(row)
  })
  merger.flush()
}
