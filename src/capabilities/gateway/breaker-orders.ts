import type { BreakerOrder } from '../../contracts/resilience.ts'
import type { Storage } from '../../platform/storage/storage.ts'

/** What operators may order, as the admin API and the command take it. */
export const BREAKER_ORDERS: readonly BreakerOrder[] = ['auto', 'open', 'closed', 'disabled']

/** Where the orders of operators are kept over restarts. */
export interface BreakerOrderStore {
  /** Those that differ from `auto`. */
  load(): Promise<ReadonlyMap<string, BreakerOrder>>
  save(service: string, order: BreakerOrder): Promise<void>
}

const migrations = [
  `CREATE TABLE breaker_orders (
     service TEXT PRIMARY KEY,
     breaker_order TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
]

/** The orders of operators, durable: a service that somebody has cut off stays cut off. */
export async function openBreakerOrders(storage: Storage): Promise<BreakerOrderStore> {
  await storage.migrate('gateway-breakers', migrations)
  return {
    async load() {
      const rows = await storage.read('SELECT service, breaker_order FROM breaker_orders')
      const orders = new Map<string, BreakerOrder>()
      for (const row of rows) {
        const order = BREAKER_ORDERS.find((one) => one === row['breaker_order'])
        if (order !== undefined) orders.set(String(row['service']), order)
      }
      return orders
    },
    async save(service, order) {
      const sql =
        order === 'auto'
          ? 'DELETE FROM breaker_orders WHERE service = ?'
          : 'INSERT OR REPLACE INTO breaker_orders VALUES (?, ?)'
      await storage.write([{ sql, params: order === 'auto' ? [service] : [service, order] }])
    },
  }
}
