import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { QUOTA_ROWS_MAX } from '../../contracts/quotas.ts'
import { startStorage } from '../../platform/storage/storage.ts'
import { createQuotas, openQuotaStore } from './quota-store.ts'

test('the larger count and the later period win, also over a restart and out of order', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-quotas-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const row = (key: string, period: number, used: number) => ({ scope: 's', key, period, used })
  const first = await startStorage({ file: join(folder, 'state.db') })
  const store = await openQuotaStore(first)
  const quotas = createQuotas([], store, () => {})
  quotas.add([row('a', 7, 3), row('b', 7, 1)])
  quotas.add([row('a', 7, 2), row('b', 8, 1), row('b', 7, 9)])
  const expected = [row('a', 7, 3), row('b', 8, 1)]
  assert.deepEqual(new Set(quotas.all()), new Set(expected))
  // Writes are done in their order: this one stands behind them.
  await store.save([row('c', 1, 1)], [])
  await first.close()
  const second = await startStorage({ file: join(folder, 'state.db') })
  t.after(() => second.close())
  const loaded = await (await openQuotaStore(second)).load()
  assert.deepEqual(new Set(loaded), new Set([...expected, row('c', 1, 1)]))
})

test('as many are stored as are kept, and those of hours do not push out those of months', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const store = await openQuotaStore(storage)
  const quotas = createQuotas([], store, () => {})
  const row = (key: string, period: number, used: number) => ({ scope: 's', key, period, used })
  const hours = Array.from({ length: QUOTA_ROWS_MAX }, (_, at) => row(`h${at}`, 500_000, 1))
  quotas.add([row('month', 680, 1)])
  quotas.add(hours)
  quotas.add([row('month', 680, 2)])
  await store.save([row('month', 680, 1)], [])
  assert.ok((await store.load()).some(({ key, used }) => key === 'month' && used === 2))
  const [counted] = await storage.read('SELECT count(*) AS rows FROM quotas')
  assert.equal(counted!['rows'], QUOTA_ROWS_MAX)
  assert.equal(quotas.all().length, QUOTA_ROWS_MAX)
})
