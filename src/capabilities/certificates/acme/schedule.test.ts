import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { retryAtMs } from './retry-after.ts'
import {
  dueAt,
  nextAsk,
  ordersThatCount,
  renewalOf,
  renewalWithin,
  roomForOrder,
  waitAfter,
} from './schedule.ts'
import { newMemory } from './host-memory.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const chance = fc.double({ min: 0, max: 0.999_999, noNaN: true })

test('a certificate is renewed at two thirds of its life, and not all on the same day', () => {
  const life = { notBeforeMs: 0, notAfterMs: 90 * DAY_MS }
  assert.equal(
    renewalOf(life, () => 0.5),
    60 * DAY_MS,
  )
  fc.assert(
    fc.property(chance, (drawn) => {
      const atMs = renewalOf(life, () => drawn)
      assert.ok(atMs >= 57 * DAY_MS && atMs <= 63 * DAY_MS)
    }),
  )
})

test('within the window of the authority, but never so late that a failure would end it', () => {
  const life = { notBeforeMs: 0, notAfterMs: 100 * DAY_MS }
  fc.assert(
    fc.property(fc.nat(200), fc.nat(100), chance, (start, length, drawn) => {
      const window = { startMs: start * DAY_MS, endMs: (start + length) * DAY_MS }
      const atMs = renewalWithin(window, life, () => drawn)
      assert.ok(atMs <= 90 * DAY_MS)
      if (window.endMs <= 90 * DAY_MS) {
        assert.ok(atMs >= window.startMs && atMs <= window.endMs)
      }
    }),
  )
})

test('waits grow to a day; within the first hour of failures there are fewer than five tries', () => {
  const waits = Array.from({ length: 10 }, (_, at) => waitAfter(at + 1, () => 0.5))
  assert.deepEqual(
    waits.map((ms) => ms / 60_000),
    [2, 6, 18, 54, 162, 486, 1_440, 1_440, 1_440, 1_440],
  )
  let atMs = 0
  let tries = 1
  for (let failures = 1; atMs <= HOUR_MS; failures++) {
    atMs += waitAfter(failures, () => 0)
    if (atMs <= HOUR_MS) tries++
  }
  assert.ok(tries < 5, String(tries))
})

test('no more orders begin within any hour than there may', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(HOUR_MS / 3), { maxLength: 60 }),
      (perHour, steps) => {
        let nowMs = 0
        let begun: readonly number[] = []
        const all: number[] = []
        for (const step of steps) {
          nowMs += step
          begun = ordersThatCount(begun, nowMs)
          const room = roomForOrder(begun, perHour, nowMs)
          if (room > 0) {
            assert.ok(room > nowMs, 'it says when there is room')
            continue
          }
          begun = [...begun, nowMs]
          all.push(nowMs)
        }
        for (const from of all) {
          const within = all.filter((atMs) => atMs >= from && atMs < from + HOUR_MS)
          assert.ok(within.length <= perHour)
        }
      },
    ),
  )
})

test('what another authority has said does not hold back a new one', () => {
  const memory = { ...newMemory('https://a.example'), tryAtMs: 7, renewAtMs: 9 }
  const certificate = { chain: '', key: '' }
  const order = { url: '', key: '', tries: 0 }
  assert.equal(dueAt(memory, 'https://b.example'), 0)
  assert.equal(dueAt(memory, 'https://a.example'), 7)
  assert.equal(dueAt({ ...memory, certificate }, 'https://a.example'), 9)
  assert.equal(dueAt({ ...memory, certificate, order }, 'https://a.example'), 7)
})

test('Retry-After by seconds and by date, bounded; nonsense says nothing', () => {
  const nowMs = Date.parse('2026-11-29T20:00:00Z')
  assert.equal(retryAtMs('120', nowMs), nowMs + 120_000)
  assert.equal(retryAtMs('Sun, 29 Nov 2026 21:00:00 GMT', nowMs), nowMs + HOUR_MS)
  assert.equal(retryAtMs('Sun, 29 Nov 2020 21:00:00 GMT', nowMs), nowMs)
  assert.equal(retryAtMs('999999999', nowMs), nowMs + 7 * DAY_MS)
  for (const text of ['', ' ', 'soon', '-5', '1e9']) assert.equal(retryAtMs(text, nowMs), 0, text)
  assert.equal(nextAsk(0, 0), 6 * HOUR_MS)
  assert.equal(nextAsk(0, 1), 60_000)
  assert.equal(nextAsk(0, Infinity), DAY_MS)
})
