import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './capability.ts'
import { ToldServices } from './told.ts'

const never = new AbortController().signal

/** Stands still until it is moved. */
class StandingClock implements Clock {
  #nowMs: number
  readonly #timers = new Map<() => void, number>()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  get timerCount(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#timers.set(callback, this.#nowMs + delayMs)
    return () => this.#timers.delete(callback)
  }

  every(): () => void {
    throw new TypeError('nobody needs it')
  }

  nextTurn(callback: () => void): () => void {
    return this.after(0, callback)
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const [callback, dueMs] of this.#timers) {
      if (dueMs > this.#nowMs) continue
      this.#timers.delete(callback)
      callback()
    }
  }
}

test('nobody waits for a service that nobody asked for, or long ago', async () => {
  const clock = new StandingClock(1_000)
  const told = new ToldServices(clock)
  assert.equal(await told.whenOld('web', 2_000, 10_000, never), true)
  told.note('web')
  clock.advance(2_000)
  assert.equal(await told.whenOld('web', 2_000, 10_000, never), true)
  assert.equal(clock.timerCount, 0)
})

test('what was just told is waited for, counted from then, and at most so long', async () => {
  const clock = new StandingClock(1_000)
  const told = new ToldServices(clock)
  told.note('web')
  clock.advance(500)
  const waiting = told.whenOld('web', 2_000, 10_000, never)
  // What is told later does not name it any more.
  told.note('web')
  clock.advance(1_499)
  assert.equal(clock.timerCount, 1)
  clock.advance(1)
  assert.equal(await waiting, true)
  told.note('web')
  const short = told.whenOld('web', 2_000, 100, never)
  clock.advance(100)
  assert.equal(await short, false)
  const stopping = new AbortController()
  const aborted = told.whenOld('web', 2_000, 10_000, stopping.signal)
  stopping.abort()
  assert.equal(await aborted, false)
  assert.equal(clock.timerCount, 0)
  told.forget('web')
  assert.equal(await told.whenOld('web', 2_000, 10_000, never), true)
})
