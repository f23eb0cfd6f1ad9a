import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { momentOf, takeToken, tokensLeft, unitsPerToken } from './token-bucket.ts'

/** The textbook's bucket in exact fractions: thousandths of a token. */
class ExactBucket {
  #thousandths: bigint
  #atMs = 0
  readonly #perSecond: bigint
  readonly #burst: bigint

  constructor(perSecond: number, burst: number) {
    this.#perSecond = BigInt(perSecond)
    this.#burst = BigInt(burst) * 1000n
    this.#thousandths = this.#burst
  }

  take(nowMs: number): boolean {
    this.#thousandths += BigInt(nowMs - this.#atMs) * this.#perSecond
    if (this.#thousandths > this.#burst) this.#thousandths = this.#burst
    this.#atMs = nowMs
    if (this.#thousandths < 1000n) return false
    this.#thousandths -= 1000n
    return true
  }

  get left(): number {
    return Number(this.#thousandths / 1000n)
  }
}

const stepsMs = fc.array(fc.oneof(fc.constant(0), fc.nat(5), fc.nat(5_000)), { maxLength: 400 })

// Powers of two times 125 gain a whole number of units each millisecond, so the two must agree in every single decision.
test('decides as the exact bucket does, for rates that are whole in units', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 1, max: 50 }),
      stepsMs,
      (log2, burst, steps) => {
        const perSecond = 125 * 2 ** log2
        const units = unitsPerToken(perSecond)
        const exact = new ExactBucket(perSecond, burst)
        let fullAt = 0
        let nowMs = 0
        for (const step of steps) {
          nowMs += step
          const now = momentOf(nowMs, perSecond, units)
          const next = takeToken(fullAt, now, units, burst)
          assert.equal(next >= 0, exact.take(nowMs), `at ${nowMs} ms`)
          if (next >= 0) fullAt = next
          assert.equal(tokensLeft(fullAt, now, units, burst), exact.left)
        }
      },
    ),
  )
})

test('any rate: never a token more than the exact bucket, and at most one fewer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      stepsMs,
      (perSecond, burst, steps) => {
        const units = unitsPerToken(perSecond)
        let fullAt = 0
        let nowMs = 0
        let taken = 0
        for (const step of steps) {
          nowMs += step
          const now = momentOf(nowMs, perSecond, units)
          for (let tries = 0; tries < 20; tries++) {
            const next = takeToken(fullAt, now, units, burst)
            if (next < 0) break
            fullAt = next
            taken++
          }
          assert.ok(taken <= burst + Math.floor((nowMs * perSecond) / 1000))
        }
      },
    ),
  )
})

test('a full drain gets exactly the burst and what has flowed in', () => {
  for (const perSecond of [1 / 3600, 0.5, 1, 3, 7, 100, 333, 65_537, 700_000, 1_000_000]) {
    for (const burst of [1, 2, 50, 1_000]) {
      const units = unitsPerToken(perSecond)
      let fullAt = 0
      let taken = 0
      for (const nowMs of [0, 1_000, 7_200_000]) {
        const now = momentOf(nowMs, perSecond, units)
        let next = takeToken(fullAt, now, units, burst)
        for (; next >= 0; next = takeToken(fullAt, now, units, burst)) {
          fullAt = next
          taken++
        }
        if (nowMs === 0) assert.equal(taken, burst)
        if (nowMs === 1_000) {
          assert.equal(taken, burst + Math.min(burst, Math.floor(perSecond)), `${perSecond}/s`)
        }
      }
    }
  }
})

test('seventeen years fit into 52 bits at the highest rate', () => {
  const yearsMs = 17 * 365 * 86_400_000
  for (const perSecond of [0.001, 1, 100, 1_000_000]) {
    assert.ok(momentOf(yearsMs, perSecond, unitsPerToken(perSecond)) < 2 ** 52)
  }
})
