import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ledger } from '../engines/ledger.ts'
import { createVault } from '../keys/vault.ts'
import { createClientStore } from '../store/clients.ts'
import { createEntryStore } from '../store/entries.ts'
import { hashOf } from '../store/hash.ts'
import { createMemoryLedger } from '../testing/memory-ledger.ts'
import { createAdapter, successorOf, type AdapterGround } from './adapter.ts'

/**
 * Each call of the store waits until the scheduler of fast-check lets it go, so every order of the calls of several requests is tried, and one that breaks
 * a promise is printed. The steps of a request are those of the library: find, look, consume, store.
 */
const RUNS = { numRuns: 100 }
const secret = Buffer.alloc(32, 7)

function ground(scheduler: fc.Scheduler) {
  const plain = createMemoryLedger()
  const ledger: Ledger = {
    ...plain,
    commit: scheduler.scheduleFunction(plain.commit.bind(plain)),
    read: scheduler.scheduleFunction(plain.read.bind(plain)),
  }
  const time = { nowMs: 1_000_000 }
  const nowMs = () => time.nowMs
  const make = (over: Ledger): AdapterGround => ({
    entries: createEntryStore(over, nowMs),
    clients: createClientStore(over),
    nowMs,
    graceMs: () => 10_000,
    successorSecret: secret,
    vault: createVault(secret),
  })
  return { slow: make(ledger), quick: make(plain), time, close: () => plain.close() }
}

const token = { kind: 'RefreshToken', grantId: 'g', clientId: 'c', accountId: 'a' }

/** What the library does with a refresh token that is rotated; the new one, or undefined where it is refused. */
async function refresh(id: string, at: AdapterGround): Promise<string | undefined> {
  const tokens = createAdapter('RefreshToken', at)
  try {
    const found = await tokens.find(id)
    if (!found) return undefined
    if (found.consumed !== undefined) {
      await tokens.revokeByGrantId('g')
      return undefined
    }
    await tokens.consume(id)
    const next = successorOf(secret, id)
    await tokens.upsert(next, token, 1_000)
    return next
  } catch {
    return undefined
  }
}

/** What the library does with a code. */
async function redeem(at: AdapterGround, name: string): Promise<string | undefined> {
  const codes = createAdapter('AuthorizationCode', at)
  try {
    const found = await codes.find('code')
    if (!found || found.consumed !== undefined) return undefined
    await codes.consume('code')
    await createAdapter('RefreshToken', at).upsert(name, token, 1_000)
    return name
  } catch {
    return undefined
  }
}

const living = async (ids: readonly (string | undefined)[], at: AdapterGround) => {
  const tokens = createAdapter('RefreshToken', at)
  const found = await Promise.all(
    [...new Set(ids)].map(async (id) => (id === undefined ? undefined : tokens.find(id))),
  )
  return found.filter((one) => one !== undefined && one.consumed === undefined).length
}

test('of several requests with one code at most one gets tokens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, count) => {
      const g = ground(scheduler)
      await createAdapter('AuthorizationCode', g.quick).upsert('code', { grantId: 'g' }, 60)
      const all = Promise.all(Array.from({ length: count }, (_, at) => redeem(g.slow, `r${at}`)))
      await scheduler.waitFor(all)
      const got = (await all).filter((one) => one !== undefined)
      assert.equal(got.length, 1)
      assert.equal(await living(await all, g.quick), 1)
      await g.close()
    }),
    RUNS,
  )
})

test('several requests with one refresh token, at once, get one and the same successor, and one family lives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, count) => {
      const g = ground(scheduler)
      await createAdapter('RefreshToken', g.quick).upsert('r', token, 1_000)
      const all = Promise.all(Array.from({ length: count }, () => refresh('r', g.slow)))
      await scheduler.waitFor(all)
      const got = new Set(await all)
      assert.deepEqual([...got], [successorOf(secret, 'r')])
      assert.equal(await living([...got], g.quick), 1)
      await g.close()
    }),
    RUNS,
  )
})

test('a revocation beside refreshes leaves nothing that lives, whatever comes first', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), async (scheduler, count) => {
      const g = ground(scheduler)
      await createAdapter('RefreshToken', g.quick).upsert('r', token, 1_000)
      const refreshes = Array.from({ length: count }, () => refresh('r', g.slow))
      const all = Promise.all([
        ...refreshes,
        createAdapter('Grant', g.slow)
          .destroy('g')
          .then(() => undefined),
      ])
      await scheduler.waitFor(all)
      assert.equal(await living(['r', ...(await all)], g.quick), 0)
      await g.close()
    }),
    RUNS,
  )
})

test('whoever comes with a token whose successor was used gets nothing and takes the family along', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const g = ground(scheduler)
      await createAdapter('RefreshToken', g.quick).upsert('r', token, 1_000)
      const second = (await refresh('r', g.quick)) ?? assert.fail()
      const third = (await refresh(second, g.quick)) ?? assert.fail()
      g.time.nowMs += 1_000
      // A thief with the first token, and the owner who goes on.
      const both = Promise.all([refresh('r', g.slow), refresh(third, g.slow)])
      await scheduler.waitFor(both)
      const [thief, owner] = await both
      assert.equal(thief, undefined)
      assert.equal(await living(['r', second, third, owner], g.quick), 0)
      await g.close()
    }),
    RUNS,
  )
})

test('a proof that several bring at once is good for one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 5 }), async (scheduler, count) => {
      const g = ground(scheduler)
      const entry = {
        kind: 'ReplayDetection',
        id: hashOf('ReplayDetection', 'jti'),
        payload: '{}',
        expiresMs: 2_000_000,
      }
      const all = Promise.all(Array.from({ length: count }, () => g.slow.entries.claim(entry)))
      await scheduler.waitFor(all)
      assert.equal((await all).filter(Boolean).length, 1)
      await g.close()
    }),
    RUNS,
  )
})

test('the test can fail: a store that looks and then writes gives two families', async () => {
  const broken = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    const used = new Map<string, boolean>()
    const read = scheduler.scheduleFunction(async () => used.get('r') === true)
    const write = scheduler.scheduleFunction(async () => void used.set('r', true))
    const use = async () => {
      if (await read()) return false
      await write()
      return true
    }
    const all = Promise.all([use(), use()])
    await scheduler.waitFor(all)
    assert.equal((await all).filter(Boolean).length, 1)
  })
  await assert.rejects(fc.assert(broken, RUNS), /Property failed/)
})
