import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fillPriorityLoads, pickLevel } from './priority-levels.ts'

function loadsOf(...percents: number[]): number[] {
  const loads = new Float64Array(percents.length)
  fillPriorityLoads(
    percents.map((percent) => percent / 100),
    loads,
  )
  return [...loads].map((load) => Math.round(load * 100))
}

/** https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority: its two tables. */
test('Envoy: load of priority levels by their health', () => {
  assert.deepEqual(loadsOf(100, 100), [100, 0])
  assert.deepEqual(loadsOf(72, 100), [100, 0])
  assert.deepEqual(loadsOf(71, 100), [99, 1])
  assert.deepEqual(loadsOf(50, 100), [70, 30])
  assert.deepEqual(loadsOf(25, 100), [35, 65])
  assert.deepEqual(loadsOf(0, 100), [0, 100])
  assert.deepEqual(loadsOf(25, 25), [50, 50])
  assert.deepEqual(loadsOf(100, 0), [100, 0])
  assert.deepEqual(loadsOf(0, 0), [0, 0])
  assert.deepEqual(loadsOf(20, 20, 10), [40, 40, 20])
  assert.deepEqual(loadsOf(25, 25, 25), [35, 35, 30])
})

test('loads sum up to one, none is below zero, and chance follows them', () => {
  const ratio = fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 1, noNaN: true }))
  fc.assert(
    fc.property(fc.array(ratio, { minLength: 1, maxLength: 6 }), (ratios) => {
      const loads = new Float64Array(ratios.length)
      fillPriorityLoads(ratios, loads)
      const sum = loads.reduce((total, load) => total + load, 0)
      assert.ok(loads.every((load) => load >= 0))
      assert.ok(Math.abs(sum - (ratios.some((one) => one > 0) ? 1 : 0)) < 1e-9)
      for (const chance of [0, 0.3, 0.999999]) {
        const level = pickLevel(loads, chance)
        assert.ok(sum === 0 ? level === -1 : loads[level]! > 0)
      }
    }),
  )
})
