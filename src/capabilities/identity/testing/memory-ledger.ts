import { DatabaseSync } from 'node:sqlite'
import { createDatabase } from '../../../platform/storage/database.ts'
import type { Ledger } from '../engines/ledger.ts'
import { identityMigrations } from '../store/tables.ts'

/** SQLite in memory and in this thread, with our tables: the same statements, and no thread to wait for. */
export function createMemoryLedger(): Ledger {
  const database = createDatabase(new DatabaseSync(':memory:'))
  database.migrate('identity', identityMigrations)
  const bounds = { rowsMax: 10_000, bytesMax: 1_000_000, onMore: 'fail' } as const
  return {
    engine: 'sqlite',
    migrate: async () => {},
    async commit(statements) {
      const [answer] = database.commit([{ statements, isGuarded: true }])
      if (answer === undefined || answer.outcome === 'failed')
        throw new Error(JSON.stringify(answer))
      return answer
    },
    read: async (sql, params = []) => database.read({ sql, params }, bounds).rows,
    close: async () => database.close(),
  }
}
