import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Behavior, DEFAULT_BEHAVIOR, type ScalingPolicy } from './behavior.ts'
import { changeScale, decideScale, type ScaleTerms } from './decide.ts'
import { DEFAULT_READING_TERMS, type Metric } from './metrics.ts'

type Times = readonly (readonly [atMs: number, recommended: number])[]

/** Numbers of replicas after each turn, when the one metric recommends exactly this. */
function follow(first: number, behavior: Behavior, times: Times, bounds = { min: 1, max: 1000 }) {
  // The examples give recommendations: a tolerance would make others of them.
  const tolerance = { up: 0, down: 0 }
  const terms: ScaleTerms = { ...DEFAULT_READING_TERMS, tolerance, ...bounds, behavior }
  let wanted = first
  let history: Parameters<typeof decideScale>[3]
  const seen: number[] = []
  for (const [atMs, recommended] of times) {
    const metric = asking(recommended)
    const state = { wantedCount: wanted, presentCount: wanted, replicas: [] }
    const turn = decideScale(terms, [metric], state, history, atMs)
    history = changeScale(terms, turn.history, wanted, turn.decision.replicas, atMs)
    wanted = turn.decision.replicas
    seen.push(wanted)
  }
  return seen
}

function asking(replicas: number): Metric {
  const total = { state: 'known', milli: replicas * 1000 } as const
  return { kind: 'shared', name: 'load', targetMilli: 1000, total }
}

function every(periodMs: number, count: number, recommended: number): Times {
  return Array.from({ length: count }, (_, index) => [index * periodMs, recommended] as const)
}

const policy = (unit: ScalingPolicy['unit'], value: number, seconds: number): ScalingPolicy => ({
  unit,
  value,
  periodMs: seconds * 1000,
})

const { up, down } = DEFAULT_BEHAVIOR
const at = (policies: readonly ScalingPolicy[], stabilizationMs = 0) => ({
  select: 'max' as const,
  policies,
  stabilizationMs,
})

test('documentation, "Scaling policies": 80 to 10 by 4 or 10 % a minute', () => {
  const behavior = { up, down: at([policy('replicas', 4, 60), policy('percent', 10, 60)]) }
  const seen = follow(80, behavior, every(60_000, 16, 10))
  // 72: 10 % of 72 are 7.2, rounded up to 8. From 40 on by 4.
  assert.deepEqual(seen, [72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12, 10, 10, 10])
})

test('documentation, "limit scale down rate": by 10 %, but never more than 5 a minute', () => {
  const policies = [policy('percent', 10, 60), policy('replicas', 5, 60)]
  const behavior = { up, down: { ...at(policies), select: 'min' as const } }
  assert.deepEqual(follow(80, behavior, every(60_000, 3, 1)), [75, 70, 65])
  assert.deepEqual(follow(30, behavior, every(60_000, 3, 1)), [27, 24, 21])
})

test('documentation, "Default behavior": 4 or the double in 15 s, whichever is more', () => {
  assert.deepEqual(follow(1, DEFAULT_BEHAVIOR, every(15_000, 6, 100)), [5, 10, 20, 40, 80, 100])
  // Within the 15 s nothing is added to it, turn by turn.
  const turns = every(5000, 7, 100)
  assert.deepEqual(follow(1, DEFAULT_BEHAVIOR, turns), [5, 5, 5, 10, 10, 10, 20])
  // Everything at once after five minutes of calm.
  const calm = [...every(15_000, 21, 1)]
  assert.deepEqual(follow(50, DEFAULT_BEHAVIOR, calm).slice(-3), [50, 50, 1])
})

test('documentation, "disable scale down"', () => {
  const behavior: Behavior = { up, down: { ...down, stabilizationMs: 0, select: 'disabled' } }
  assert.deepEqual(follow(5, behavior, [...every(1000, 2, 1), [2000, 7]]), [5, 5, 7])
  const never: Behavior = { up: { ...up, select: 'disabled' }, down }
  assert.deepEqual(follow(5, never, every(60_000, 3, 50)), [5, 5, 5])
})

test('KEP-853, story 1: as fast as possible, 1 > 10 > 100 > 1000', () => {
  const behavior = { up: at([policy('percent', 900, 60)]), down }
  assert.deepEqual(follow(1, behavior, every(60_000, 3, 1000)), [10, 100, 1000])
})

test('KEP-853, story 2: one every ten minutes', () => {
  const behavior = { up, down: at([policy('replicas', 1, 600)], 300_000) }
  const seen = follow(1000, behavior, every(60_000, 17, 1))
  assert.deepEqual(seen.slice(3, 6), [1000, 1000, 999])
  assert.deepEqual(seen.slice(13), [999, 999, 998, 998])
})

test('KEP-853, story 3: very gradually up', () => {
  const behavior = { up: at([policy('replicas', 1, 300)]), down }
  assert.deepEqual(follow(1, behavior, every(300_000, 3, 9)), [2, 3, 4])
})

test('KEP-853, story 5: the largest of ten minutes counts', () => {
  const behavior = { up, down: at([policy('replicas', 5, 60)], 600_000) }
  const asked = [10, 9, 8, 9, 9, 8, 9, 8, 9, 8, 7]
  const times = asked.map((one, index) => [index * 60_000, one] as const)
  assert.deepEqual(follow(10, behavior, times), [...Array.from({ length: 10 }, () => 10), 9])
})

test('KEP-853, story 6: the smallest of five minutes counts', () => {
  const behavior = { up: at([policy('replicas', 20, 60)], 300_000), down }
  // Its window holds six recommendations, so a turn is a little under a minute.
  const times = [2, 3, 19, 10, 3, 4, 7].map((one, index) => [index * 59_000, one] as const)
  assert.deepEqual(follow(2, behavior, times), [2, 2, 2, 2, 2, 2, 3])
})

test('what was taken away may come back beyond the rate, and what was added may go', () => {
  const behavior = { up: at([policy('replicas', 1, 60)]), down: at([policy('replicas', 9, 60)]) }
  assert.deepEqual(
    follow(10, behavior, [
      [0, 4],
      [1000, 20],
      [2000, 20],
    ]),
    [4, 11, 11],
  )
})

test('a change that is exactly as old as the period counts no more', () => {
  const behavior = { up: at([policy('replicas', 1, 10)]), down }
  assert.deepEqual(
    follow(1, behavior, [
      [0, 9],
      [9999, 9],
      [10_000, 9],
    ]),
    [2, 2, 3],
  )
})
