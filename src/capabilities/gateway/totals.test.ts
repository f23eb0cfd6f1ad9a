import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTALS_OTHER, type EdgeTotals, type InstanceTotals } from '../../contracts/snapshot.ts'
import { createTotalsStore } from './totals.ts'

const lost = { accessLogDropped: 0, accessLogLost: 0, recordsDropped: 0 }
const process = { connections: [], requests: [], limited: {}, handshakes: {}, ...lost }
const instance = (service: string, id: string): InstanceTotals =>
  ({ service, id }) as InstanceTotals
const edge = (route: string): EdgeTotals => ({ caller: '', route, service: 'a' }) as EdgeTotals
const message = { type: 'totals', atMs: 1, edges: [], instances: [], process } as const

test('rows of instances that are not known are not kept, but the one of all others is', () => {
  const store = createTotalsStore((_service, id) => id === 'here')
  const rows = [instance('a', 'here'), instance('a', 'gone'), instance(TOTALS_OTHER, TOTALS_OTHER)]
  store.add({ ...message, instances: rows })
  assert.deepEqual(
    [...store.instances()].map(({ id }) => id),
    ['here', TOTALS_OTHER],
  )
})

test('when every row is told again, what was told before is forgotten', () => {
  const store = createTotalsStore(() => true)
  store.add({ ...message, edges: [edge('old')], instances: [instance('a', 'old')] })
  store.add({ ...message, reset: true, edges: [edge('x')] })
  store.add({ ...message, edges: [edge('y')] })
  assert.deepEqual(
    [...store.edges()].map(({ route }) => route),
    ['x', 'y'],
  )
  assert.equal(store.instance('a', 'old'), undefined)
})

test('a second that comes in several messages is told once, when it is whole', () => {
  const store = createTotalsStore(() => true)
  const seen: number[] = []
  store.onTotals(() => seen.push([...store.edges()].length))
  store.add({ ...message, more: true, edges: [edge('x')] })
  store.add({ ...message, edges: [edge('y')] })
  assert.deepEqual(seen, [2])
})
