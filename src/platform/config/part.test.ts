import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { assembleSettings, type SettingsPart } from './part.ts'

const shop = {
  sections: { shop: z.strictObject({ token: z.string().optional() }).prefault({}) },
  service: { color: z.string().default('red') },
  restart: ['shop.token'],
  listeners: {
    shop: { protocol: 'http', port: 7001, about: 'Shop', access: { token: ['shop', 'token'] } },
    names: { protocol: 'udp', port: 7002, about: 'Names', access: 'addresses' },
    front: { protocol: 'http', port: 7003, about: 'Front', access: 'public', isOfData: true },
  },
  check: ({ services }: { readonly services: Readonly<Record<string, { color: string }>> }) =>
    Object.entries(services).flatMap(([name, { color }]) =>
      color === 'blue'
        ? [{ path: ['services', name, 'color'], code: 'ERR_TEST_BLUE', message: 'is blue' }]
        : [],
    ),
  claims: () => [{ path: ['shop'], name: 'the till', address: { host: '127.0.0.1', port: 7004 } }],
} as const satisfies SettingsPart

const assembled = assembleSettings([shop])

function problemsOf(file: object): readonly string[] {
  return assembled
    .check(assembled.schema.parse(file), () => 'default', {})
    .map(({ path, code }) => `${path.join('.')} ${code}`)
}

test('sections, settings of services, listeners and checks of a part', () => {
  const settings = assembled.schema.parse({ services: { a: {} } })
  assert.equal(settings.services['a']?.color, 'red')
  assert.equal(settings.listen.shop, undefined)
  assert.deepEqual(problemsOf({}), [])
  assert.deepEqual(problemsOf({ services: { a: { color: 'blue' } } }), [
    'services.a.color ERR_TEST_BLUE',
  ])
  assert.throws(() => assembled.schema.parse({ listen: { nobody: 1 } }))
})

test('every listener and claimed port: no two of them on one address', () => {
  assert.deepEqual(problemsOf({ listen: { shop: 7004 } }), ['shop ERR_CONFIG_LISTENER_CONFLICT'])
  assert.deepEqual(problemsOf({ listen: { front: 7001 } }), [
    'listen.front ERR_CONFIG_LISTENER_CONFLICT',
  ])
  assert.deepEqual(problemsOf({ listen: { front: 7001, shop: 'off' } }), [])
})

test('beyond loopback each listener has its lock: a token, a list of addresses, or it is there for the public', () => {
  const open = 'ERR_CONFIG_LISTENER_UNPROTECTED'
  assert.deepEqual(problemsOf({ listen: { front: '0.0.0.0:1' } }), [])
  assert.deepEqual(problemsOf({ listen: { shop: '0.0.0.0:1' } }), [`listen.shop ${open}`])
  assert.deepEqual(problemsOf({ listen: { shop: '0.0.0.0:1' }, shop: { token: 'short' } }), [
    `listen.shop ${open}`,
  ])
  const token = 'a token that is long enough'
  assert.deepEqual(problemsOf({ listen: { shop: '0.0.0.0:1' }, shop: { token } }), [])
  assert.deepEqual(problemsOf({ listen: { names: '0.0.0.0:1' } }), [`listen.names ${open}`])
  const from = { names: ['10.0.0.0/8'] }
  assert.deepEqual(problemsOf({ listen: { names: '0.0.0.0:1', from } }), [])
  assert.deepEqual(problemsOf({ listen: { from: { names: ['10.0.0.1/8'] } } }), [
    'listen.from.names.0 ERR_CONFIG_VALUE_INVALID',
  ])
})

test('each part says which of its settings wait for the next start', () => {
  const waiting = ['shop.token', 'listen.shop', 'listen.from.names[0]', 'listen.default', 'name']
  for (const path of waiting) assert.equal(assembled.needsRestart(path), true, path)
  for (const path of ['shop', 'listen.front', 'services.a.color', 'shop.tokens', 'listen.shopping'])
    assert.equal(assembled.needsRestart(path), false, path)
})

test('two capabilities with one name are a mistake of ours', () => {
  assert.throws(() => assembleSettings([shop, { sections: shop.sections }]), /a setting shop/)
})
