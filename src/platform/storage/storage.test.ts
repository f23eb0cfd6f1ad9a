import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { STORAGE_WAITING_BYTES_MAX } from './group-writer.ts'
import { startStorage, STORAGE_READ_ROWS_MAX } from './storage.ts'

const tables = ['CREATE TABLE kept (id INTEGER PRIMARY KEY, text TEXT) STRICT']
const insert = (id: number, text = '') => ({
  sql: 'INSERT INTO kept (id, text) VALUES (?, ?)',
  params: [id, text],
})

function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-storage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'state.db')
}

async function openWithTable(t: TestContext, file = temporaryFile(t)) {
  const storage = await startStorage({ file })
  t.after(() => storage.close())
  await storage.migrate('test', tables)
  return storage
}

test('what was written is read, also by the next start', async (t) => {
  const file = temporaryFile(t)
  const first = await openWithTable(t, file)
  await first.write([insert(1, 'a'), insert(2, 'b')])
  assert.deepEqual(
    (await first.read('SELECT text FROM kept WHERE id = ?', [2])).map((row) => ({ ...row })),
    [{ text: 'b' }],
  )
  await first.close()
  const second = await openWithTable(t, file)
  assert.equal((await second.read('SELECT id FROM kept')).length, 2)
  assert.equal(statSync(file).mode & 0o077, 0, 'the state is readable by its owner only')
})

test('a write is all or nothing and does not take its neighbours along', async (t) => {
  const storage = await openWithTable(t)
  const results = await Promise.allSettled([
    storage.write([insert(1)]),
    storage.write([insert(2), insert(1)]),
    storage.write([insert(3)]),
  ])
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const refused = results[1]
  assert.ok(refused?.status === 'rejected')
  assert.equal(refused.reason.code, 'ERR_STORAGE_STATEMENT')
  assert.match(refused.reason.message, /UNIQUE.*in: INSERT/)
  const rows = await storage.read('SELECT id FROM kept ORDER BY id')
  assert.deepEqual(
    rows.map((row) => row.id),
    [1, 3],
  )
})

test('writes are committed in groups, in order', async (t) => {
  const storage = await openWithTable(t)
  const order: number[] = []
  const from = performance.now()
  await Promise.all(
    Array.from({ length: 5_000 }, async (_, id) => {
      await storage.write([insert(id)])
      order.push(id)
    }),
  )
  assert.deepEqual(order, [...Array(5_000).keys()])
  // One fsync a write would take far longer on any disk that really syncs; this only catches the absence of groups.
  assert.ok(performance.now() - from < 10_000)
})

test('a queue that is full refuses at once', async (t) => {
  const storage = await openWithTable(t)
  const large = 'x'.repeat(STORAGE_WAITING_BYTES_MAX / 8)
  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map((id) => storage.write([insert(id, large)])),
  )
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 2)
  for (const { reason } of refused) assert.equal(reason.code, 'ERR_STORAGE_BUSY')
  await storage.write([insert(6)])
})

test('close stores what is waiting and refuses what comes after', async (t) => {
  const file = temporaryFile(t)
  const storage = await openWithTable(t, file)
  const writes = Array.from({ length: 100 }, (_, id) => storage.write([insert(id)]))
  await storage.close()
  await Promise.all(writes)
  await assert.rejects(storage.write([insert(1_000)]), { code: 'ERR_STORAGE_CLOSED' })
  await assert.rejects(storage.read('SELECT 1'), { code: 'ERR_STORAGE_CLOSED' })
  await storage.close()
  const again = await openWithTable(t, file)
  assert.equal((await again.read('SELECT id FROM kept')).length, 100)
})

test('migrations run once, failing ones change nothing, newer ones are refused', async (t) => {
  const storage = await openWithTable(t)
  const upgrade = [...tables, 'ALTER TABLE kept ADD COLUMN more TEXT']
  await assert.rejects(storage.migrate('test', [...tables, `${upgrade[1]}; SELECT * FROM none`]), {
    code: 'ERR_STORAGE_STATEMENT',
  })
  await storage.migrate('test', upgrade)
  await storage.migrate('test', upgrade)
  await assert.rejects(storage.migrate('test', tables), { code: 'ERR_STORAGE_SCHEMA_NEWER' })
})

test('reads are bounded and bad ones name their statement', async (t) => {
  const storage = await openWithTable(t)
  const series = (count: number) =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n`
  const rows = await storage.read(series(STORAGE_READ_ROWS_MAX))
  assert.equal(rows.length, STORAGE_READ_ROWS_MAX)
  await assert.rejects(storage.read(series(STORAGE_READ_ROWS_MAX + 1)), {
    code: 'ERR_STORAGE_ROWS_TOO_MANY',
  })
  await assert.rejects(storage.read('SELECT nowhere'), {
    code: 'ERR_STORAGE_STATEMENT',
    message: /no such column.*in: SELECT nowhere/,
  })
  await assert.rejects(storage.write([{ sql: 'SELECT ?', params: [(() => 1) as never] }]), {
    name: 'DataCloneError',
  })
  await storage.write([insert(1)])
})

test('a file that is not a database is refused with its name', async (t) => {
  const file = temporaryFile(t)
  writeFileSync(file, 'not a database, but long enough to be read as the header of one '.repeat(20))
  await assert.rejects(startStorage({ file }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'ERR_STORAGE_OPEN')
    assert.ok(error.message.includes(file))
    return true
  })
  await assert.rejects(startStorage({ file: join(file, 'below-a-file') }), {
    code: 'ERR_STORAGE_OPEN',
  })
})

test('kill -9 loses nothing that was acknowledged', async (t) => {
  const file = temporaryFile(t)
  const script = join(import.meta.dirname, 'testdata/acknowledge.ts')
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const acknowledged: number[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    acknowledged.push(Number(line))
    if (acknowledged.length === 300) child.kill('SIGKILL')
  })
  await Promise.all([once(child, 'exit'), once(lines, 'close')])
  assert.ok(acknowledged.length >= 300)
  const storage = await openWithTable(t, file)
  const rows = await storage.read('SELECT id FROM kept')
  const kept = new Set(rows.map((row) => row.id))
  assert.deepEqual(
    acknowledged.filter((id) => !kept.has(id)),
    [],
  )
})
