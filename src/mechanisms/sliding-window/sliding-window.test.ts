import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createWindowView,
  readWindow,
  takeFromWindow,
  usedOf,
  waitForWindow,
} from './sliding-window.ts'

/** The obvious slow way: every request by its time, in windows. */
class SlowWindow {
  readonly #times: number[] = []
  readonly #windowMs: number
  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }
  used(nowMs: number): number {
    const index = Math.floor(nowMs / this.#windowMs)
    const of = (at: number): number =>
      this.#times.filter((time) => Math.floor(time / this.#windowMs) === at).length
    return of(index) + of(index - 1) * (1 - (nowMs / this.#windowMs - index))
  }
  take(nowMs: number, limit: number): boolean {
    if (this.used(nowMs) + 1 > limit) return false
    this.#times.push(nowMs)
    return true
  }
}

const steps = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 80 })

test('it decides as the slow way does, whatever comes', () => {
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(100, 1_000),
      (waits, limit, windowMs) => {
        const slow = new SlowWindow(windowMs)
        const view = createWindowView()
        let state = 0
        let nowMs = 12_345
        for (const wait of waits) {
          nowMs += wait
          const next = takeFromWindow(readWindow(state, nowMs, windowMs, view), limit)
          assert.equal(next >= 0, slow.take(nowMs, limit))
          if (next >= 0) state = next
          assert.ok(
            Math.abs(usedOf(readWindow(state, nowMs, windowMs, view)) - slow.used(nowMs)) < 1e-6,
          )
        }
      },
    ),
  )
})

test('who waits as long as it is told is let in, and not a good deal earlier', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 9 }), (waits, limit) => {
      const view = createWindowView()
      let state = 0
      let nowMs = 777
      for (const wait of waits) {
        nowMs += wait
        const next = takeFromWindow(readWindow(state, nowMs, 1_000, view), limit)
        if (next >= 0) {
          state = next
          continue
        }
        const waitMs = waitForWindow(view, limit, 1_000)
        assert.ok(waitMs > 0 && waitMs <= 2_000)
        const later = readWindow(state, nowMs + waitMs + 0.001, 1_000, createWindowView())
        assert.ok(takeFromWindow(later, limit) >= 0)
        const early = readWindow(state, nowMs + waitMs - 0.01, 1_000, createWindowView())
        assert.ok(takeFromWindow(early, limit) < 0)
      }
    }),
  )
})

test('a border between windows is no door: never twice the limit within a window', () => {
  const view = createWindowView()
  let state = 0
  const taken: number[] = []
  for (let nowMs = 900; nowMs < 1_900; nowMs += 1) {
    const next = takeFromWindow(readWindow(state, nowMs, 1_000, view), 10)
    if (next < 0) continue
    state = next
    taken.push(nowMs)
  }
  assert.ok(taken.length <= 19, `${taken.length}`)
  assert.ok(taken.filter((at) => at < 1_100).length <= 11)
})
