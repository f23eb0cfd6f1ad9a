import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALLER_SHARED, callerOf } from './callers.ts'

test('a listener that services share is neither a client nor a service', () => {
  const told = { caller: '', route: '', service: 'orders' }
  assert.equal(callerOf(told), CALLER_SHARED)
  assert.equal(callerOf({ ...told, caller: 'web' }), 'web', 'a listener of its own')
  assert.equal(callerOf({ ...told, route: '/**' }), '', 'a client')
  assert.equal(callerOf({ ...told, service: '' }), '', 'a client whom no route took')
  assert.equal(callerOf({ caller: '', route: '/old', service: '' }), '', 'a policy answered')
})
