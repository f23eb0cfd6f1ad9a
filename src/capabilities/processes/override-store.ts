import type { SqlRow } from '../../platform/storage/messages.ts'
import { createSetAside, type BadRow, type SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Override, OverrideStore } from './needs.ts'

const migrations = [
  `CREATE TABLE process_overrides (
     service TEXT PRIMARY KEY,
     instances INTEGER,
     is_stopped INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
]

/** More instances than anybody can have asked for. */
const INSTANCES_MAX = 1_000_000

/** Run-time changes of services, durable. */
export async function openOverrideStore(storage: Storage): Promise<OverrideStore> {
  await storage.migrate('processes', migrations)
  let setAside: SetAside | undefined
  return {
    async load(scope) {
      setAside = createSetAside(storage, 'processes', scope)
      // As text: a number that is too large for JavaScript would stop the whole read.
      const rows = await storage.read(
        'SELECT service, CAST(instances AS TEXT) AS instances, CAST(is_stopped AS TEXT) AS is_stopped FROM process_overrides',
      )
      const overrides: Override[] = []
      const bad: BadRow[] = []
      for (const row of rows) {
        const override = parseOverride(row)
        if (typeof override === 'string') bad.push({ row, why: override })
        else overrides.push(override)
      }
      if (bad.length > 0) await setAside.move('process_overrides', ['service'], bad)
      return overrides
    },
    problems: () => setAside?.problems() ?? [],
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

/** What is wrong with it, where it cannot be read. */
function parseOverride(row: SqlRow): Override | string {
  const [service, stopped] = [String(row['service']), row['is_stopped']]
  const instances = row['instances'] === null ? undefined : Number(row['instances'])
  if (!/^[a-z0-9-]+$/.test(service)) return `'${service}' is not the name of a service`
  const isCount = Number.isInteger(instances) && instances! >= 0 && instances! <= INSTANCES_MAX
  if (instances !== undefined && !isCount) return `${instances} is not a number of instances`
  if (stopped !== '0' && stopped !== '1') return `is_stopped is ${String(stopped)}`
  return { service, instances, isStopped: stopped === '1' }
}
