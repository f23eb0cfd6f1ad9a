import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NOT_TIMED, TimerWheel, type Timed } from './timer-wheel.ts'

interface Item extends Timed {
  readonly name: number
}

const itemOf = (name: number): Item => ({ name, ...NOT_TIMED })

type Step =
  | { readonly kind: 'set'; readonly name: number; readonly inMs: number }
  | { readonly kind: 'clear'; readonly name: number }
  | { readonly kind: 'advance'; readonly byMs: number }

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      name: fc.nat(9),
      inMs: fc.oneof(fc.integer({ min: -200, max: 500 }), fc.nat(400_000)),
    }),
    fc.record({ kind: fc.constant('clear' as const), name: fc.nat(9) }),
    fc.record({
      kind: fc.constant('advance' as const),
      byMs: fc.oneof(fc.nat(120), fc.nat(500_000)),
    }),
  ),
  { maxLength: 60 },
)

test('it tells exactly what a list of deadlines would tell', () => {
  fc.assert(
    fc.property(steps, fc.nat(1_000_000), (all: readonly Step[], startMs) => {
      let nowMs = startMs
      const wheel = new TimerWheel<Item>(50, nowMs)
      const items = Array.from({ length: 10 }, (_, name) => itemOf(name))
      const model = new Map<number, number>()
      for (const step of all) {
        if (step.kind === 'set') {
          wheel.set(items[step.name]!, nowMs + step.inMs)
          model.set(step.name, nowMs + step.inMs)
        } else if (step.kind === 'clear') {
          wheel.clear(items[step.name]!)
          model.delete(step.name)
        } else {
          nowMs += step.byMs
          const told: number[] = []
          wheel.advance(nowMs, ({ name }) => told.push(name))
          const due = [...model].filter(([, dueAtMs]) => dueAtMs <= nowMs).map(([name]) => name)
          for (const name of due) model.delete(name)
          assert.equal(told.length, due.length)
          assert.deepEqual(new Set(told), new Set(due))
        }
        assert.equal(wheel.size, model.size)
      }
    }),
  )
})

test('who is cleared by another that is due is not told', () => {
  const wheel = new TimerWheel<Item>(50, 0)
  const [one, two] = [itemOf(1), itemOf(2)]
  wheel.set(one, 10)
  wheel.set(two, 10)
  const told: number[] = []
  wheel.advance(60, (item) => {
    told.push(item.name)
    wheel.clear(item === one ? two : one)
  })
  assert.equal(told.length, 1)
  assert.equal(wheel.size, 0)
})

test('who sets itself again while it is told waits for the next look', () => {
  const wheel = new TimerWheel<Item>(50, 0)
  const one = itemOf(1)
  wheel.set(one, 10)
  let count = 0
  const tell = (item: Item): void => {
    count++
    wheel.set(item, 20)
  }
  wheel.advance(60, tell)
  assert.equal(count, 1)
  wheel.advance(61, tell)
  assert.equal(count, 2)
})
