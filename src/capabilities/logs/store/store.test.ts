import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
  readdirSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../../platform/clock.ts'
import { Engine } from '../engine/engine.ts'
import { logRecord, spanRecord } from '../testing/records.ts'
import { SegmentWriteError } from './segment-log.ts'
import { diskFiles, type SegmentFiles } from './segment-files.ts'
import { SignalsStore, type StoreKeeping } from './store.ts'
import { selectAll } from './tables.ts'

const WEEK_MS = 7 * 86_400_000
const KEEPING: StoreKeeping = {
  logs: { timeMs: WEEK_MS, rules: [] },
  spans: { timeMs: WEEK_MS, rules: [] },
  bytesMax: 0,
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-logs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function openStore(t: TestContext, folder: string, files: SegmentFiles = diskFiles) {
  const options = { folder, clock: systemClock, log: () => {}, pendingMax: 1e6, files }
  const store = await SignalsStore.open(options)
  t.after(() => store.close())
  return store
}

async function bodiesOf(t: TestContext, folder: string, store: SignalsStore): Promise<unknown[]> {
  const engine = new Engine(
    {
      folder,
      spillFolder: join(folder, 'spill', 'test'),
      memoryBytesMax: 128e6,
      spillBytesMax: 1e9,
      threads: 1,
    },
    systemClock,
    () => {},
  )
  t.after(() => engine.close())
  const read = store.logs.read()
  const files = {
    hot: read.hot.map(({ path }) => path),
    sealed: read.sealed.map(({ path }) => path),
  }
  const rows = await engine.all({
    setup: [],
    sql: `select body from (${selectAll('logs', files)}) order by seq`,
    rowsMax: 100_000,
    timeoutMs: 30_000,
  })
  read.release()
  return rows.map(([body]) => body)
}

test('what was written is read before it is sealed, and the same afterwards', async (t) => {
  const folder = folderOf(t)
  const store = await openStore(t, folder)
  const odd = 'half \ud800 zero \0 "quote" \\ Grüße 😀'.toWellFormed()
  await store.writeLogs([logRecord({ body: 'first' }), logRecord({ body: odd })])
  await store.writeSpans([spanRecord()])
  assert.deepEqual(await bodiesOf(t, folder, store), ['first', odd])
  await store.logs.sealAll(KEEPING.logs)
  assert.equal(store.logs.fileCount, 1)
  assert.deepEqual(await bodiesOf(t, folder, store), ['first', odd])
  await store.writeLogs([logRecord({ body: 'later' })])
  assert.equal((await bodiesOf(t, folder, store)).length, 3)
  assert.equal(globSync(join(folder, 'logs/hot/*.ndjson')).length, 1, 'the sealed segment is gone')
})

test('a record that no engine could read is cut, and what lies beside it is read', async (t) => {
  const folder = folderOf(t)
  const store = await openStore(t, folder)
  const noise = '\u0001'.repeat(256 * 1024)
  const attributes = JSON.stringify({ noise, more: '\u2028'.repeat(100_000) })
  await store.writeLogs([
    logRecord({ body: `begin ${noise}`, attributes }),
    logRecord({ body: 'beside it' }),
  ])
  await store.writeSpans([spanRecord({ events: JSON.stringify([{ noise }, { noise }]) })])
  for (const isSealed of [false, true]) {
    if (isSealed) await store.logs.sealAll(KEEPING.logs)
    const [cut, beside] = await bodiesOf(t, folder, store)
    assert.ok(String(cut as string).startsWith('begin \u0001'))
    assert.equal(beside, 'beside it')
  }
  await store.spans.sealAll(KEEPING.spans)
  assert.equal(store.spans.rows, 1)
})

test('a torn end costs what was not acknowledged, and nothing else', async (t) => {
  const folder = folderOf(t)
  const store = await openStore(t, folder)
  await store.writeLogs([logRecord({ body: 'kept' })])
  await store.close()
  const [segment = ''] = globSync(join(folder, 'logs/hot/*.ndjson'))
  const whole = readFileSync(segment)
  for (const tear of [
    '{"time":1,"obs',
    '{"time":1,"seq":9,"body":"no commit"}\n',
    '{"time":1,"seq":9,"body":"wrong sum"}\n{"commit":{"rows":1,"from":1,"to":1,"sum":1}}\n',
  ]) {
    writeFileSync(segment, whole)
    appendFileSync(segment, tear)
    const again = await openStore(t, folder)
    assert.deepEqual(await bodiesOf(t, folder, again), ['kept'])
    assert.deepEqual(readFileSync(segment), whole)
    await again.close()
  }
})

test('killed at any moment, everything that was acknowledged is there', async (t) => {
  const folder = folderOf(t)
  const program = fileURLToPath(new URL('../testing/writing-process.ts', import.meta.url))
  for (let life = 0; life < 3; life++) {
    const child = fork(program, [folder, String(life)])
    let acknowledged = 0
    child.on('message', (count) => {
      acknowledged = count as number
      // In the middle of what comes next.
      if (acknowledged >= 200) child.kill('SIGKILL')
    })
    await once(child, 'exit')
    const store = await openStore(t, folder)
    const bodies = new Set(await bodiesOf(t, folder, store))
    for (let number = 1; number <= acknowledged; number++) {
      assert.ok(bodies.has(`life ${life} line ${number}`), `line ${number} of life ${life}`)
    }
    await store.close()
  }
})

test('a disk that takes nothing is told to whoever writes, and what waits is written when it takes again', async (t) => {
  const folder = folderOf(t)
  let isFull = true
  const files: SegmentFiles = {
    async create(path) {
      const file = await diskFiles.create(path)
      return {
        ...file,
        async sync() {
          if (isFull) throw new Error('no space left on device')
          await file.sync()
        },
      }
    },
  }
  const store = await openStore(t, folder, files)
  await assert.rejects(store.writeLogs([logRecord({ body: 'waits' })]), SegmentWriteError)
  assert.equal(store.takes(21), false)
  isFull = false
  // The next group comes behind the one that failed.
  await assert.rejects(store.writeLogs([logRecord({ body: 'waits too' })]), SegmentWriteError)
  while (store.failure !== undefined) await new Promise((resolve) => setImmediate(resolve))
  await store.writeLogs([logRecord({ body: 'taken' })])
  const hot = join(folder, 'logs', 'hot')
  // What was given up leaves no file of nothing: there would be one more each second.
  assert.equal(readdirSync(hot).filter((name) => statSync(join(hot, name)).size === 0).length, 0)
  assert.deepEqual(await bodiesOf(t, folder, store), ['waits', 'waits too', 'taken'])
})

test('the lowest severity is shed first', async (t) => {
  const disk = Promise.withResolvers<never>()
  t.after(() => disk.reject(new Error('the test is over')))
  const store = await openStore(t, folderOf(t), { create: () => disk.promise })
  const takes = () => [1, 9, 13, 17].map((severity) => store.takes(severity))
  assert.deepEqual(takes(), [true, true, true, true])
  void store.writeLogs([logRecord({ body: 'x'.repeat(550_000) })])
  assert.deepEqual(takes(), [false, true, true, true])
  void store.writeLogs([logRecord({ body: 'x'.repeat(200_000) })])
  assert.deepEqual(takes(), [false, false, true, true])
  void store.writeLogs([logRecord({ body: 'x'.repeat(300_000) })])
  assert.deepEqual(takes(), [false, false, false, false])
})

test('records of a rule of retention lie in files of their own, which go first', async (t) => {
  const folder = folderOf(t)
  const store = await openStore(t, folder)
  const rules = [{ service: '', belowSeverity: 9, timeMs: 1_000 }]
  await store.writeLogs([logRecord({ severity: 5, body: 'noise' }), logRecord({ body: 'kept' })])
  await store.logs.sealAll({ timeMs: WEEK_MS, rules })
  assert.equal(store.logs.fileCount, 2)
  const late = { ...systemClock, nowMs: () => Date.now() + 2 * 3_600_000 }
  await store.close()
  const later = await SignalsStore.open({ folder, clock: late, log: () => {}, pendingMax: 1e6 })
  t.after(() => later.close())
  await later.maintain({ ...KEEPING, logs: { timeMs: WEEK_MS, rules } })
  assert.deepEqual(await bodiesOf(t, folder, later), ['kept'])
  await later.maintain({ ...KEEPING, bytesMax: 1 })
  assert.equal(later.logs.fileCount, 0, 'the oldest hour goes where it is too much')
})

test('many small files of an hour become one', async (t) => {
  const folder = folderOf(t)
  const store = await openStore(t, folder)
  for (let number = 0; number < 9; number++) {
    await store.writeLogs([logRecord({ body: `line ${number}` })])
    await store.logs.segments.rotate()
  }
  await store.logs.maintain(KEEPING.logs)
  // The last segment may still linger for a moment.
  await store.logs.maintain(KEEPING.logs)
  assert.ok(store.logs.fileCount <= 2, String(store.logs.fileCount))
  assert.equal((await bodiesOf(t, folder, store)).length, 9)
  await store.close()
  const again = await openStore(t, folder)
  assert.equal((await bodiesOf(t, folder, again)).length, 9)
})
