import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ATTRIBUTED_SERVICES_MAX,
  checkEdges,
  edgesOf,
  OUTBOUND_LISTENERS_MAX,
  type Callers,
} from './edges.ts'

const names = Array.from({ length: 40 }, (_, at) => `s${at}`)
const callers = fc
  .uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 40 })
  .chain((all) =>
    fc
      .tuple(
        ...all.map((name) =>
          fc.record({
            name: fc.constant(name),
            run: fc.constantFrom('x', undefined),
            task: fc.boolean(),
            calls: fc.option(fc.subarray(all), { nil: undefined }),
          }),
        ),
      )
      .map((services): Callers =>
        Object.fromEntries(services.map(({ name, ...rest }) => [name, rest])),
      ),
  )
const keyOf = ({ caller, service }: { caller: string; service: string }) => `${caller}>${service}`

test('every caller reaches what it may call by its own listener or a shared one; no edge stands twice', () => {
  fc.assert(
    fc.property(callers, fc.constantFrom(...names), (services, kept) => {
      const before = names.map((caller) => ({ caller, service: kept }))
      const edges = edgesOf(services, before)
      const keys = new Set(edges.map(keyOf))
      assert.equal(keys.size, edges.length)
      const callable = Object.keys(services).filter((name) => services[name]?.task === false)
      const isShared = callable.length > ATTRIBUTED_SERVICES_MAX
      for (const [caller, { run, calls }] of Object.entries(services)) {
        if (run === undefined) {
          assert.ok(!edges.some((edge) => edge.caller === caller))
          continue
        }
        for (const service of calls ?? callable.filter((name) => name !== caller)) {
          const isOwn = calls !== undefined || !isShared || service === kept
          assert.equal(keys.has(`${caller}>${service}`), isOwn)
          assert.ok(isOwn || keys.has(`>${service}`), `${caller} cannot reach ${service}`)
        }
      }
      if (!isShared) assert.ok(!edges.some(({ caller }) => caller === ''))
    }),
  )
})

test('a thousand listeners are the bound, and many services are none', () => {
  const services = (count: number, more: object = {}) =>
    Object.fromEntries(
      names.slice(0, count).map((name) => [name, { run: 'x', task: false, ...more }]),
    )
  assert.deepEqual(checkEdges(services(40)), [])
  const [problem] = checkEdges(services(40, { calls: names }))
  assert.equal(problem?.code, 'ERR_CONFIG_EDGES_MAX')
  assert.ok(40 * 40 > OUTBOUND_LISTENERS_MAX)
})
