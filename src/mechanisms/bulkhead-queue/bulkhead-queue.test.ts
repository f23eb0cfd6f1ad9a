import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BulkheadQueue, PRIORITY, type Priority, roomFor } from './bulkhead-queue.ts'

test('in order while it is now and then empty, the newest first when it never is', () => {
  const queue = new BulkheadQueue({ size: 4, overloadMs: 100 })
  const places = [0, 10, 20].map((nowMs) => queue.push(PRIORITY.normal, nowMs))
  assert.equal(queue.shift(99), places[0])
  assert.equal(queue.shift(100), places[2])
  assert.equal(queue.shift(101), places[1])
  assert.equal(queue.shift(102), -1)
  queue.push(PRIORITY.normal, 200)
  assert.equal(queue.isOverloaded(299), false)
})

test('what is more important pushes out what is less, and never the reverse', () => {
  const queue = new BulkheadQueue({ size: 2, overloadMs: 100 })
  queue.push(PRIORITY.normal, 0)
  const batch = queue.push(PRIORITY.batch, 0)
  assert.equal(queue.push(PRIORITY.batch, 0), -1)
  assert.equal(queue.evicted, -1)
  assert.equal(queue.push(PRIORITY.critical, 0), batch)
  assert.equal(queue.evicted, batch)
  assert.equal(queue.push(PRIORITY.normal, 0), -1)
  assert.equal(queue.shift(1), batch, 'the critical one has its place')
  assert.equal(new BulkheadQueue({ size: 0, overloadMs: 1 }).push(PRIORITY.critical, 0), -1)
})

test('batch gives way first, then normal, critical has all of it; nobody has nothing', () => {
  const rooms = [PRIORITY.critical, PRIORITY.normal, PRIORITY.batch].map((priority) =>
    [100, 10, 1, 0].map((limit) => roomFor(priority, limit)),
  )
  assert.deepEqual(rooms, [
    [100, 10, 1, 1],
    [95, 10, 1, 1],
    [80, 8, 1, 1],
  ])
})

const step = fc.record({
  waitMs: fc.nat(40),
  what: fc.constantFrom('push', 'push', 'shift', 'remove'),
  priority: fc.constantFrom<Priority>(0, 1, 2),
  which: fc.nat(20),
})

test('lists of waiting calls and the queue agree on any trace', () => {
  let evictions = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 6 }),
      fc.array(step, { minLength: 40, maxLength: 150 }),
      (size, steps) => {
        const queue = new BulkheadQueue({ size, overloadMs: 60 })
        let waiting: { place: number; priority: Priority }[] = []
        let busySinceMs = Infinity
        let nowMs = 0
        for (const { waitMs, what, priority, which } of steps) {
          nowMs += waitMs
          if (what === 'push') {
            const least = Math.max(...waiting.map((one) => one.priority))
            const isFull = waiting.length >= size
            const victim =
              isFull && least > priority
                ? waiting.findLast((one) => one.priority === least)
                : undefined
            const place = queue.push(priority, nowMs)
            assert.equal(place >= 0, !isFull || victim !== undefined)
            assert.equal(queue.evicted, victim?.place ?? -1)
            if (victim !== undefined) {
              evictions++
              waiting = waiting.filter((one) => one !== victim)
              if (waiting.length === 0) busySinceMs = Infinity
            }
            if (place < 0) continue
            assert.ok(waiting.every((one) => one.place !== place))
            if (waiting.length === 0) busySinceMs = nowMs
            waiting.push({ place, priority })
          } else {
            const most = Math.min(...waiting.map((one) => one.priority))
            const alike = waiting.filter((one) => one.priority === most)
            const next = nowMs - busySinceMs >= 60 ? alike.at(-1) : alike[0]
            const gone = what === 'shift' ? next : waiting[which % Math.max(1, waiting.length)]
            if (what === 'shift') assert.equal(queue.shift(nowMs), next?.place ?? -1)
            else queue.remove(gone?.place ?? -1)
            waiting = waiting.filter((one) => one !== gone)
            if (waiting.length === 0) busySinceMs = Infinity
          }
          assert.equal(queue.length, waiting.length)
        }
      },
    ),
    { numRuns: 500 },
  )
  assert.ok(evictions > 100)
})
