import { startStorage } from '../../../platform/storage/storage.ts'
import { testEntryStore } from '../store/entries.contract.ts'
import { identityMigrations } from '../store/tables.ts'
import { createSqliteLedger } from './sqlite.ts'

testEntryStore('sqlite', async () => {
  const ledger = createSqliteLedger(await startStorage({ file: ':memory:' }))
  await ledger.migrate(identityMigrations)
  return ledger
})
