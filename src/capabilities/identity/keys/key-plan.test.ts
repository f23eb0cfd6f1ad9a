import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { orderKeys, planKeys, type KeyPolicy, type KnownKey } from './key-plan.ts'

const DAY_MS = 86_400_000
const policy: KeyPolicy = {
  algs: ['ES256', 'EdDSA'],
  rotationMs: 30 * DAY_MS,
  overlapMs: DAY_MS,
  keptMs: 2 * DAY_MS,
}

/** Lives through the steps as the keeper of keys does: looks when told to, or when it wakes up. */
function live(steps: readonly number[], look: (keys: readonly KnownKey[], nowMs: number) => void) {
  let keys: readonly KnownKey[] = []
  let nowMs = 1_000_000
  let made = 0
  for (const stepMs of [0, ...steps]) {
    nowMs += stepMs
    const plan = planKeys(keys, nowMs, policy)
    keys = [
      ...keys.filter(({ kid }) => !plan.remove.includes(kid)),
      ...plan.add.map((times) => ({ ...times, kid: `k${++made}` })),
    ]
    look(keys, nowMs)
    assert.ok(plan.nextMs > nowMs)
  }
}

test('the first keys sign at once, one of each algorithm', () => {
  live([], (keys, nowMs) => {
    assert.deepEqual(
      orderKeys(keys, nowMs, policy.algs).map(({ alg, signsFromMs }) => [alg, signsFromMs]),
      [
        ['ES256', nowMs],
        ['EdDSA', nowMs],
      ],
    )
  })
})

test('however long the machine sleeps there is one that signs, and what was signed can be verified as long as it is valid', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.integer({ min: 1, max: 60_000 }),
          fc.integer({ min: 1, max: 40 * DAY_MS }),
          fc.integer({ min: 1, max: 400 * DAY_MS }),
        ),
        { maxLength: 60 },
      ),
      (steps) => {
        const signed: { kid: string; untilMs: number }[] = []
        live(steps, (keys, nowMs) => {
          const [es, ed] = orderKeys(keys, nowMs, policy.algs)
          assert.deepEqual([es?.alg, ed?.alg], policy.algs)
          assert.ok(es && es.signsFromMs <= nowMs)
          const published = new Set(keys.map(({ kid }) => kid))
          for (const { kid, untilMs } of signed) if (untilMs > nowMs) assert.ok(published.has(kid))
          // Nothing signed now outlives its key: it lives for a day, keys are kept for two.
          assert.ok(es.removedMs >= nowMs + DAY_MS)
          signed.push({ kid: es.kid, untilMs: nowMs + DAY_MS })
          assert.ok(keys.length <= 8)
        })
      },
    ),
  )
})

test('while it is looked after in time, every key was published a day before it signs', () => {
  const seen = new Map<string, number>()
  live(
    Array.from({ length: 365 * 4 }, () => DAY_MS / 4),
    (keys, nowMs) => {
      for (const { kid } of keys) if (!seen.has(kid)) seen.set(kid, nowMs)
      const [signing] = orderKeys(keys, nowMs, policy.algs)
      if (signing !== undefined && nowMs > 1_000_000 + 31 * DAY_MS) {
        assert.ok(nowMs - (seen.get(signing.kid) ?? nowMs) >= DAY_MS - DAY_MS / 4)
      }
    },
  )
  assert.ok(seen.size >= 24)
})
