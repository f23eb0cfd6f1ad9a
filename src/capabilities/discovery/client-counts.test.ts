import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientCounts } from './client-counts.ts'

test('a client has one count, however it writes its address, and with all addresses of its network', () => {
  const counts = new ClientCounts()
  counts.add('203.0.113.7', 1)
  counts.add('::ffff:203.0.113.7', 1)
  assert.equal(counts.of('203.0.113.7'), 2)
  assert.equal(counts.of('203.0.113.8'), 0)
  counts.add('2001:db8:1:2::1', 1)
  counts.add('2001:db8:1:2:ffff:ffff:ffff:ffff', 1)
  assert.equal(counts.of('2001:db8:1:2:a::'), 2)
  assert.equal(counts.of('2001:db8:1:3::1'), 0)
  counts.add('', 1)
  assert.equal(counts.of(''), 1)
  assert.equal(counts.total, 5)
})
