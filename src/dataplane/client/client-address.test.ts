import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import { clientAddress } from './client-address.ts'

const proxies = createCidrSet(['10.0.0.0/8', 'fd00::/8'])
const of = (list: string | undefined): string =>
  clientAddress('10.0.0.1', list, (address) => proxies.contains(address))

test('the last hop that is no trusted proxy is the client, whatever stands before it', () => {
  assert.equal(of(undefined), '10.0.0.1')
  assert.equal(of('203.0.113.7'), '203.0.113.7')
  assert.equal(of('1.1.1.1, 203.0.113.7'), '203.0.113.7')
  assert.equal(of('203.0.113.7, 10.0.0.9, 10.0.0.8'), '203.0.113.7')
  assert.equal(of('203.0.113.7:4711,[fd00::1]:80'), '203.0.113.7')
  assert.equal(of('2001:DB8::1'), '2001:db8::1')
  assert.equal(of('::ffff:203.0.113.7'), '203.0.113.7')
  assert.equal(of('203.0.113.7, unknown'), '10.0.0.1')
  assert.equal(of('203.0.113.7, junk, 10.0.0.9'), '10.0.0.9')
  assert.equal(of(''), '10.0.0.1')
  assert.equal(of(','), '10.0.0.1')
})

test('a client can put nothing in front that changes who it is', () => {
  fc.assert(
    fc.property(fc.string(), (forged) => {
      assert.equal(of(`${forged}, 203.0.113.7`), '203.0.113.7')
    }),
  )
})
