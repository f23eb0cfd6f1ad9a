import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../platform/clock.ts'
import { createFailingWatch } from './failing-watch.ts'
import type { Slot } from './slot.ts'
import { configOf, running, startHouse, statusOf } from './testdata/house.ts'

function slotOf(number: number): Slot {
  const spec = { id: `shop-${number}` } as Slot['spec']
  return {
    number,
    spec,
    generation: 0,
    status: statusOf(spec, running(1)),
    isRetiring: false,
    isUnwanted: false,
    registeredPort: 1,
  }
}

/** A clock whose timers run when the test says so. */
function createTimers() {
  const timers: { delayMs: number; run: () => void }[] = []
  const clock = {
    ...systemClock,
    after(delayMs: number, run: () => void) {
      const timer = { delayMs, run }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    },
  }
  return { clock, timers }
}

test('who fails without a break is told once; who passes meanwhile, ends, or is not meant is not', () => {
  const { clock, timers } = createTimers()
  const failing = new Set<Slot>()
  const overdue: number[] = []
  const watch = createFailingWatch(
    clock,
    (slot) => failing.has(slot),
    (slot) => overdue.push(slot.number),
  )
  const [one, two] = [slotOf(1), slotOf(2)]
  const slots = [one, two]
  watch.look(slots, 30_000)
  assert.equal(timers.length, 0)
  failing.add(one).add(two)
  watch.look(slots, 0)
  assert.equal(timers.length, 0, 'the setting is off')
  watch.look(slots, 30_000)
  watch.look(slots, 30_000)
  assert.deepEqual(
    timers.map(({ delayMs }) => delayMs),
    [30_000, 30_000],
  )
  failing.delete(one)
  watch.look(slots, 30_000)
  failing.add(one)
  watch.look(slots, 30_000)
  assert.equal(timers.length, 2, 'it begins anew')
  one.isRetiring = true
  watch.look(slots, 30_000)
  assert.equal(timers.length, 1)
  timers[0]!.run()
  assert.deepEqual(overdue, [2])
  watch.look([], 30_000)
})

test('a process that lives and fails its check for too long is replaced; one that passes stays', async (t) => {
  const settings = { run: 'node shop.js', instances: 2, health: { restart: '1ms' } }
  const config = configOf({ shop: settings })
  const house = await startHouse(t, config)
  house.processes.begin(config)
  house.supervisor.says('shop-1', running(4001))
  house.supervisor.says('shop-2', running(4002))
  house.registry.passes('shop-1')
  house.registry.passes('shop-2')
  await house.told()
  house.registry.passes('shop-2', false)
  let told: string[] = []
  while (!told.includes('start shop-3')) told = [...told, ...(await house.told())]
  assert.ok(told.includes('drain shop-2'))
  assert.ok(!told.some((line) => line.includes('shop-1')), told.join('\n'))
})
