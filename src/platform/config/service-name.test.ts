import assert from 'node:assert/strict'
import { test } from 'node:test'
import { urlVariable } from './service-name.ts'

test('the variable of an address has no dashes', () => {
  assert.equal(urlVariable('payment-service'), 'PAYMENT_SERVICE_URL')
})
