import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceView } from '../../../../src/contracts/feed.ts'
import { isUnwell, nextSorting, type ServiceRow, type SortKey, sortRows } from './service-rows.ts'

function row(
  name: string,
  state: ServiceView['state'],
  more: Partial<ServiceRow> = {},
): ServiceRow {
  const service = { name, state, kind: 'run' } as ServiceView
  const none = { healthy: 1, total: 1, requestsPerSecond: 0, errorRatio: 0, p95Ms: 0 }
  return { service, ...none, cpuRatio: 0, residentBytes: 0, restarts: 0, ...more }
}

const rows = [
  row('b', 'healthy', { cpuRatio: 0.5, restarts: 2 }),
  row('a', 'finished', { residentBytes: 10 }),
  row('d', 'down', { restarts: 2 }),
  row('c', 'degraded', { requestsPerSecond: 9 }),
]
const names = (key: SortKey, isDescending: boolean) =>
  sortRows(rows, { key, isDescending })
    .map(({ service }) => service.name)
    .join('')

test('what is not well comes first, equal ones by name in either direction', () => {
  assert.equal(names('name', false), 'abcd')
  assert.equal(names('state', false), 'dcba')
  assert.equal(names('restarts', true), 'bdac')
  assert.equal(names('restarts', false), 'acbd')
  assert.equal(names('requests', true), 'cabd')
  assert.deepEqual(
    rows.filter(isUnwell).map(({ service }) => service.name),
    ['d', 'c'],
  )
})

test('the first click on a number puts the largest first, the second turns it round', () => {
  const first = nextSorting({ key: 'name', isDescending: false }, 'cpu')
  assert.deepEqual(first, { key: 'cpu', isDescending: true })
  assert.deepEqual(nextSorting(first, 'cpu'), { key: 'cpu', isDescending: false })
  assert.deepEqual(nextSorting(first, 'name'), { key: 'name', isDescending: false })
})
