import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../../../platform/clock.ts'
import { Packer } from '../../packing.ts'
import { runClients } from '../../testing/clients.ts'
import { checkHistory } from '../../testing/history.ts'
import { runKilledRounds } from '../../testing/killed-rounds.ts'
import { ALL, appendTo, readOf, streamSource, testEvent } from '../testing/requests.ts'
import { GroupCommit } from './group-commit.ts'
import { openForWriting } from './open-file.ts'
import { openSqliteEngine } from './sqlite-engine.ts'

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-events-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const open = (file: string) =>
  openSqliteEngine({
    file,
    clock: systemClock,
    died: (error) => {
      throw error
    },
  })

test('a history of concurrent clients keeps every rule', async (t) => {
  const engine = await open(join(makeFolder(t), 'events.sqlite'))
  const seed = Math.floor(Math.random() * 1e6)
  t.diagnostic(`seed ${seed}`)
  let left = 1_500
  const records = await runClients({
    seed,
    clientCount: 12,
    append: (append) => engine.append(append),
    isGoing: () => left-- > 0,
  })
  const { events } = await engine.read(readOf(ALL, { eventsMax: 1e6, bytesMax: 1e9 }))
  await engine.close()
  assert.deepEqual(checkHistory(records, events), [])
  const kinds = Map.groupBy(records, ({ ended }) => ended?.outcome.kind)
  assert.ok((kinds.get('conflict')?.length ?? 0) > 50, 'appends lose')
  // The checker can fail: each kind of damage to the log or the history is seen.
  const cut = events.slice(0, -1)
  assert.notDeepEqual(checkHistory(records, cut), [])
  assert.notDeepEqual(checkHistory(records, events.toReversed()), [])
  assert.notDeepEqual(checkHistory(records, [...events, events[0]!]), [])
})

test('killed with -9 at random moments: what was acknowledged is there, once, whole and in order', async (t) => {
  const seed = Math.floor(Math.random() * 1e6)
  t.diagnostic(`seed ${seed}`)
  const file = join(makeFolder(t), 'events.sqlite')
  const { violations, acknowledged } = await runKilledRounds(file, seed, 10)
  t.diagnostic(`${acknowledged} appends were answered`)
  assert.deepEqual(violations, [])
  assert.ok(acknowledged > 100)
})

test('a log that was cut anywhere gives a prefix of the commits: each whole one, and no part of one', (t) => {
  const folder = makeFolder(t)
  const file = join(folder, 'events.sqlite')
  const sqlite = openForWriting(file)
  const commits = new GroupCommit(sqlite)
  const marks: { readonly bytes: number; readonly end: number }[] = []
  for (let n = 0; n < 12; n++) {
    const packer = new Packer()
    for (let more = 0; more <= n % 3; more++) packer.addNew(testEvent(), 0)
    const streams = [{ name: `s-${n % 4}`, expected: 'any' as const }]
    const write = { kind: 'append' as const, streams, from: 0, to: packer.length }
    commits.commit([write], Buffer.from(packer.finish()), n)
    marks.push({ bytes: statSync(`${file}-wal`).size, end: commits.end })
  }
  const [whole, log] = [readFileSync(file), readFileSync(`${file}-wal`)]
  sqlite.close()
  const first = marks[0]?.bytes ?? 0
  const edges = marks.flatMap(({ bytes }) => [bytes - 1, bytes, bytes + 1])
  const everywhere = Array.from({ length: 120 }, () =>
    Math.floor(first + Math.random() * (log.length - first)),
  )
  for (const cut of [...edges, ...everywhere]) {
    const copy = join(folder, 'cut.sqlite')
    writeFileSync(copy, whole)
    writeFileSync(`${copy}-wal`, log.subarray(0, cut))
    rmSync(`${copy}-shm`, { force: true })
    const opened = openForWriting(copy)
    const { end } = new GroupCommit(opened)
    const rows = opened.prepare('SELECT count(*) AS count FROM events').get()
    opened.close()
    const expected = marks.findLast(({ bytes }) => bytes <= cut)?.end ?? 0
    assert.equal(end, expected, `cut at ${cut}`)
    assert.equal(Number(rows?.['count']), expected)
  }
})

test('a full disk refuses appends, goes on reading, and takes appends when there is room again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-events-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
  let close = async () => {}
  t.after(async () => {
    await close()
    if (mounted.status === 0) spawnSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  })
  if (mounted.status !== 0) return t.skip('a small tmpfs cannot be mounted here')
  const ballast = join(folder, 'ballast')
  writeFileSync(ballast, 'x'.repeat(1_000_000))
  const engine = await open(join(folder, 'events.sqlite'))
  close = () => engine.close()
  const large = testEvent({ data: Buffer.alloc(50_000, 32) })
  const put = () => engine.append(appendTo('s-1', 'any', [{ ...large, id: randomUUID() }]))
  let stored = 0
  const refused = await (async () => {
    for (;;) {
      try {
        await put()
        stored++
      } catch (error) {
        return error
      }
    }
  })()
  assert.ok(refused instanceof Error && 'code' in refused)
  assert.equal(refused.code, 'ERR_STORAGE_FULL')
  assert.ok(engine.status().isFull)
  const read = await engine.read(readOf(streamSource('s-1'), { bytesMax: 1e9 }))
  assert.equal(read.events.length, stored)
  rmSync(ballast)
  const next = await put()
  assert.equal(next.kind === 'appended' && next.revisions[0], stored)
  assert.ok(!engine.status().isFull)
})

test('a damaged event is named, what stands before and behind it is read; a damaged page is told', async (t) => {
  const folder = makeFolder(t)
  const file = join(folder, 'events.sqlite')
  const engine = await open(file)
  const events = [1, 2, 3].map(() => testEvent({ data: Buffer.from(`{"mark":"${randomUUID()}"}`) }))
  await engine.append(appendTo('s-1', 'none', events))
  await engine.close()
  const bytes = readFileSync(file)
  const at = bytes.indexOf(events[1]?.data ?? '')
  const handle = openSync(file, 'r+')
  writeSync(handle, 'X', at + 4)
  closeSync(handle)
  const again = await open(file)
  t.after(() => again.close())
  const before = await again.read(readOf(ALL))
  assert.deepEqual([before.events.length, before.next, before.isEnd], [1, 1, false])
  await assert.rejects(again.read(readOf(ALL, { from: 1 })), {
    code: 'ERR_EVENTS_CORRUPT',
    message: /1@s-1 at position 1/,
  })
  assert.equal((await again.read(readOf(ALL, { from: 2 }))).events.length, 1)
  const taken = await again.append(appendTo('s-2', 'none', [testEvent()]))
  assert.equal(taken.kind, 'appended')
})

test('a backup taken while appends go on is a store of one moment', async (t) => {
  const folder = makeFolder(t)
  const engine = await open(join(folder, 'events.sqlite'))
  t.after(() => engine.close())
  const put = (stream: string) => engine.append(appendTo(stream, 'any', [testEvent()]))
  for (let n = 0; n < 20; n++) await put('s-1')
  const copy = join(folder, 'copy.sqlite')
  await Promise.all([engine.backup(copy), ...Array.from({ length: 50 }, () => put('s-2'))])
  assert.equal(statSync(copy).mode & 0o777, 0o600)
  // A file that is there already stays what it is.
  await assert.rejects(engine.backup(copy))
  const restored = await open(copy)
  t.after(() => restored.close())
  const { events } = await restored.read(readOf(ALL))
  assert.ok(events.length >= 20)
  assert.deepEqual(
    events.map(({ position }) => position),
    [...events.keys()],
  )
})

test('a file of a newer version, and one that is no database, are refused with their name', async (t) => {
  const folder = makeFolder(t)
  const newer = join(folder, 'newer.sqlite')
  const sqlite = new DatabaseSync(newer)
  sqlite.exec('PRAGMA user_version = 99')
  sqlite.close()
  const other = join(folder, 'other.sqlite')
  copyFileSync(import.meta.filename, other)
  truncateSync(other, 2_000)
  for (const file of [newer, other]) {
    await assert.rejects(open(file), { code: 'ERR_STORAGE_OPEN', message: new RegExp(file) })
  }
})
