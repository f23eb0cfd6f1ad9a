import type { Storage } from '../../platform/storage/storage.ts'
import type { DoorBook } from './gateway.ts'

const migrations = [
  `CREATE TABLE inside_doors (
     caller TEXT NOT NULL,
     service TEXT NOT NULL,
     port INTEGER NOT NULL,
     PRIMARY KEY (caller, service)
   ) STRICT, WITHOUT ROWID`,
]

/** The ports of the inside doors, durable: services keep the URLs that they were started with. */
export async function openDoorBook(storage: Storage): Promise<DoorBook> {
  await storage.migrate('gateway', migrations)
  let saved = ''
  return {
    async load() {
      const rows = await storage.read('SELECT caller, service, port FROM inside_doors')
      return rows.map((row) => ({
        caller: String(row['caller']),
        service: String(row['service']),
        port: Number(row['port']),
      }))
    },
    async save(doors) {
      const text = JSON.stringify(doors)
      if (text === saved) return
      await storage.write([
        { sql: 'DELETE FROM inside_doors', params: [] },
        ...doors.map((door) => ({
          sql: 'INSERT INTO inside_doors VALUES (?, ?, ?)',
          params: [door.caller, door.service, door.port],
        })),
      ])
      saved = text
    },
  }
}
