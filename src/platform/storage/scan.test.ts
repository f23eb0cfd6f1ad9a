import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { STORAGE_PAGE_BYTES_MAX, STORAGE_PAGE_ROWS_MAX, type Scan } from './scan.ts'
import { startStorage } from './storage.ts'

const lines = (rowsMax?: number): Scan => ({
  sql: 'SELECT id, text FROM lines WHERE text <> ? AND id > ? ORDER BY id',
  params: ['skipped'],
  key: ['id'],
  after: [0],
  ...(rowsMax === undefined ? {} : { rowsMax }),
})

async function openWithLines(t: TestContext, count: number) {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  await storage.migrate('test', ['CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT) STRICT'])
  await storage.write([
    {
      sql: `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO lines SELECT i, CASE WHEN i % 10 = 0 THEN 'skipped' ELSE 'kept' END FROM n`,
      params: [count],
    },
  ])
  return storage
}

test('a scan gives every row once, in bounded pages', async (t) => {
  const storage = await openWithLines(t, 20_000)
  const sizes: number[] = []
  const ids: unknown[] = []
  for await (const page of storage.scan(lines())) {
    sizes.push(page.length)
    ids.push(...page.map((row) => row['id']))
  }
  assert.deepEqual(sizes, [
    STORAGE_PAGE_ROWS_MAX,
    STORAGE_PAGE_ROWS_MAX,
    STORAGE_PAGE_ROWS_MAX,
    3_000,
  ])
  assert.deepEqual(
    ids,
    Array.from({ length: 20_000 }, (_, at) => at + 1).filter((id) => id % 10 !== 0),
  )
})

test('a page ends by its bytes, too; one row that is larger comes alone', async (t) => {
  const storage = await openWithLines(t, 1)
  const insert = (text: string) =>
    storage.write([{ sql: 'INSERT INTO lines (text) VALUES (?)', params: [text] }])
  for (const share of [0.3, 0.3, 0.3, 1.5, 0.3]) {
    await insert('x'.repeat((STORAGE_PAGE_BYTES_MAX / 2) * share))
  }
  const sizes: number[] = []
  for await (const page of storage.scan(lines())) sizes.push(page.length)
  assert.deepEqual(sizes, [4, 1, 1])
})

test('writers go on between two pages, and what they write behind the key is seen', async (t) => {
  const storage = await openWithLines(t, 9)
  const ids: unknown[] = []
  for await (const page of storage.scan(lines(4))) {
    ids.push(...page.map((row) => row['id']))
    if (ids.length > 4) continue
    await storage.write([
      { sql: "INSERT INTO lines VALUES (100, 'late')" },
      { sql: 'DELETE FROM lines WHERE id IN (1, 9)' },
    ])
  }
  assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7, 8, 100])
})

test('a scan ends where its reader ends it, and with a mistake in its query', async (t) => {
  const storage = await openWithLines(t, 9)
  const before = storage.status()
  for await (const page of storage.scan(lines(2))) {
    assert.equal(page.length, 2)
    break
  }
  const stop = new AbortController()
  const scan = storage.scan(lines(2), stop.signal)
  await scan.next()
  stop.abort(new Error('enough'))
  await assert.rejects(scan.next(), { message: 'enough' })
  assert.equal(storage.status().asksWaiting, before.asksWaiting)
  await assert.rejects(storage.scan({ ...lines(), key: ['nothing'] }).next(), {
    code: 'ERR_STORAGE_STATEMENT',
    message: /no key 'nothing'/,
  })
})
