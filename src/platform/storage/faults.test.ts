import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ProblemError } from '../problem.ts'
import { StorageError, storageProblemOf } from './errors.ts'
import { systemClock } from '../clock.ts'
import { startStorage, type Storage } from './storage.ts'

const tables = ['CREATE TABLE kept (id INTEGER PRIMARY KEY, text TEXT) STRICT']
const insert = (text: string) => ({ sql: 'INSERT INTO kept (text) VALUES (?)', params: [text] })
const large = 'x'.repeat(100_000)

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-storage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes until there is no room, looks at what holds then, makes room, and looks again. */
async function fillUp(storage: Storage, makeRoom: () => Promise<unknown> | void): Promise<void> {
  await storage.migrate('test', tables)
  let stored = 0
  const refused = await (async () => {
    for (;;) {
      try {
        await storage.write([insert(large)])
        stored++
      } catch (error) {
        return error
      }
    }
  })()
  assert.ok(refused instanceof StorageError)
  assert.equal(refused.code, 'ERR_STORAGE_FULL')
  assert.match(refused.message, /no space left/)
  const problem = storageProblemOf(refused)
  assert.ok(problem instanceof ProblemError && problem.statusCode === 507)
  assert.equal(problem.code, 'ERR_STORAGE_FULL')
  await assert.rejects(storage.writeIf([insert(large)]), { code: 'ERR_STORAGE_FULL' })
  assert.ok(storage.status().isFull)
  assert.equal(storage.status().lastError?.code, 'ERR_STORAGE_FULL')
  assert.equal((await storage.read('SELECT id FROM kept')).length, stored, 'reads go on')
  await makeRoom()
  await storage.write([insert(large)])
  assert.ok(!storage.status().isFull)
  assert.equal((await storage.read('SELECT id FROM kept')).length, stored + 1)
}

test('a file that may not grow refuses writes, reads on, and takes writes again when it may', async (t) => {
  const storage = await startStorage({ file: join(makeFolder(t), 'state.db') })
  t.after(() => storage.close())
  const limit = (pages: number) => storage.write([{ sql: `PRAGMA max_page_count = ${pages}` }])
  await limit(200)
  await fillUp(storage, () => limit(1_000))
})

test('a full disk refuses writes, does not disturb reads, and works again when there is room', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-storage-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder])
  let storage: Storage | undefined
  t.after(async () => {
    await storage?.close()
    if (mounted.status === 0) spawnSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  })
  if (mounted.status !== 0) {
    t.skip('a small tmpfs cannot be mounted here')
    return
  }
  const ballast = join(folder, 'ballast')
  writeFileSync(ballast, 'x'.repeat(600_000))
  storage = await startStorage({ file: join(folder, 'state.db') })
  await fillUp(storage, () => rmSync(ballast))
})

test('several storages in one process: each has its file, its thread and its status', async (t) => {
  const folder = makeFolder(t)
  let nowMs = 0
  const clock = { ...systemClock, nowMs: () => 7, monotonicMs: () => nowMs, after: () => () => {} }
  const open = async (name: string) => {
    const storage = await startStorage({ file: join(folder, `${name}.db`), name, clock })
    t.after(() => storage.close())
    await storage.migrate('test', tables)
    return storage
  }
  const [state, events] = await Promise.all([open('state'), open('events')])
  const writes = ['a', 'b', 'c'].map((text) => events.write([insert(text)]))
  assert.equal(events.status().writesWaiting, 3)
  assert.ok(events.status().waitingBytes > 0)
  await Promise.all(writes)
  await assert.rejects(events.write([{ sql: 'INSERT INTO nothing VALUES (1)' }]))
  nowMs = 5_000
  const { lastError, commits, ...rest } = events.status()
  assert.deepEqual(rest, {
    name: 'events',
    file: join(folder, 'events.db'),
    writesWaiting: 0,
    waitingBytes: 0,
    asksWaiting: 0,
    writes: 4,
    commitsPerSecond: commits / 10,
    isFull: false,
  })
  assert.deepEqual([lastError?.code, lastError?.atMs], ['ERR_STORAGE_STATEMENT', 7])
  assert.deepEqual([state.status().name, state.status().writes], ['state', 0])
  assert.equal((await state.read('SELECT id FROM kept')).length, 0)
})

test('a read that would not fit is refused before it is held', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  await assert.rejects(
    storage.read(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT printf('%.*c', 1000000, 'x') FROM n",
    ),
    { code: 'ERR_STORAGE_ROWS_TOO_MANY' },
  )
})

test('a thread that dies takes its process along, with a line in the log; what was acknowledged is there', async (t) => {
  const file = join(makeFolder(t), 'state.db')
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'testdata/dying-thread.ts'), file],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.after(() => child.kill('SIGKILL'))
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 1, err)
  assert.equal(out, 'stored\n')
  const line = err.split('\n').find((text) => text.startsWith('{')) ?? ''
  const record = JSON.parse(line) as Record<string, string>
  assert.equal(record['level'], 'error')
  assert.equal(record['code'], 'ERR_STORAGE_GONE')
  assert.ok(record['message']?.includes(file))
  const storage = await startStorage({ file })
  t.after(() => storage.close())
  assert.equal((await storage.read('SELECT id FROM kept')).length, 1)
})

test('who handles the death of a thread is told once, and nothing waits for ever', async () => {
  const died = Promise.withResolvers<StorageError>()
  const storage = await startStorage({ file: ':memory:', heapMbMax: 16, died: died.resolve })
  const result = await storage
    .read(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15) SELECT printf('%.*c', 1000000, 'x') FROM n",
    )
    .catch((error: unknown) => error)
  assert.ok(result instanceof StorageError)
  assert.equal((await died.promise).code, 'ERR_STORAGE_GONE')
  await assert.rejects(storage.write([insert('late')]), { code: 'ERR_STORAGE_GONE' })
  await storage.close()
})
