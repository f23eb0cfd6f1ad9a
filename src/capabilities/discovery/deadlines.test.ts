import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadlines, NO_DEADLINE, type Timed } from './deadlines.ts'
import { FakeClock } from './testdata/ground.ts'

interface Named extends Timed {
  readonly name: number
}

const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), name: fc.nat(9), inMs: fc.nat(50) }),
  fc.record({ do: fc.constant('clear' as const), name: fc.nat(9) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40) }),
)

test('what is due is told exactly then, in order, once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const clock = new FakeClock()
      const told: [number, number][] = []
      const deadlines = new Deadlines<Named>(clock, ({ name }) =>
        told.push([clock.monotonicMs(), name]),
      )
      const items = Array.from({ length: 10 }, (_, name): Named => ({ ...NO_DEADLINE, name }))
      const dueAtMs = new Map<number, number>()
      const expected: [number, number][] = []
      for (const one of steps) {
        if (one.do === 'wait') {
          const endMs = clock.monotonicMs() + one.ms
          for (const [name, atMs] of dueAtMs) {
            if (atMs > endMs) continue
            expected.push([atMs, name])
            dueAtMs.delete(name)
          }
          clock.advance(one.ms)
          continue
        }
        const item = items[one.name]
        assert.ok(item !== undefined)
        if (one.do === 'clear') {
          dueAtMs.delete(one.name)
          deadlines.clear(item)
        } else {
          dueAtMs.set(one.name, clock.monotonicMs() + one.inMs)
          deadlines.set(item, clock.monotonicMs() + one.inMs)
        }
        assert.equal(deadlines.size, dueAtMs.size)
        assert.ok(clock.timerCount <= 1)
      }
      const order = ([a, x]: [number, number], [b, y]: [number, number]) => a - b || x - y
      assert.deepEqual(told.toSorted(order), expected.toSorted(order))
      assert.deepEqual(
        told.map(([atMs]) => atMs),
        told.map(([atMs]) => atMs).toSorted((a, b) => a - b),
      )
    }),
  )
})

test('a mass expiry is worked off in portions', () => {
  const clock = new FakeClock()
  let count = 0
  const deadlines = new Deadlines<Timed>(clock, () => count++)
  for (let each = 0; each < 5_000; each++) deadlines.set({ ...NO_DEADLINE }, 10)
  clock.advance(10)
  assert.equal(count, 5_000)
  assert.equal(deadlines.size, 0)
})

test('closed deadlines are told no more', () => {
  const clock = new FakeClock()
  const deadlines = new Deadlines<Timed>(clock, () => assert.fail('told'))
  deadlines.set({ ...NO_DEADLINE }, 10)
  deadlines.close()
  clock.advance(100)
  assert.equal(clock.timerCount, 0)
})
