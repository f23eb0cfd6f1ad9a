import { QUOTA_ROWS_MAX, type QuotaRow } from '../../contracts/quotas.ts'

/** What quotas have counted since it was last told: one row a key. */
export class QuotaNotes {
  #rows = new Map<string, QuotaRow>()

  /** `used` is what all workers have counted. Beyond so many keys a second the rest is told with their next request. */
  note(scope: string, key: string, period: number, used: number): void {
    const name = `${scope}\n${key}`
    if (this.#rows.size >= QUOTA_ROWS_MAX && !this.#rows.has(name)) return
    this.#rows.set(name, { scope, key, period, used })
  }

  /** Everything, which is forgotten with it. */
  take(): readonly QuotaRow[] {
    if (this.#rows.size === 0) return NOTHING
    const rows = [...this.#rows.values()]
    this.#rows = new Map()
    return rows
  }
}

const NOTHING: readonly QuotaRow[] = []
