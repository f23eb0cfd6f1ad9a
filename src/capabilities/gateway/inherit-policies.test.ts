import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PolicySpec } from '../../contracts/policies.ts'
import type { RouteSpec } from '../../contracts/snapshot.ts'
import { settingsSchema } from '../../settings.ts'
import { POLICY_KINDS } from './policy-settings.ts'
import { specifyGateway } from './specify.ts'

function routesOf(gateway: object): readonly RouteSpec[] {
  const settings = settingsSchema.parse({ services: { a: { run: 'x' } }, gateway })
  return specifyGateway(settings, (path) => path.join('.'), []).routes
}

function policiesOf(gateway: object, at = 0): readonly PolicySpec[] {
  return routesOf(gateway)[at]!.policies
}

const respond = (body: string): object => ({ status: 503, body })
const shared = {
  policies: { limit: { rate: '9/s' }, respond: respond('gateway') },
  groups: {
    one: { limit: { rate: '5/s' }, cors: { origins: ['*'] } },
    two: { limit: { rate: '6/s' }, respond: 'off' },
  },
}

test('the nearest says what holds: route, its groups in their order, gateway; `off` ends the search', () => {
  const found = (route: object): readonly string[] =>
    policiesOf({ ...shared, routes: [{ path: '/a', to: 'a', ...route }] }).map(
      ({ kind, source }) => `${kind} ${source}`,
    )
  assert.deepEqual(found({}), ['limit gateway.policies.limit', 'respond gateway.policies.respond'])
  assert.deepEqual(found({ groups: ['one', 'two'] }), [
    'cors gateway.groups.one.cors',
    'limit gateway.groups.one.limit',
  ])
  assert.deepEqual(found({ groups: ['two', 'one'], limit: { rate: '1/s' }, cors: 'off' }), [
    'limit gateway.routes.0.limit',
  ])
  assert.deepEqual(found({ limit: 'off', respond: 'off' }), [])
})

test('routes that share a limit share its count; by route each has its own', () => {
  const scopesOf = (by: string): readonly unknown[] =>
    routesOf({
      policies: { limit: { rate: '1/s', by } },
      routes: [
        { id: 'a', path: '/a', to: 'a' },
        { id: 'b', path: '/b', to: 'a' },
      ],
    }).map(({ policies }) => (policies[0]!.spec as { scope: string }).scope)
  assert.deepEqual(scopesOf('address'), ['gateway\naddress', 'gateway\naddress'])
  assert.deepEqual(scopesOf('route'), ['a\nroute', 'b\nroute'])
})

test('conditions among headers stay the route own, whoever says what is changed', () => {
  const [route] = routesOf({
    policies: { headers: { request: { set: { 'x-a': '1' } } } },
    routes: [{ path: '/a', to: 'a', headers: { 'X-Version': '2' } }],
  })
  assert.deepEqual(route!.headers, { 'x-version': '2' })
  assert.deepEqual(
    route!.policies.map(({ kind, source }) => `${kind} ${source}`),
    ['headers gateway.policies.headers'],
  )
})

test('a header that says who calls is dropped on every route, also where nobody asks who calls', () => {
  const gateway = {
    issuers: { shop: { issuer: 'https://id.example' } },
    routes: [
      { path: '/a', to: 'a', auth: { jwt: { audience: 'a' }, forward: { 'X-User': 'sub' } } },
      { path: '/b', to: 'a' },
    ],
  }
  const [open] = policiesOf(gateway, 1)
  assert.ok(open?.kind === 'headers')
  assert.deepEqual(open.spec.request.remove, ['x-user'])
  assert.deepEqual(
    policiesOf(gateway).map(({ kind }) => kind),
    ['auth'],
  )
})

test('policies are named in the order in which they run, that of the guide', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/policies.md'), 'utf8')
  const rows = [...guide.matchAll(/^\|\s+\d+\s+\|\s+`(\w+)`\s+\|/gm)].map((match) => match[1])
  assert.deepEqual(rows, POLICY_KINDS)
})
