import type { Storage } from '../../../platform/storage/storage.ts'
import type { Ledger } from './ledger.ts'

/** In a file of its own, behind its own storage thread. One thread runs all commits one after the other, so a lock has nothing to do. */
export function createSqliteLedger(
  storage: Pick<Storage, 'migrate' | 'writeIf' | 'read' | 'close'>,
): Ledger {
  return {
    engine: 'sqlite',
    migrate: (migrations) => storage.migrate('identity', migrations),
    commit: (statements) => storage.writeIf(statements),
    read: (sql, params) => storage.read(sql, params),
    close: () => storage.close(),
  }
}
