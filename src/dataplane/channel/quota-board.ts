import { QUOTA_ROWS_MAX, type QuotaRow } from '../../contracts/quotas.ts'

/** What quotas have counted in this process, for a control plane that comes back: what was told while it was away was told to nobody. */
export class QuotaBoard {
  readonly #rows = new Map<string, QuotaRow>()

  add(rows: readonly QuotaRow[]): void {
    for (const row of rows) {
      const name = `${row.scope}\n${row.key}`
      const known = this.#rows.get(name)
      // Two workers may tell of the same moment in any order, also of the end of a period.
      if (known !== undefined && isNewer(known, row)) continue
      this.#rows.delete(name)
      this.#rows.set(name, row)
    }
    for (const name of this.#rows.keys()) {
      if (this.#rows.size <= QUOTA_ROWS_MAX) break
      this.#rows.delete(name)
    }
  }

  all(): readonly QuotaRow[] {
    return [...this.#rows.values()]
  }
}

function isNewer(known: QuotaRow, row: QuotaRow): boolean {
  return known.period > row.period || (known.period === row.period && known.used > row.used)
}
