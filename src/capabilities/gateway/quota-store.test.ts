import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
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
  await store.save([row('c', 1, 1)])
  await first.close()
  const second = await startStorage({ file: join(folder, 'state.db') })
  t.after(() => second.close())
  const loaded = await (await openQuotaStore(second)).load()
  assert.deepEqual(new Set(loaded), new Set([...expected, row('c', 1, 1)]))
})
