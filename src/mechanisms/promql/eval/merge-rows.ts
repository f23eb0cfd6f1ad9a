import { QueryError } from './errors.ts'
import { Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createRow, type Row, type RowSink } from './rows.ts'

/** The error for two elements of a vector with the same labels. */
export function sameLabelsError(): QueryError {
  return new QueryError('vector cannot contain metrics with the same labelset')
}

/**
 * Rows that became equal in their labels become one row, as long as no time has two of them; else there is no answer. Rows come out
 * when all of them went in.
 */
export class RowMerger {
  readonly #collector: Collector
  /** By signature: rows that keep their names, and rows that will lose them. */
  readonly #keeping = new Map<string, number>()
  readonly #dropping = new Map<string, number>()
  readonly #sink: RowSink
  readonly #mayMerge: boolean

  /** `mayMerge`: false where equal labels are always a mistake. */
  constructor(evaluation: Evaluation, grid: Grid, sink: RowSink, mayMerge = true) {
    this.#collector = new Collector(evaluation, grid)
    this.#sink = sink
    this.#mayMerge = mayMerge
  }

  /** Takes a row. Rows of which one will lose its name and the other one will not are different ones. */
  readonly push = (row: Row): void => {
    const indices = row.dropsName ? this.#dropping : this.#keeping
    const { signature } = row.labels
    const index = indices.get(signature)
    if (index !== undefined) {
      if (!this.#mayMerge || !this.#collector.table.merge(index, row)) throw sameLabelsError()
      return
    }
    const { table } = this.#collector
    const before = table.length
    this.#collector.push(row)
    if (table.length > before) indices.set(signature, before)
  }

  /** Gives out all rows. */
  flush(): void {
    const { table } = this.#collector
    const row = createRow(table.count)
    for (let index = 0; index < table.length; index++) {
      table.load(index, row)
      this.#sink(row)
    }
    this.#collector.release()
  }
}
