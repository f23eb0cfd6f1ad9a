import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBucketMemory, openSharedBuckets } from './buckets.ts'
import { startHammer } from './testing/threads.ts'

const SEED = [0x1234_5678, -5] as const

function open(places?: number) {
  const memory = createBucketMemory({ ...(places && { places }), seed: SEED, nowMs: 0 })
  return { memory, buckets: openSharedBuckets(memory) }
}

/** The textbook's bucket in thousandths of a token, for whole milliseconds and rates. */
class ExactBucket {
  #thousandths: number
  #atMs = 0
  readonly perSecond: number
  readonly burst: number

  constructor(perSecond: number, burst: number) {
    this.perSecond = perSecond
    this.burst = burst
    this.#thousandths = burst * 1000
  }

  take(nowMs: number): boolean {
    const filled = this.#thousandths + (nowMs - this.#atMs) * this.perSecond
    this.#thousandths = Math.min(filled, this.burst * 1000)
    this.#atMs = nowMs
    if (this.#thousandths < 1000) return false
    this.#thousandths -= 1000
    return true
  }

  get left(): number {
    return Math.floor(this.#thousandths / 1000)
  }

  get retryAfterMs(): number {
    return Math.max(0, (1000 - this.#thousandths) / this.perSecond)
  }

  get fullAfterMs(): number {
    return (this.burst * 1000 - this.#thousandths) / this.perSecond
  }
}

test('any keys, scopes and times: each bucket decides as the exact one, seen from two workers', () => {
  const step = fc.record({
    scope: fc.constantFrom(0, 1, 2 ** 40 + 1),
    key: fc.constantFrom('', 'a', '10.0.0.1', '2001:db8::/64', 'x'.repeat(300)),
    afterMs: fc.oneof(fc.constant(0), fc.nat(20), fc.nat(3_000)),
    second: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.constantFrom(125, 250, 1_000, 128_000),
      fc.integer({ min: 1, max: 20 }),
      fc.array(step, { maxLength: 200 }),
      (perSecond, burst, steps) => {
        const { memory, buckets } = open()
        const other = openSharedBuckets(memory)
        const exact = new Map<string, ExactBucket>()
        let nowMs = 0
        for (const { scope, key, afterMs, second } of steps) {
          nowMs += afterMs
          const name = `${scope} ${key}`
          const reference = exact.get(name) ?? new ExactBucket(perSecond, burst)
          exact.set(name, reference)
          const result = (second ? other : buckets).take(scope, key, perSecond, burst, nowMs)
          assert.equal(result.isTaken, reference.take(nowMs))
          assert.equal(result.remaining, reference.left)
          assert.ok(Math.abs(result.retryAfterMs - reference.retryAfterMs) < 1e-6)
          assert.ok(Math.abs(result.fullAfterMs - reference.fullAfterMs) < 1e-6)
        }
      },
    ),
  )
})

test('a refused request can be repeated after retryAfterMs, and not before', () => {
  const { buckets } = open()
  for (const perSecond of [1 / 3600, 0.3, 1, 7, 333, 5_000]) {
    for (let i = 0; i < 3; i++) buckets.take(3, 'a', perSecond, 3, 10)
    const { isTaken, retryAfterMs } = buckets.take(3, 'a', perSecond, 3, 10)
    assert.equal(isTaken, false)
    const early = 10 + retryAfterMs - Math.max(1, retryAfterMs / 1000)
    assert.equal(buckets.take(3, 'a', perSecond, 3, early).isTaken, false)
    assert.equal(buckets.take(3, 'a', perSecond, 3, 11 + retryAfterMs).isTaken, true)
  }
})

test('another rate, burst or scope: a rate begins anew, a burst goes on', () => {
  const { buckets } = open()
  for (let i = 0; i < 5; i++) buckets.take(1, 'a', 1, 5, 0)
  assert.equal(buckets.take(1, 'a', 1, 5, 0).isTaken, false)
  assert.equal(buckets.take(2, 'a', 1, 5, 0).isTaken, true)
  assert.equal(buckets.take(1, 'a', 2, 5, 0).remaining, 4)
  assert.equal(buckets.take(1, 'a', 1, 8, 0).remaining, 2)
})

test('a clock that stands before the beginning takes nothing out of order', () => {
  const memory = createBucketMemory({ seed: SEED, nowMs: 5_000 })
  const buckets = openSharedBuckets(memory)
  assert.equal(buckets.take(1, 'a', 10, 1, 4_000).isTaken, true)
  assert.equal(buckets.take(1, 'a', 10, 1, 4_999).isTaken, false)
  assert.equal(buckets.take(1, 'a', 10, 1, 5_101).isTaken, true)
})

test('threads that hammer the same buckets get exactly the burst and what flowed in', async () => {
  const perSecond = 1_000
  const burst = 100
  const keys = ['a', 'b', '10.0.0.1']
  const { memory } = open()
  const clock = new SharedArrayBuffer(4)
  const works = await Promise.all(
    [0, 1, 2, 3].map(() =>
      startHammer({ kind: 'buckets', memory, keys, perSecond, burst, takes: 150_000, clock }),
    ),
  )
  const reports = await Promise.all(works.map((work) => work.begin()))
  const endMs = Math.max(...reports.map(({ lastMs }) => lastMs))
  for (const at of keys.keys()) {
    const taken = reports.reduce((sum, report) => sum + report.taken[at]!, 0)
    const bound = burst + Math.floor((endMs * perSecond) / 1000)
    assert.ok(taken <= bound && taken >= bound - 1, `${taken} of ${bound}`)
  }
})

test('a thread that is ended in the middle of it leaves no locked bucket', async () => {
  const { memory, buckets } = open()
  const clock = new SharedArrayBuffer(4)
  const work = { memory, keys: ['a'], perSecond: 1_000, burst: 10, takes: 1e9, clock }
  for (let round = 0; round < 5; round++) {
    const thread = await startHammer({ kind: 'buckets', ...work })
    thread.beginOnly()
    const before = Atomics.load(new Int32Array(clock), 0)
    while (Atomics.load(new Int32Array(clock), 0) < before + 1_000) await turn()
    await thread.kill()
    const nowMs = Atomics.load(new Int32Array(clock), 0) / 1000 + 60_000
    Atomics.store(new Int32Array(clock), 0, nowMs * 1000)
    for (let i = 0; i < 10; i++)
      assert.equal(buckets.take(1, 'a', 1_000, 10, nowMs).remaining, 9 - i)
    assert.equal(buckets.take(1, 'a', 1_000, 10, nowMs).isTaken, false)
  }
})

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

test('a place that was taken over and not used yet belongs to its new key, full', () => {
  // One set of eight: the ninth key takes over a place. What a worker does that dies between the two steps of that is done by hand here.
  const { memory, buckets } = open(8)
  for (let key = 0; key < 8; key++) buckets.take(1, `key ${key}`, 1, 4, key)
  const keys = new Int32Array(memory, 16, 16)
  const before = keys.slice()
  const states = new Int32Array(memory, 16 + 64, 16).slice()
  buckets.take(1, 'ninth', 1, 4, 10)
  const place = keys.findIndex((half, at) => half !== before[at]) >> 1
  new Int32Array(memory, 16 + 64, 16).set(states.subarray(place * 2, place * 2 + 2), place * 2)
  for (let left = 3; left >= 0; left--)
    assert.equal(buckets.take(1, 'ninth', 1, 4, 10).remaining, left)
  assert.equal(buckets.take(1, 'ninth', 1, 4, 10).isTaken, false)
})

test('a set that is full loses the bucket that would be full again first', () => {
  const { buckets } = open(8)
  const drain = (key: string, takes: number): void => {
    for (let i = 0; i < takes; i++) buckets.take(1, key, 1, 100, 0)
  }
  for (let key = 0; key < 8; key++) drain(`key ${key}`, 20 + key)
  drain('ninth', 50)
  for (let key = 1; key < 8; key++)
    assert.equal(buckets.take(1, `key ${key}`, 1, 100, 0).remaining, 100 - 20 - key - 1)
  assert.equal(buckets.take(1, 'ninth', 1, 100, 0).remaining, 49)
})

test('100,000 keys fit into the same memory, and one that is used goes on being counted', () => {
  const { memory, buckets } = open(4_096)
  const bytes = memory.byteLength
  for (let i = 0; i < 50; i++) buckets.take(1, 'attacker', 1, 50, 0)
  let survived = 0
  for (let i = 0; i < 100_000; i++) {
    buckets.take(1, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1, 50, i / 1000)
    if (i % 1_000 === 0 && !buckets.take(1, 'attacker', 1, 50, i / 1000).isTaken) survived++
  }
  assert.equal(memory.byteLength, bytes)
  // Within these 100 ms no token has come, and no stranger has pushed it out.
  assert.equal(survived, 100)
  assert.equal(buckets.take(1, 'attacker', 1, 50, 1_001).isTaken, true)
})

test('keys that differ in one place have buckets of their own', () => {
  const { buckets } = open()
  const keys = Array.from({ length: 2_000 }, (_, i) => `${'x'.repeat(i % 40)}${i}`)
  for (const key of keys) assert.equal(buckets.take(1, key, 1, 5, 0).remaining, 4)
  for (const key of keys) assert.equal(buckets.take(1, key, 1, 5, 0).remaining, 3)
})

test('refuses a size that it cannot index', () => {
  assert.throws(() => createBucketMemory({ places: 100, seed: SEED, nowMs: 0 }), /power of two/)
})
