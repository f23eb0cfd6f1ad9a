import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CorsSpec } from '../../contracts/policies.ts'
import { compileCors } from './cors.ts'
import { VERDICT } from './policy.ts'
import { FakeExchange, type FakeRequest } from './testing/fake-exchange.ts'

const APP = 'https://app.example.com'
const base: CorsSpec = {
  origins: [APP, 'https://*.shop.example'],
  methods: ['GET', 'PUT'],
  headers: ['content-type'],
  exposes: ['etag'],
  credentials: true,
  maxAgeSeconds: 600,
  passesOptions: false,
}

function ask(request: FakeRequest, change: Partial<CorsSpec> = {}) {
  const exchange = new FakeExchange(request)
  const verdict = compileCors({ ...base, ...change }).request!(exchange)
  return { exchange, verdict, field: (name: string) => exchange.responseField(name) }
}

function preflight(origin: string, more: Readonly<Record<string, string>> = {}): FakeRequest {
  return {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'PUT', ...more },
  }
}

test('a request of an allowed page: the answer may be read, and says that it depends on the origin', () => {
  for (const origin of [APP, 'https://a.shop.example', 'https://b.a.shop.example']) {
    const { verdict, field } = ask({ headers: { origin } })
    assert.equal(verdict, VERDICT.go)
    assert.deepEqual(field('access-control-allow-origin'), [origin])
    assert.deepEqual(field('access-control-allow-credentials'), ['true'])
    assert.deepEqual(field('access-control-expose-headers'), ['etag'])
    assert.deepEqual(field('vary'), ['origin'])
  }
})

test('any other page, and none: no permission, and still Vary, or a cache would mix them up', () => {
  for (const origin of [
    'https://evil.example',
    'https://app.example.com.evil.org',
    'https://evilapp.example.com',
    'http://app.example.com',
    'https://app.example.com:8443',
    'HTTPS://APP.EXAMPLE.COM',
    'null',
    '',
    `${APP}, ${APP}`,
    'https://shop.example',
    'constructor',
  ]) {
    const { verdict, exchange } = ask({ headers: { origin } })
    assert.equal(verdict, VERDICT.go)
    assert.equal(exchange.responseLines, 'vary: origin\r\n', origin)
  }
  assert.equal(ask({}).exchange.responseLines, 'vary: origin\r\n')
})

test('null is allowed only where it is named', () => {
  const { field } = ask({ headers: { origin: 'null' } }, { origins: ['null'] })
  assert.deepEqual(field('access-control-allow-origin'), ['null'])
})

test('* is said to everybody, without Vary', () => {
  const open = { origins: ['*'], credentials: false, exposes: [] }
  for (const headers of [{}, { origin: 'https://a.example' }, { origin: 'null' }]) {
    const { exchange } = ask({ headers }, open)
    assert.equal(exchange.responseLines, 'access-control-allow-origin: *\r\n')
  }
})

test('a preflight is answered here: 204 with all that the browser asks', () => {
  const { verdict, exchange, field } = ask(preflight(APP))
  assert.equal(verdict, VERDICT.answer)
  assert.deepEqual(exchange.answer!.plain, { status: 204, contentType: '', body: '' })
  assert.equal(exchange.answer!.code, '')
  assert.deepEqual(field('access-control-allow-origin'), [APP])
  assert.deepEqual(field('access-control-allow-methods'), ['GET, PUT'])
  assert.deepEqual(field('access-control-allow-headers'), ['content-type'])
  assert.deepEqual(field('access-control-max-age'), ['600'])
  assert.match(field('vary')[0]!, /^origin, /)
})

test('a preflight of another page is refused by name', () => {
  const { verdict, exchange, field } = ask(preflight(`https://evil.example/${'x'.repeat(9_000)}`))
  assert.equal(verdict, VERDICT.answer)
  assert.equal(exchange.answer!.code, 'ERR_GATEWAY_CORS_REFUSED')
  assert.match(exchange.answer!.detail, /https:\/\/evil\.example/)
  assert.ok(exchange.answer!.detail.length < 400)
  assert.deepEqual(field('access-control-allow-origin'), [])
})

test('without headers: those that the page asks for, if they are names', () => {
  const { headers: _, ...open } = base
  const asked = (text: string) => {
    const exchange = new FakeExchange(preflight(APP, { 'access-control-request-headers': text }))
    compileCors(open).request!(exchange)
    return exchange.responseField('access-control-allow-headers')
  }
  assert.deepEqual(asked('content-type,x-team'), ['content-type,x-team'])
  assert.deepEqual(asked('a; b'), [])
  assert.deepEqual(asked('x'.repeat(5_000)), [])
  assert.deepEqual(asked(''), [])
})

test('OPTIONS that is no preflight: the service answers where it takes it, else 405', () => {
  for (const headers of [{}, { origin: APP }, { 'access-control-request-method': 'PUT' }]) {
    const refused = ask({ method: 'OPTIONS', headers })
    assert.equal(refused.exchange.answer!.code, 'ERR_GATEWAY_METHOD_NOT_ALLOWED')
    assert.deepEqual(refused.field('allow'), ['GET, PUT'])
    assert.equal(ask({ method: 'OPTIONS', headers }, { passesOptions: true }).verdict, VERDICT.go)
  }
})

test("the service's own permissions never reach the page", () => {
  const { dropsResponseFields } = compileCors(base)
  assert.ok(dropsResponseFields!.includes('access-control-allow-origin'))
  assert.ok(dropsResponseFields!.every((name) => name.startsWith('access-control-')))
})
