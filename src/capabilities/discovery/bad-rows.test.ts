import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startStorage } from '../../platform/storage/storage.ts'
import { parseRegistration } from './registration.ts'
import { FakeClock, startOn } from './testdata/ground.ts'

const bodyOf = (service: string, id: string, change: object = {}) =>
  JSON.stringify({
    ...parseRegistration(service, id, { host: '127.0.0.1', port: 80, checks: [] }, 30_000),
    ...change,
  })

test('rows that cannot be read are set aside, named, and stop no start; the others come back', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const first = await startOn(new FakeClock(), storage)
  for (const service of ['orders', 'constructor', 'toString']) {
    await first.discovery.register(
      parseRegistration(service, 'a', { host: '127.0.0.1', port: 80 }, 30_000),
    )
  }
  await first.discovery.setOverride('constructor', 'a', 'maintenance')
  await first.stop()
  const bad: [string, string, string][] = [
    ['orders', 'broken', '{"spec":'],
    ['orders', 'null', 'null'],
    ['orders', 'empty', '{}'],
    ['orders', 'port', bodyOf('orders', 'port').replace('80', '800000')],
    ['orders', 'exec', bodyOf('orders', 'exec', { checks: [{ kind: 'exec', argv: ['id'] }] })],
    ['orders', 'other', bodyOf('orders', 'a')],
    ['__proto__', 'a', bodyOf('orders', 'a')],
    ['or ders', 'a', bodyOf('orders', 'a')],
  ]
  await storage.write([
    ...bad.map((params) => ({
      sql: 'INSERT INTO discovery_registrations VALUES (?, ?, ?)',
      params,
    })),
    {
      sql: "INSERT INTO discovery_overrides (service, id, status) VALUES ('orders', 'a', 'constructor')",
    },
    { sql: "INSERT INTO discovery_overrides (service, id, status) VALUES ('', 'a', 'up')" },
    { sql: 'UPDATE discovery_index SET first = 9223372036854775807' },
  ])
  const second = await startOn(new FakeClock(), storage)
  const { discovery } = second
  assert.deepEqual(
    [...discovery.services()]
      .map(({ name, instanceCount }) => `${name} ${instanceCount}`)
      .toSorted(),
    ['constructor 1', 'orders 1', 'toString 1'],
  )
  assert.equal(discovery.instance('constructor', 'a')?.override, 'maintenance')
  assert.equal(discovery.instance('orders', 'a')?.override, undefined)
  const problems = [...discovery.problems()].filter(({ code }) => code.startsWith('ERR_STORAGE'))
  assert.deepEqual(
    problems.map(({ code, key, text }) => `${code} ${key} ${/^\d+/.exec(text)?.[0]}`),
    [
      'ERR_STORAGE_ROW_SET_ASIDE discovery_overrides 2',
      'ERR_STORAGE_ROW_SET_ASIDE discovery_registrations 8',
    ],
  )
  const kept = await storage.read('SELECT owner, source, row, why FROM storage_set_aside')
  assert.equal(kept.length, 10)
  assert.ok(
    kept.some(({ row }) => String(row).includes('{\\"spec\\":')),
    'kept as it was',
  )
  assert.ok(kept.every(({ why, owner }) => why !== '' && owner === 'discovery'))
  await second.stop()
  const again = await startOn(new FakeClock(), storage)
  t.after(() => again.stop())
  const left = [...again.discovery.problems()].map(({ code }) => code)
  assert.ok(!left.includes('ERR_STORAGE_ROW_SET_ASIDE'), 'once')
  assert.equal(again.discovery.counts().instances, 3)
})

test('a full disk does not stop a start', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const first = await startOn(new FakeClock(1_000), storage)
  await first.discovery.register(parseRegistration('orders', 'a', { host: 'a', port: 80 }, 30_000))
  await first.stop()
  const [row] = await storage.read('PRAGMA page_count')
  await storage.write([
    { sql: `PRAGMA max_page_count = ${Number(row?.['page_count'])}` },
    { sql: "UPDATE discovery_registrations SET body = body || ''" },
  ])
  await storage
    .write([
      {
        sql: `INSERT INTO discovery_registrations VALUES ('z', 'z', ?)`,
        params: ['x'.repeat(100_000)],
      },
    ])
    .catch(() => {})
  const second = await startOn(new FakeClock(2_000), storage)
  t.after(() => second.stop())
  assert.ok(second.discovery.instance('orders', 'a'))
})
