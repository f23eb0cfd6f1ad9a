import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSettings, settingsSchema } from '../../settings.ts'
import type { SettingPath } from '../../platform/config/problems.ts'
import { specifyGateway } from './specify.ts'

/** What the data plane is told of one route. The source of a setting is its path. */
function specify(route: Record<string, unknown>) {
  const settings = settingsSchema.parse({
    services: { a: { run: 'node a.js' } },
    gateway: { routes: [{ path: '/x/{id}', ...route }] },
  })
  const sourceOf = (path: SettingPath | string): string => [path].flat().join('.')
  assert.deepEqual(checkSettings(settings, sourceOf, {}), [])
  const [spec] = specifyGateway(settings, sourceOf, []).routes
  // It travels as JSON.
  assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec)
  return spec!
}

test('a route without policies has none', () => {
  assert.deepEqual(specify({ to: 'a', headers: { 'X-Version': '2' } }).policies, [])
})

test('limit: one or several, each with its name, buckets and line', () => {
  const [limit] = specify({ to: 'a', limit: { rate: '1000000/s', by: 'address' } }).policies
  assert.deepEqual(limit, {
    kind: 'limit',
    source: 'gateway.routes.0.limit',
    spec: {
      name: 'address',
      scope: '/x/{id}\naddress',
      perSecond: 1_000_000,
      rate: '1000000/s',
      burst: 1_000_000,
      by: 'address',
    },
  })
  const limits = [
    { rate: '10/m', by: { header: 'X-Api-Key' } },
    { rate: '100/h', burst: 20, by: { header: 'x-api-key' } },
    { rate: '5/s', by: 'route' },
  ]
  const several = specify({ to: 'a', limit: limits }).policies
  assert.deepEqual(
    several.map(({ source, spec }) => ({ source, ...(spec as { name: string; burst: number }) })),
    [
      { name: 'header-x-api-key', burst: 1, rate: '10/m', perSecond: 10 / 60 },
      { name: 'header-x-api-key-2', burst: 20, rate: '100/h', perSecond: 100 / 3600 },
      { name: 'route', burst: 5, rate: '5/s', perSecond: 5 },
    ].map((limit, at) => ({
      ...limit,
      source: `gateway.routes.0.limit.${at}`,
      scope: `/x/{id}\n${limit.name}`,
      by: limit.name === 'route' ? 'route' : { header: 'x-api-key' },
    })),
  )
})

test('headers: texts are conditions of the route, request and response are what is changed', () => {
  const route = specify({
    to: 'a',
    headers: {
      'X-Version': '2',
      request: { set: { 'X-Team': 'a' }, remove: ['Cookie'] },
      response: { add: { 'Cache-Control': 'no-store' } },
    },
  })
  assert.deepEqual(route.headers, { 'x-version': '2' })
  assert.deepEqual(route.policies[0]!.spec, {
    request: { set: [['x-team', 'a']], add: [], remove: ['cookie'] },
    response: { set: [], add: [['cache-control', 'no-store']], remove: [] },
  })
})

test('headers: a header that is named request or response can still be a condition', () => {
  const route = specify({ to: 'a', headers: { request: 'x', Response: '*' } })
  assert.deepEqual(route.headers, { request: 'x', response: '*' })
  assert.deepEqual(route.policies, [])
})

test('redirect and respond stand in place of a service', () => {
  const redirect = specify({ redirect: { to: '/y/{id}' } })
  assert.deepEqual(redirect.to, [])
  assert.deepEqual(redirect.policies[0]!.spec, { to: '/y/{id}', path: '/x/{id}', status: 307 })
  const respond = specify({
    respond: { status: 503, body: 'down', headers: { 'Retry-After': '9' } },
  })
  assert.deepEqual(respond.to, [])
  assert.deepEqual(respond.policies[0]!.spec, {
    status: 503,
    body: 'down',
    contentType: 'text/plain; charset=utf-8',
    headers: [['retry-after', '9']],
  })
  assert.equal(
    (specify({ respond: {} }).policies[0]!.spec as { contentType: string }).contentType,
    '',
  )
})

test("cors: the route takes preflights; what may be asked for are the route's methods", () => {
  const cors = { origins: ['https://a.example'] }
  const get = specify({ to: 'a', methods: ['GET', 'PUT'], cors })
  assert.deepEqual(get.methods, ['GET', 'PUT', 'OPTIONS'])
  assert.deepEqual(get.policies[0]!.spec, {
    origins: ['https://a.example'],
    methods: ['GET', 'PUT'],
    exposes: [],
    credentials: false,
    maxAgeSeconds: 600,
    passesOptions: false,
  })
  const any = specify({ to: 'a', cors })
  assert.deepEqual(any.methods, [])
  assert.equal((any.policies[0]!.spec as { passesOptions: boolean }).passesOptions, true)
  const own = specify({ to: 'a', methods: ['OPTIONS', 'GET'], cors: { ...cors, methods: ['GET'] } })
  assert.deepEqual(own.methods, ['OPTIONS', 'GET'])
  assert.equal((own.policies[0]!.spec as { passesOptions: boolean }).passesOptions, true)
})
