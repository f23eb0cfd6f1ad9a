import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInside } from './safe-fetch.ts'

test('addresses of this machine and its network, however IPv6 leads to them, are inside; public ones are not', () => {
  const inside = [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::',
    'fd00::1',
    'fe80::1',
  ]
  for (const address of inside) assert.equal(isInside(address), true, address)
  for (const address of ['8.8.8.8', '2001:4860:4860::8888', '172.32.0.1'])
    assert.equal(isInside(address), false, address)
})
