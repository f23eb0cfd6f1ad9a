import type { QuotaRow } from '../../contracts/quotas.ts'
import { QUOTA_ROWS_MAX } from '../../contracts/quotas.ts'
import type { Log } from '../../platform/capability.ts'
import type { Storage } from '../../platform/storage/storage.ts'

/** Where quotas are kept over restarts. */
export interface QuotaStore {
  load(): Promise<readonly QuotaRow[]>
  save(rows: readonly QuotaRow[]): Promise<void>
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

/** Durable in control's storage. */
export async function openQuotaStore(storage: Storage): Promise<QuotaStore> {
  await storage.migrate('gateway-quotas', migrations)
  return {
    async load() {
      const rows = await storage.read(
        `SELECT scope, key, period, used FROM quotas ORDER BY period DESC LIMIT ${QUOTA_ROWS_MAX}`,
      )
      return rows.map((row) => ({
        scope: String(row['scope']),
        key: String(row['key']),
        period: Number(row['period']),
        used: Number(row['used']),
      }))
    },
    async save(rows) {
      await storage.write(
        rows.map(({ scope, key, period, used }) => ({
          sql: SAVE,
          params: [scope, key, period, used],
        })),
      )
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
      // The one that has been still for longest goes.
      for (const name of rows.keys()) {
        if (rows.size <= QUOTA_ROWS_MAX) break
        rows.delete(name)
      }
      store.save(more).catch((error: unknown) => log('error', 'quotas cannot be stored', { error }))
    },
    all: () => [...rows.values()],
  }
}

function isNewer(known: QuotaRow, row: QuotaRow): boolean {
  return known.period > row.period || (known.period === row.period && known.used >= row.used)
}
