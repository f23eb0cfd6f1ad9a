import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TimerNode } from './timer-wheel.ts'
import { createTimerNode, createTimerWheel, isScheduled } from './timer-wheel.ts'

const TICK_MS = 10

function setUp(startMs = 0) {
  const wheel = createTimerWheel<string>({ tickMs: TICK_MS, slots: 8, startMs })
  const fired: string[] = []
  const advance = (nowMs: number) => wheel.advance(nowMs, (owner) => fired.push(owner))
  return { wheel, fired, advance }
}

test('fires after its time, once, in a later turn of the wheel too', () => {
  const { wheel, fired, advance } = setUp()
  const [soon, late] = [createTimerNode('soon'), createTimerNode('late')]
  wheel.schedule(soon, 25)
  wheel.schedule(late, 25 + 8 * TICK_MS)
  advance(24)
  assert.deepEqual(fired, [])
  advance(30)
  assert.deepEqual(fired, ['soon'])
  assert.ok(!isScheduled(soon) && isScheduled(late))
  advance(109)
  assert.deepEqual(fired, ['soon'])
  advance(110)
  assert.deepEqual(fired, ['soon', 'late'])
  assert.equal(wheel.size, 0)
})

test('a callback may cancel and schedule any node; a past date waits for the next tick', () => {
  const wheel = createTimerWheel<string>({ tickMs: TICK_MS, slots: 8, startMs: 0 })
  const [a, b, c] = [createTimerNode('a'), createTimerNode('b'), createTimerNode('c')]
  for (const node of [a, b, c]) wheel.schedule(node, 10)
  const fired: string[] = []
  const onDue = (owner: string, node: TimerNode<string>) => {
    fired.push(owner)
    if (owner !== 'a' || fired.length > 1) return
    wheel.cancel(b)
    wheel.schedule(c, 500)
    wheel.schedule(node, 0)
  }
  wheel.advance(10, onDue)
  assert.deepEqual(fired, ['a'])
  wheel.advance(20, onDue)
  assert.deepEqual(fired, ['a', 'a'])
  wheel.advance(500, onDue)
  assert.deepEqual(fired, ['a', 'a', 'c'])
})

test('when a callback throws the rest fires at the next call', () => {
  const { wheel, fired, advance } = setUp()
  for (const name of ['a', 'b']) wheel.schedule(createTimerNode(name), 5)
  assert.throws(() => {
    wheel.advance(10, () => {
      throw new Error('broken')
    })
  }, /broken/)
  advance(10)
  assert.deepEqual(fired, ['b'])
})

interface Planned {
  dueMs: number
  sinceMs: number
}

/** A plain map of due times: what the wheel must do, with the slack that it promises. */
function checkFired(
  planned: Map<number, Planned>,
  fired: ReadonlySet<number>,
  nowMs: number,
): void {
  for (const index of fired) {
    const plan = planned.get(index)
    assert.ok(plan !== undefined, `${index} was not scheduled`)
    assert.ok(plan.dueMs <= nowMs, `${index} fired early`)
    planned.delete(index)
  }
  for (const [index, { dueMs, sinceMs }] of planned) {
    assert.ok(Math.max(dueMs, sinceMs) + TICK_MS > nowMs, `${index} is more than a tick late`)
  }
}

test('agrees with a map of due times: never early, at most a tick late', () => {
  const step = fc.record({
    what: fc.constantFrom('schedule', 'schedule', 'cancel', 'advance'),
    index: fc.nat(9),
    ms: fc.oneof(fc.nat(30), fc.nat(400)),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.integer({ min: -500, max: 5000 }),
      (steps, startMs) => {
        const wheel = createTimerWheel<number>({ tickMs: TICK_MS, slots: 8, startMs })
        const nodes = Array.from({ length: 10 }, (_, index) => createTimerNode(index))
        const planned = new Map<number, Planned>()
        let nowMs = startMs
        for (const { what, index, ms } of steps) {
          if (what === 'advance') {
            nowMs += ms
            const fired = new Set<number>()
            wheel.advance(nowMs, (owner) => fired.add(owner))
            checkFired(planned, fired, nowMs)
          } else if (what === 'schedule') {
            wheel.schedule(nodes[index]!, nowMs + ms - 10)
            planned.set(index, { dueMs: nowMs + ms - 10, sinceMs: nowMs })
          } else {
            wheel.cancel(nodes[index]!)
            planned.delete(index)
          }
          assert.equal(wheel.size, planned.size)
          for (const node of nodes) assert.equal(isScheduled(node), planned.has(node.owner))
        }
      },
    ),
    { numRuns: 1000 },
  )
})
