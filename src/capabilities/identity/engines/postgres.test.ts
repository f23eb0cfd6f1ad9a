import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testEntryStore } from '../store/entries.contract.ts'
import { identityMigrations } from '../store/tables.ts'
import { startTestPostgres, type TestPostgres } from '../testing/postgres.ts'
import { openPostgresLedger } from './postgres.ts'

let server: TestPostgres | undefined
let databases = 0

before(async () => {
  server = await startTestPostgres()
  assert.ok(server, 'scripts/peers.sh installs PostgreSQL')
})
after(() => server?.stop())

const open = async () => {
  const ledger = await openPostgresLedger(server?.database(`d${++databases}`) ?? '')
  await ledger.migrate(identityMigrations)
  return ledger
}

testEntryStore('postgres', open)

test('postgres: several nodes that start at once bring the tables up once', async () => {
  const url = server?.database('together') ?? ''
  const ledgers = await Promise.all(Array.from({ length: 4 }, () => openPostgresLedger(url)))
  await Promise.all(ledgers.map((ledger) => ledger.migrate(identityMigrations)))
  const [row] = (await ledgers[0]?.read('SELECT count(*) AS n FROM identity_migrations')) ?? []
  assert.equal(row?.['n'], 1)
  await assert.rejects(ledgers[0]?.migrate([]) ?? Promise.resolve(), /newer version/)
  await Promise.all(ledgers.map((ledger) => ledger.close()))
})
