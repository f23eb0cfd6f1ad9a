import type { Storage } from '../../platform/storage/storage.ts'
import type { OutboundListener } from './specify.ts'

/** Where the ports of the outbound listeners are kept over restarts. */
export interface PortStore {
  load(): Promise<readonly OutboundListener[]>
  save(listeners: readonly OutboundListener[]): Promise<void>
}

const migrations = [
  `CREATE TABLE inside_doors (
     caller TEXT NOT NULL,
     service TEXT NOT NULL,
     port INTEGER NOT NULL,
     PRIMARY KEY (caller, service)
   ) STRICT, WITHOUT ROWID`,
  'ALTER TABLE inside_doors RENAME TO outbound_listeners',
]

/** The ports of the outbound listeners, durable: services keep the URLs that they were started with. */
export async function openPortStore(storage: Storage): Promise<PortStore> {
  await storage.migrate('gateway', migrations)
  let saved = ''
  return {
    async load() {
      const rows = await storage.read('SELECT caller, service, port FROM outbound_listeners')
      return rows.map((row) => ({
        caller: String(row['caller']),
        service: String(row['service']),
        port: Number(row['port']),
      }))
    },
    async save(listeners) {
      const text = JSON.stringify(listeners)
      if (text === saved) return
      await storage.write([
        { sql: 'DELETE FROM outbound_listeners', params: [] },
        ...listeners.map((listener) => ({
          sql: 'INSERT INTO outbound_listeners VALUES (?, ?, ?)',
          params: [listener.caller, listener.service, listener.port],
        })),
      ])
      saved = text
    },
  }
}
