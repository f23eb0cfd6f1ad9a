import type { Storage } from '../../platform/storage/storage.ts'
import type { OverrideStore } from './needs.ts'

const migrations = [
  `CREATE TABLE process_overrides (
     service TEXT PRIMARY KEY,
     instances INTEGER,
     is_stopped INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
]

/** Run-time changes of services, durable. */
export async function openOverrideStore(storage: Storage): Promise<OverrideStore> {
  await storage.migrate('processes', migrations)
  return {
    async load() {
      const rows = await storage.read(
        'SELECT service, instances, is_stopped FROM process_overrides',
      )
      return rows.map((row) => ({
        service: String(row['service']),
        instances: row['instances'] === null ? undefined : Number(row['instances']),
        isStopped: row['is_stopped'] === 1,
      }))
    },
    async save({ service, instances, isStopped }) {
      const isDifferent = instances !== undefined || isStopped
      await storage.write([
        isDifferent
          ? {
              sql: 'INSERT OR REPLACE INTO process_overrides VALUES (?, ?, ?)',
              params: [service, instances ?? null, Number(isStopped)],
            }
          : { sql: 'DELETE FROM process_overrides WHERE service = ?', params: [service] },
      ])
    },
  }
}
