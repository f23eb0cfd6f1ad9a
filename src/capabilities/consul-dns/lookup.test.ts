import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createName, parseName } from '../../mechanisms/dns/name.ts'
import { parseLookup, type Lookup } from './lookup.ts'

function lookup(text: string, domain = 'consul'): Lookup {
  const [name, below] = [parseName(text), parseName(domain)]
  assert.ok(name && below)
  return parseLookup(name, below, 'dc1')
}

const service = (name: string, tag = ''): Lookup => ({ kind: 'service', service: name, tag })
const unknown: Lookup = { kind: 'unknown' }

test('names, as Consul reads them', () => {
  const cases: Readonly<Record<string, Lookup>> = {
    'web.service.consul': service('web'),
    'WEB.Service.Consul.': service('web'),
    'web.service.dc1.consul': service('web'),
    'web.service.dc1.dc.consul': service('web'),
    'web.service.dc2.consul': unknown,
    'v1.web.service.consul': service('web', 'v1'),
    'v1.2.web.service.consul': service('web', 'v1.2'),
    '_web._tcp.service.consul': service('web'),
    '_web._tcp.consul': service('web'),
    '_web._tcp.service.dc1.consul': service('web'),
    '_web._tcp.dc1.consul': service('web'),
    '_web._v1.service.consul': service('web', 'v1'),
    'service.service.consul': service('service'),
    'node.service.consul': service('node'),
    'dc1.service.consul': service('dc1'),
    'local.node.consul': { kind: 'node', node: 'local' },
    'local.node.dc1.consul': { kind: 'node', node: 'local' },
    'a.b.node.consul': { kind: 'node', node: 'a.b' },
    consul: { kind: 'apex' },
    'service.consul': unknown,
    'node.consul': unknown,
    'web.consul': unknown,
    'web.query.consul': unknown,
    'x.web.connect.consul': unknown,
    '0a000001.addr.dc1.consul': { kind: 'address', address: Buffer.from([10, 0, 0, 1]) },
    '0A000001.addr.consul': { kind: 'address', address: Buffer.from([10, 0, 0, 1]) },
    '0a00000.addr.consul': unknown,
    '0a00000g.addr.consul': unknown,
    'x.0a000001.addr.consul': unknown,
    'example.com': { kind: 'elsewhere' },
    'consul.example.com': { kind: 'elsewhere' },
    notconsul: { kind: 'elsewhere' },
    '.': { kind: 'elsewhere' },
    '4.3.2.1.in-addr.arpa': { kind: 'reverse', address: Uint8Array.of(1, 2, 3, 4) },
    '3.2.1.in-addr.arpa': { kind: 'elsewhere' },
    '256.3.2.1.in-addr.arpa': { kind: 'elsewhere' },
    '04.3.2.1.in-addr.arpa': { kind: 'elsewhere' },
  }
  for (const [name, expected] of Object.entries(cases)) {
    assert.deepEqual(lookup(name), expected, name)
  }
  const v6 = `${'1.'.padEnd(64, '0.')}ip6.arpa`
  const bytes = Buffer.alloc(16)
  bytes[15] = 1
  assert.deepEqual(lookup(v6), { kind: 'reverse', address: bytes })
})

test('a domain of several labels', () => {
  assert.deepEqual(lookup('web.service.eu.example.com', 'eu.example.com'), service('web'))
  assert.deepEqual(lookup('eu.example.com', 'eu.example.com'), { kind: 'apex' })
  assert.deepEqual(lookup('example.com', 'eu.example.com'), { kind: 'elsewhere' })
})

test('a label with a dot in it is not two', () => {
  const name = createName(['web.service', 'consul'])
  const below = parseName('consul')
  assert.ok(name && below)
  assert.deepEqual(parseLookup(name, below, 'dc1'), unknown)
})

test('any service and any tag are found by the names that are made of them', () => {
  const word = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
  fc.assert(
    fc.property(word, word, fc.constantFrom('', '.dc1', '.dc1.dc'), (name, tag, dc) => {
      assert.deepEqual(lookup(`${name}.service${dc}.consul`), service(name))
      assert.deepEqual(lookup(`${tag}.${name}.service${dc}.consul`), service(name, tag))
      const expected = service(name, tag === 'tcp' ? '' : tag)
      assert.deepEqual(lookup(`_${name}._${tag}.service${dc}.consul`), expected)
    }),
  )
})
