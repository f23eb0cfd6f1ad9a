import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NOT_TIMED, type Timed } from '../mechanisms/timer-wheel/timer-wheel.ts'
import type { Clock } from './capability.ts'
import { createWheel } from './wheel.ts'

const TICK_MS = 50

interface Item extends Timed {
  wantedAtMs: number
}

/** Runs its timers one after the other, each exactly at its time, and counts them. */
class CountingClock implements Clock {
  #nowMs: number
  #timers: { readonly atMs: number; readonly run: () => void }[] = []
  wakeUps = 0

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.push(timer)
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer))
  }

  every(): () => void {
    throw new TypeError('nobody needs it')
  }

  nextTurn(run: () => void): () => void {
    return this.after(0, run)
  }

  advanceTo(endMs: number): void {
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > endMs) break
      this.#timers = this.#timers.filter((one) => one !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.wakeUps++
      next.run()
    }
    this.#nowMs = endMs
  }
}

test('each deadline is told once, never early and at most a tick late', () => {
  const waits = fc.array(
    fc.tuple(fc.nat(3_000), fc.oneof(fc.integer({ min: -10, max: 300 }), fc.nat(200_000))),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(waits, fc.nat(10_000), (all, startMs) => {
      const clock = new CountingClock(startMs)
      const told: Item[] = []
      const wheel = createWheel<Item>(clock, TICK_MS, (item) => {
        const lateMs = clock.monotonicMs() - item.wantedAtMs
        assert.ok(lateMs >= 0 && lateMs <= TICK_MS, `${lateMs} ms late`)
        told.push(item)
      })
      for (const [afterMs, inMs] of all) {
        clock.advanceTo(clock.monotonicMs() + afterMs)
        const nowMs = clock.monotonicMs()
        wheel.set({ ...NOT_TIMED, wantedAtMs: Math.max(nowMs + inMs, nowMs) }, inMs)
      }
      clock.advanceTo(clock.monotonicMs() + 300_000)
      assert.equal(told.length, all.length)
      assert.equal(new Set(told).size, all.length)
    }),
  )
})

test('ten thousand that wait for minutes cost a wake-up every few seconds, and none when they are gone', () => {
  const clock = new CountingClock(0)
  const wheel = createWheel<Item>(clock, TICK_MS, () => {})
  const items = Array.from({ length: 10_000 }, () => ({ ...NOT_TIMED, wantedAtMs: 600_000 }))
  for (const item of items) wheel.set(item, 600_000)
  clock.advanceTo(60_000)
  assert.ok(clock.wakeUps <= 20, `${clock.wakeUps} wake-ups in a minute`)
  for (const item of items) wheel.clear(item)
  clock.advanceTo(70_000)
  const before = clock.wakeUps
  clock.advanceTo(120_000)
  assert.equal(clock.wakeUps, before)
})
