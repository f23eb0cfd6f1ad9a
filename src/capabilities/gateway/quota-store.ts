import type { QuotaRow } from '../../contracts/quotas.ts'
import { QUOTA_ROWS_MAX } from '../../contracts/quotas.ts'
import type { Log } from '../../platform/capability.ts'
import type { Storage } from '../../platform/storage/storage.ts'

/** Where quotas are kept over restarts. */
export interface QuotaStore {
  load(): Promise<readonly QuotaRow[]>
  /** In one step; `forgotten` are kept no more. */
  save(rows: readonly QuotaRow[], forgotten: readonly QuotaRow[]): Promise<void>
}

const migrations = [
  `CREATE TABLE quotas (
     scope TEXT NOT NULL,
     key TEXT NOT NULL,
     period INTEGER NOT NULL,
     used INTEGER NOT NULL,
     PRIMARY KEY (scope, key)
   ) STRICT, WITHOUT ROWID`,
]

/** The larger count of a period wins, and a later period over an earlier one. */
const SAVE = `INSERT INTO quotas VALUES (?, ?, ?, ?) ON CONFLICT (scope, key) DO UPDATE SET
  used = CASE WHEN excluded.period = period THEN max(used, excluded.used) ELSE excluded.used END,
  period = excluded.period WHERE excluded.period >= period`

const ALL = {
  sql: 'SELECT scope, key, period, used FROM quotas WHERE (scope, key) > (?, ?) ORDER BY scope, key',
  key: ['scope', 'key'],
  after: ['', ''],
}
const FORGET = 'DELETE FROM quotas WHERE scope = ? AND key = ?'

/** Durable in control's storage. */
export async function openQuotaStore(storage: Storage): Promise<QuotaStore> {
  await storage.migrate('gateway-quotas', migrations)
  return {
    async load() {
      const rows: QuotaRow[] = []
      // In pages: there may be more than one read gives.
      for await (const page of storage.scan(ALL)) {
        for (const row of page) {
          rows.push({
            scope: String(row['scope']),
            key: String(row['key']),
            period: Number(row['period']),
            used: Number(row['used']),
          })
        }
      }
      // Hours before days before months: those give way first.
      return rows.sort((one, other) => other.period - one.period)
    },
    async save(rows, forgotten) {
      const saved = rows.map(({ scope, key, period, used }) => ({
        sql: SAVE,
        params: [scope, key, period, used],
      }))
      const gone = forgotten.map(({ scope, key }) => ({ sql: FORGET, params: [scope, key] }))
      await storage.write([...saved, ...gone])
    },
  }
}

/** What all quotas have counted, for data that has forgotten. */
export interface Quotas {
  /** Data has counted. */
  add(rows: readonly QuotaRow[]): void
  all(): readonly QuotaRow[]
}

/** In memory and in the store, which is written behind: what was not written yet is told again by data, or lost with the last second. */
export function createQuotas(first: readonly QuotaRow[], store: QuotaStore, log: Log): Quotas {
  const rows = new Map(first.map((row) => [`${row.scope}\n${row.key}`, row]))
  return {
    add(more) {
      for (const row of more) {
        const name = `${row.scope}\n${row.key}`
        const known = rows.get(name)
        if (known !== undefined && isNewer(known, row)) continue
        rows.delete(name)
        rows.set(name, row)
      }
      // The one that has been still for longest goes, here and in the store: it would grow with every address that ever came, and what it gives back is bounded.
      const forgotten: QuotaRow[] = []
      for (const [name, row] of rows) {
        if (rows.size <= QUOTA_ROWS_MAX) break
        rows.delete(name)
        forgotten.push(row)
      }
      store
        .save(more, forgotten)
        .catch((error: unknown) => log('error', 'quotas cannot be stored', { error }))
    },
    all: () => [...rows.values()],
  }
}

function isNewer(known: QuotaRow, row: QuotaRow): boolean {
  return known.period > row.period || (known.period === row.period && known.used >= row.used)
}
