import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fillPriorityLoads, ownZoneShare, pickLevel, Subsets } from './localities.ts'

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

test('a zone keeps its requests while it can, and spills over what is beyond its part', () => {
  const share = (ownCapacity: number, ownDemand: number): number =>
    ownZoneShare({ ownCapacity, allCapacity: 9, ownDemand, allDemand: 9 })
  assert.equal(share(3, 3), 1)
  assert.equal(share(4, 3), 1)
  assert.equal(share(1.5, 3), 0.5)
  assert.equal(share(0, 3), 0)
  assert.equal(share(3, 0), 1)
})

test('subsets by tags, and what a request without one gets', () => {
  const make = (...pairs: [string, string][]) => ({ tags: new Map(pairs) })
  const v1 = make(['version', 'v1'], ['zone', 'a'])
  const v2 = make(['version', 'v2'])
  const bare = make(['zone', 'a'])
  for (const fallback of ['none', 'any', 'default'] as const) {
    const subsets = new Subsets<typeof v1>(['version'], fallback, v1.tags)
    for (const one of [v1, v2, bare]) subsets.add(one)
    assert.deepEqual(subsets.of(subsets.keyOf(v2.tags)), [v2])
    assert.deepEqual(subsets.of(subsets.keyOf(new Map())), [bare])
    const missing = subsets.of(subsets.keyOf(new Map([['version', 'v3']])))
    assert.deepEqual(missing, { none: [], any: [v1, v2, bare], default: [v1] }[fallback])
    for (const one of [v1, v2, v2]) subsets.remove(one)
    assert.deepEqual(subsets.of(subsets.keyOf(v2.tags)), fallback === 'any' ? [bare] : [])
  }
})
