import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ledger } from '../engines/ledger.ts'
import { createEntryStore, SWEEP_ROWS_MAX, type Entry, type EntryStore } from './entries.ts'

/** What the suite moves by hand. */
interface Ground {
  readonly entries: EntryStore
  readonly time: { nowMs: number }
}

const GRACE_MS = 10_000

function entryOf(kind: string, id: string, more: Partial<Entry> = {}): Entry {
  return { kind, id, payload: '{}', ...more }
}

/** Every promise of `EntryStore`, against an engine whose tables are empty. */
export function testEntryStore(engine: string, open: () => Promise<Ledger>): void {
  const ground = async (): Promise<Ground & AsyncDisposable> => {
    const ledger = await open()
    const time = { nowMs: 1_000_000 }
    const entries = createEntryStore(ledger, () => time.nowMs)
    return { entries, time, [Symbol.asyncDispose]: () => ledger.close() }
  }

  test(`${engine}: an entry is found by its id and its indexes until it expires, and replaced whole`, async () => {
    await using g = await ground()
    const session = entryOf('Session', 's', { uid: 'u', account: 'a', expiresMs: 1_000_100 })
    assert.ok(await g.entries.put(session))
    assert.ok(await g.entries.put({ ...session, payload: '{"n":2}' }))
    assert.equal((await g.entries.find('Session', 's'))?.payload, '{"n":2}')
    assert.equal((await g.entries.findBy('Session', 'uid', 'u'))?.id, 's')
    assert.equal(await g.entries.find('Grant', 's'), undefined)
    g.time.nowMs += 100
    assert.equal(await g.entries.find('Session', 's'), undefined)
    assert.equal(await g.entries.findBy('Session', 'uid', 'u'), undefined)
  })

  test(`${engine}: of twenty that consume one code at once exactly one is first`, async () => {
    await using g = await ground()
    await g.entries.put(entryOf('AuthorizationCode', 'c', { expiresMs: 2_000_000 }))
    const uses = await Promise.all(
      Array.from({ length: 20 }, () => g.entries.consume('AuthorizationCode', 'c')),
    )
    assert.deepEqual(uses.toSorted(), ['first', ...Array.from({ length: 19 }, () => 'used')])
    assert.equal(await g.entries.consume('AuthorizationCode', 'nothing'), 'missing')
    assert.equal((await g.entries.find('AuthorizationCode', 'c'))?.consumedMs, g.time.nowMs)
  })

  test(`${engine}: of twenty that claim one id at once exactly one gets it, and after its expiry the next`, async () => {
    await using g = await ground()
    const proof = entryOf('ReplayDetection', 'j', { expiresMs: 1_000_060 })
    const claims = await Promise.all(Array.from({ length: 20 }, () => g.entries.claim(proof)))
    assert.equal(claims.filter(Boolean).length, 1)
    g.time.nowMs += 60
    assert.ok(await g.entries.claim({ ...proof, expiresMs: 1_000_200 }))
  })

  test(`${engine}: an expired code cannot be consumed`, async () => {
    await using g = await ground()
    await g.entries.put(entryOf('AuthorizationCode', 'c', { expiresMs: 1_000_001 }))
    g.time.nowMs += 1
    assert.equal(await g.entries.consume('AuthorizationCode', 'c'), 'missing')
  })

  test(`${engine}: a lost answer may be asked for again within the grace, until its successor is used`, async () => {
    await using g = await ground()
    const retry = { successor: 'r2', graceMs: GRACE_MS }
    await g.entries.putNew(entryOf('RefreshToken', 'r1'))
    assert.equal(await g.entries.consume('RefreshToken', 'r1', retry), 'first')
    // Killed before the successor was stored: nobody has an answer, however long that takes.
    g.time.nowMs += 10 * GRACE_MS
    assert.equal(await g.entries.consume('RefreshToken', 'r1', retry), 'retry')

    await g.entries.putNew(entryOf('RefreshToken', 'r2'))
    assert.equal(await g.entries.consume('RefreshToken', 'r1', retry), 'used', 'outside the grace')

    const next = { successor: 'r3', graceMs: GRACE_MS }
    assert.equal(await g.entries.consume('RefreshToken', 'r2', next), 'first')
    await g.entries.putNew(entryOf('RefreshToken', 'r3'))
    g.time.nowMs += GRACE_MS - 1
    assert.equal(await g.entries.consume('RefreshToken', 'r2', next), 'retry')
    assert.equal(
      await g.entries.consume('RefreshToken', 'r3', { successor: 'r4', graceMs: GRACE_MS }),
      'first',
    )
    assert.equal(await g.entries.consume('RefreshToken', 'r2', next), 'used', 'it was answered')
  })

  test(`${engine}: what is there already is not made new again`, async () => {
    await using g = await ground()
    await g.entries.putNew(entryOf('RefreshToken', 'r', { payload: '{"n":1}' }))
    await g.entries.consume('RefreshToken', 'r')
    assert.ok(await g.entries.putNew(entryOf('RefreshToken', 'r', { payload: '{"n":2}' })))
    const kept = await g.entries.find('RefreshToken', 'r')
    assert.equal(kept?.payload, '{"n":1}')
    assert.notEqual(kept?.consumedMs, undefined)
    await g.entries.put(entryOf('RefreshToken', 'r', { payload: '{"n":3}' }))
    assert.notEqual((await g.entries.find('RefreshToken', 'r'))?.consumedMs, undefined)
  })

  test(`${engine}: after a revocation nothing of the grant lives, however many stores were on their way`, async () => {
    await using g = await ground()
    for (let round = 0; round < 10; round++) {
      const grantKey = `g${round}`
      const puts = Array.from(
        { length: 12 },
        (_, at) => () =>
          g.entries.putNew(entryOf('RefreshToken', `${grantKey}-${at}`, { grantKey })),
      )
      await Promise.all([
        ...puts.slice(0, 6).map((put) => put()),
        g.entries.revokeGrant(grantKey),
        ...puts.slice(6).map((put) => put()),
      ])
      for (let at = 0; at < 12; at++) {
        assert.equal(await g.entries.find('RefreshToken', `${grantKey}-${at}`), undefined)
      }
      assert.equal(await g.entries.put(entryOf('AccessToken', 'late', { grantKey })), false)
    }
    assert.ok(await g.entries.put(entryOf('AccessToken', 'other', { grantKey: 'living' })))
  })

  test(`${engine}: a session that was revoked is not stored again by a request that was under way`, async () => {
    await using g = await ground()
    const session = entryOf('Session', 's', { uid: 'u', account: 'a' })
    await g.entries.put(session)
    assert.deepEqual(
      (await g.entries.list('Session', 'a')).map(({ id }) => id),
      ['s'],
    )
    await g.entries.revokeSession('u')
    assert.equal(await g.entries.put(session), false)
    assert.deepEqual(await g.entries.list('Session', 'a'), [])
  })

  test(`${engine}: what has expired is removed in small steps, and nothing else`, async () => {
    await using g = await ground()
    const count = SWEEP_ROWS_MAX + 20
    await Promise.all(
      Array.from({ length: count }, (_, at) =>
        g.entries.put(entryOf('AccessToken', `t${at}`, { expiresMs: 1_000_010 })),
      ),
    )
    await g.entries.put(entryOf('AccessToken', 'lives', { expiresMs: 9_000_000 }))
    await g.entries.put(entryOf('Grant', 'always'))
    assert.equal(await g.entries.sweep(), 0)
    g.time.nowMs += 10
    assert.deepEqual(
      [await g.entries.sweep(), await g.entries.sweep(), await g.entries.sweep()],
      [SWEEP_ROWS_MAX, 20, 0],
    )
    assert.ok(await g.entries.find('AccessToken', 'lives'))
    assert.ok(await g.entries.find('Grant', 'always'))
  })
}
