import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startStorage, type Storage } from '../../platform/storage/storage.ts'
import type { KvOp, SessionSpec } from './model.ts'
import { createTestHealth, HandClock, startForTest } from './testing/start.ts'

const spec: SessionSpec = {
  name: '',
  node: 'n1',
  lockDelayMs: 15_000,
  behavior: 'release',
  ttlMs: 0,
  nodeChecks: ['serfHealth'],
  serviceChecks: [],
}
const value = (text: string) => ({ value: Buffer.from(text), flags: 0n })
const put = (key: string, text = 'x'): KvOp => ({ verb: 'set', key, ...value(text) })
const lock = (key: string, session: string, text = ''): KvOp => ({
  verb: 'lock',
  key,
  session,
  ...value(text),
})

test('set, compare-and-set, delete', async (t) => {
  const { kv } = await startForTest(t)
  await kv.run(put('a', 'one'))
  const first = kv.entry('a')!
  assert.deepEqual([first.value.toString(), first.createIndex, first.modifyIndex], ['one', 2, 2])
  await kv.run(put('a', 'one'))
  assert.equal(kv.entry('a')!.modifyIndex, 2, 'the same again changes nothing')
  const cas = async (index: number) =>
    (await kv.run({ verb: 'cas', key: 'a', index, ...value('two') })).isDone
  assert.deepEqual([await cas(0), await cas(7), await cas(2)], [false, false, true])
  assert.equal(kv.entry('a')!.modifyIndex, 3)
  const deleted = async (index: number) =>
    (await kv.run({ verb: 'delete-cas', key: 'a', index })).isDone
  assert.deepEqual([await deleted(2), await deleted(3), await deleted(9)], [false, true, true])
  assert.equal(kv.entry('a'), undefined)
  await Promise.all(['p/1', 'p/2', 'q'].map((key) => kv.run(put(key))))
  await kv.run({ verb: 'delete-tree', key: 'p/' })
  assert.deepEqual(
    [...kv.list('')].map(({ key }) => key),
    ['q'],
  )
})

test('a lock has one holder, counts its acquisitions and survives plain writes', async (t) => {
  const { kv } = await startForTest(t)
  const [one, two] = [await kv.createSession(spec), await kv.createSession(spec)]
  const take = async (session: string) => (await kv.run(lock('l', session, session))).isDone
  assert.deepEqual(
    [await take(one.id), await take(two.id), await take(one.id)],
    [true, false, true],
  )
  assert.equal(kv.entry('l')!.lockIndex, 1)
  await kv.run(put('l', 'advisory'))
  const written = kv.entry('l')!
  assert.deepEqual([written.session, written.lockIndex], [one.id, 1])
  const release = async (session: string) =>
    (await kv.run({ verb: 'unlock', key: 'l', session, ...value('') })).isDone
  assert.deepEqual([await release(two.id), await release(one.id)], [false, true])
  assert.equal(await take(two.id), true, 'no delay after a release')
  assert.equal(kv.entry('l')!.lockIndex, 2)
  await assert.rejects(take('nobody'), {
    code: 'ERR_KV_SESSION_INVALID',
    message: 'invalid session "nobody"',
  })
})

test('a session that ends releases or deletes, and the lock delay is honoured', async (t) => {
  const clock = new HandClock()
  const { kv } = await startForTest(t, { clock })
  for (const behavior of ['release', 'delete'] as const) {
    const key = `l/${behavior}`
    const one = await kv.createSession({ ...spec, behavior })
    const two = await kv.createSession(spec)
    await kv.run(lock(key, one.id))
    assert.equal(await kv.destroySession(one.id), true)
    assert.equal(kv.entry(key)?.session, behavior === 'release' ? '' : undefined)
    const take = async () => (await kv.run(lock(key, two.id))).isDone
    clock.advance(14_999)
    assert.equal(await take(), false)
    clock.advance(1)
    assert.equal(await take(), true)
    assert.equal(await kv.destroySession(one.id), false)
  }
})

test('a session lives for twice its TTL, a sign of life gives it all of it again', async (t) => {
  const clock = new HandClock()
  const { kv } = await startForTest(t, { clock })
  const { id } = await kv.createSession({ ...spec, ttlMs: 10_000, lockDelayMs: 0 })
  await kv.run(lock('l', id))
  clock.advance(19_000)
  assert.equal((await kv.renewSession(id))?.id, id)
  clock.advance(19_500)
  assert.equal(kv.session(id)?.id, id)
  clock.advance(1_000)
  assert.equal(await kv.renewSession(id), undefined)
  assert.equal(kv.session(id), undefined)
  assert.equal(kv.entry('l')!.session, '')
})

test('a process that stood still gives the time back', async (t) => {
  const clock = new HandClock()
  const { kv } = await startForTest(t, { clock })
  const { id } = await kv.createSession({ ...spec, ttlMs: 10_000 })
  clock.advance(60_000, true)
  assert.equal((await kv.renewSession(id))?.id, id)
})

test('a session ends with its checks, and does not begin without them', async (t) => {
  const health = createTestHealth()
  const { kv } = await startForTest(t, { health })
  health.set('web', 'passing')
  const checked = { ...spec, nodeChecks: ['serfHealth', 'web'] }
  const { id } = await kv.createSession(checked)
  health.set('web', 'warning')
  assert.equal(kv.session(id)?.id, id)
  health.set('web', 'critical')
  await kv.destroySession(id)
  assert.equal(kv.session(id), undefined)
  await assert.rejects(kv.createSession(checked), { message: "Check 'web' is in critical state" })
  await assert.rejects(kv.createSession({ ...spec, nodeChecks: ['no'] }), {
    message: "Missing check 'no' registration",
  })
  await assert.rejects(kv.createSession({ ...spec, node: 'n2' }), {
    message: 'Missing node registration',
  })
})

test('a transaction is all or nothing, and says what was in its way', async (t) => {
  const { kv } = await startForTest(t)
  await kv.run(put('a', 'one'))
  const failed = await kv.transact([
    put('b'),
    { verb: 'check-index', key: 'a', index: 9 },
    { verb: 'get', key: 'none' },
    lock('a', 'nobody'),
  ])
  assert.deepEqual(failed, {
    isDone: false,
    errors: [
      { opIndex: 1, why: 'failed index check for key "a", current modify index 2 != 9' },
      { opIndex: 2, why: `key "none" doesn't exist` },
      { opIndex: 3, why: 'invalid session "nobody"' },
    ],
  })
  assert.equal(kv.entry('b'), undefined)
  const done = await kv.transact([
    { verb: 'check-not-exists', key: 'b' },
    put('b', 'new'),
    { verb: 'get', key: 'b' },
    { verb: 'get-tree', key: '' },
    { verb: 'delete', key: 'a' },
    { verb: 'get-or-empty', key: 'a' },
  ])
  assert.ok(done.isDone)
  const texts = done.outcomes.map((all) => all.map((one) => `${one.key}=${one.value.toString()}`))
  assert.deepEqual(texts, [[], ['b=new'], ['b=new'], ['a=one', 'b=new'], [], ['a=']])
  assert.equal(kv.entry('b')!.modifyIndex, 3, 'one number for all of it')
})

test('watchers wake for their key and prefix only, and indexes never fall', async (t) => {
  const { kv } = await startForTest(t)
  await Promise.all(['a/1', 'a/2', 'b/1'].map((key) => kv.run(put(key))))
  const woken: string[] = []
  for (const prefix of ['a/', 'b/', '']) kv.prefix(prefix).subscribe(() => woken.push(prefix))
  for (const key of ['a/1', 'a/2']) kv.key(key).subscribe(() => woken.push(key))
  kv.watchSessions().subscribe(() => woken.push('sessions'))
  const before = kv.prefix('a/').index()
  await kv.run(put('a/1', 'new'))
  assert.deepEqual(woken.splice(0).toSorted(), ['', 'a/', 'a/1'])
  assert.ok(kv.prefix('a/').index() > before)
  assert.equal(kv.prefix('b/').index(), kv.entry('b/1')!.modifyIndex)
  const newest = kv.prefix('a/').index()
  await kv.run({ verb: 'delete', key: 'a/1' })
  assert.ok(kv.prefix('a/').index() > newest)
  assert.ok(kv.key('a/1').index() > newest)
  await kv.createSession(spec)
  assert.deepEqual(woken.splice(0).toSorted(), ['', 'a/', 'a/1', 'sessions'])
})

test('keys, sessions, delays and the index survive a start', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const clock = new HandClock()
  const first = await startForTest(t, { storage, clock })
  const [one, two] = [await first.kv.createSession(spec), await first.kv.createSession(spec)]
  await first.kv.run({
    verb: 'set',
    key: 'flags',
    value: Buffer.from([0, 255]),
    flags: 2n ** 64n - 1n,
  })
  await first.kv.run(lock('held', one.id, 'h'))
  await first.kv.run(lock('delayed', two.id))
  await first.kv.run(put('gone'))
  await first.kv.run({ verb: 'delete', key: 'gone' })
  await first.kv.destroySession(two.id)
  const indexes = ['gone', 'flags'].map((key) => first.kv.key(key).index())
  const below = first.kv.prefix('').index()
  await first.stop()

  const { kv } = await startForTest(t, { storage, clock })
  assert.deepEqual(kv.entry('flags')!.value, Buffer.from([0, 255]))
  assert.equal(kv.entry('flags')!.flags, 2n ** 64n - 1n)
  assert.equal(kv.entry('held')!.session, one.id)
  assert.deepEqual([...kv.sessions()], [one])
  for (const [at, key] of ['gone', 'flags'].entries()) {
    assert.ok(kv.key(key).index() >= indexes[at]!, key)
  }
  assert.ok(kv.prefix('').index() >= below)
  assert.equal((await kv.run(lock('delayed', one.id))).isDone, false)
  clock.advance(15_000)
  assert.equal((await kv.run(lock('delayed', one.id))).isDone, true)
  await kv.destroySession(one.id)
  assert.equal(kv.entry('held')!.session, '')
})

test('what the disk refuses has not happened, and the next write works', async (t) => {
  const real = await startStorage({ file: ':memory:' })
  t.after(() => real.close())
  let isFull = false
  const storage: Storage = {
    ...real,
    write: (statements) =>
      isFull
        ? Promise.reject(Object.assign(new Error('full'), { code: 'ERR_STORAGE_FULL' }))
        : real.write(statements),
  }
  const { kv } = await startForTest(t, { storage })
  await kv.run(put('a', 'one'))
  let woken = 0
  kv.key('a').subscribe(() => woken++)
  isFull = true
  const refused = await Promise.allSettled([kv.run(put('a', 'two')), kv.createSession(spec)])
  assert.deepEqual(
    refused.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.deepEqual([kv.entry('a')!.value.toString(), woken, kv.counts().sessions], ['one', 0, 0])
  isFull = false
  await kv.run(put('a', 'three'))
  assert.deepEqual([kv.entry('a')!.modifyIndex, woken], [3, 1])
})

test('what waits for the disk is not seen', async (t) => {
  const real = await startStorage({ file: ':memory:' })
  t.after(() => real.close())
  const held = Promise.withResolvers<void>()
  let isHeld = false
  const storage: Storage = {
    ...real,
    async write(statements) {
      const results = await real.write(statements)
      if (isHeld) await held.promise
      return results
    },
  }
  const { kv } = await startForTest(t, { storage })
  isHeld = true
  const writing = kv.run(put('a'))
  await new Promise((done) => setImmediate(done))
  assert.equal(kv.entry('a'), undefined)
  held.resolve()
  await writing
  assert.notEqual(kv.entry('a'), undefined)
})

test('size and sessions are bounded, and what makes it smaller is taken', async (t) => {
  const { kv } = await startForTest(t, { settings: { size: 10_000, sessions: 1 } })
  await kv.run(put('a', 'x'.repeat(9_000)))
  await assert.rejects(kv.run(put('b', 'x'.repeat(2_000))), { code: 'ERR_KV_FULL' })
  await assert.rejects(kv.transact([put('b', 'x'.repeat(2_000))]), { code: 'ERR_KV_FULL' })
  await kv.run(put('a', 'x'))
  await kv.run(put('b', 'x'.repeat(2_000)))
  await kv.createSession(spec)
  await assert.rejects(kv.createSession(spec), { code: 'ERR_KV_SESSIONS_FULL' })
})

test('a row that cannot be read is set aside, and its keys are free', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const first = await startForTest(t, { storage })
  const { id } = await first.kv.createSession(spec)
  await first.kv.run(lock('l', id, 'kept'))
  await first.stop()
  await storage.write([{ sql: `UPDATE kv_sessions SET body = '{}'` }])
  const { kv, part } = await startForTest(t, { storage })
  assert.deepEqual([kv.entry('l')!.value.toString(), kv.entry('l')!.session], ['kept', ''])
  assert.match([...(part.problems?.() ?? [])][0]!.text, /1 stored row of kv_sessions/)
})

/** The obvious store: one map, one command after the other. */
function runObviously(
  entries: Map<string, { text: string; index: number }>,
  op: KvOp,
  index: number,
) {
  const existing = entries.get(op.key)
  if (op.verb === 'set' || op.verb === 'cas') {
    if (op.verb === 'cas' && (existing?.index ?? 0) !== op.index) return false
    const text = op.value.toString()
    if (existing?.text !== text) entries.set(op.key, { text, index })
    return true
  }
  if (op.verb === 'delete-tree') {
    for (const key of entries.keys()) if (key.startsWith(op.key)) entries.delete(key)
    return true
  }
  return entries.delete(op.key) || true
}

const anyKey = fc.constantFrom('a', 'a/1', 'a/2', 'b')
const anyOp: fc.Arbitrary<KvOp> = fc.oneof(
  fc
    .record({ key: anyKey, text: fc.constantFrom('x', 'y') })
    .map(({ key, text }) => put(key, text)),
  fc
    .record({ key: anyKey, text: fc.constantFrom('x', 'y'), index: fc.nat(12) })
    .map(({ key, text, index }) => ({ verb: 'cas' as const, key, index, ...value(text) })),
  anyKey.map((key) => ({ verb: 'delete' as const, key })),
  fc.constantFrom('a', 'a/').map((key) => ({ verb: 'delete-tree' as const, key })),
)

const FORGET = ['kv_entries', 'kv_sessions', 'kv_lock_delays', 'kv_index'].map((table) => ({
  sql: `DELETE FROM ${table}`,
}))

test('in groups of any size it does what one obvious map does, also after a start', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyOp, { maxLength: 8 }), { maxLength: 6 }),
      async (groups) => {
        const first = await startForTest(t, { storage })
        const model = new Map<string, { text: string; index: number }>()
        let index = 1
        for (const group of groups) {
          const outcomes = await Promise.all(group.map((op) => first.kv.run(op)))
          for (const [at, op] of group.entries()) {
            const before = JSON.stringify([...model])
            assert.equal(outcomes[at]!.isDone, runObviously(model, op, index + 1))
            if (JSON.stringify([...model]) !== before) index++
          }
        }
        await first.stop()
        const second = await startForTest(t, { storage })
        for (const kv of [first.kv, second.kv]) {
          const seen = [...kv.list('')].map((one) => [
            one.key,
            { text: one.value.toString(), index: one.modifyIndex },
          ])
          assert.deepEqual(
            seen,
            [...model].toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
          )
        }
        await second.stop()
        await storage.write(FORGET)
      },
    ),
    { numRuns: 40 },
  )
})
