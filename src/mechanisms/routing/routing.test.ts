import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RequestFields } from './conditions.ts'
import { queryValue } from './conditions.ts'
import { RoutePatternError } from './pattern.ts'
import { matchSlowly } from './routing.oracle.ts'
import type { RouteInput } from './routing.ts'
import {
  allowedMethods,
  compileRoutes,
  matchRoute,
  ROUTE_METHOD_NOT_ALLOWED,
  ROUTE_NOT_FOUND,
} from './routing.ts'

function route(path: string, rest: Partial<RouteInput> = {}): RouteInput {
  return { hosts: [], path, methods: [], headers: {}, query: {}, ...rest }
}

function fieldsOf(headers: Readonly<Record<string, string>> = {}, query = ''): RequestFields {
  return { header: (name) => headers[name], query }
}

/** Matches by host and path only. */
function find(
  routes: readonly RouteInput[],
  path: string,
  host = 'shop.example.com',
  method = 'GET',
): number {
  return matchRoute(compileRoutes(routes), host, path, method, fieldsOf())
}

test('a literal beats a parameter, which beats **, from the left', () => {
  const routes = [route('/**'), route('/a/**'), route('/a/{id}'), route('/a/b'), route('/{x}/b/c')]
  assert.equal(find(routes, '/a/b'), 3)
  assert.equal(find(routes, '/a/z'), 2)
  assert.equal(find(routes, '/a'), 1)
  assert.equal(find(routes, '/a/b/c'), 1)
  assert.equal(find(routes, '/z/b/c'), 4)
  assert.equal(find(routes, '/'), 0)
})

test('a trailing slash does not matter, and a parameter is never empty', () => {
  const routes = [route('/orders/'), route('/users/{id}'), route('/files/**')]
  assert.equal(find(routes, '/orders'), 0)
  assert.equal(find(routes, '/orders/'), 0)
  assert.equal(find(routes, '/users/'), ROUTE_NOT_FOUND)
  assert.equal(find(routes, '/users/7/'), 1)
  assert.equal(find([route('/a/{id}/b')], '/a//b'), ROUTE_NOT_FOUND)
  assert.equal(find(routes, '/files/'), 2)
  assert.equal(find(routes, '/file'), ROUTE_NOT_FOUND)
})

test('an exact host beats a longer suffix, a shorter one and any', () => {
  const routes = [
    route('/**'),
    route('/**', { hosts: ['*.com'] }),
    route('/**', { hosts: ['*.example.com'] }),
    route('/only', { hosts: ['Shop.Example.com', 'shop.example.com'] }),
  ]
  assert.equal(find(routes, '/only'), 3)
  assert.equal(find(routes, '/other'), 2)
  assert.equal(find(routes, '/only', 'a.b.example.com'), 2)
  assert.equal(find(routes, '/', 'example.com'), 1)
  assert.equal(find(routes, '/', 'com'), 0)
  assert.equal(find(routes, '/', '.com'), 0)
})

test('more conditions win, then exact ones, then the order of the file', () => {
  const routes = [
    route('/a'),
    route('/a', { headers: { 'x-beta': '*' } }),
    route('/a', { headers: { 'x-beta': '1' } }),
    route('/a', { headers: { 'x-beta': '1' }, query: { v: '2' } }),
    route('/a', { headers: { 'x-beta': '1' }, query: { v: '2' } }),
  ]
  const table = compileRoutes(routes)
  const match = (headers: Record<string, string>, query = '') =>
    matchRoute(table, 'h', '/a', 'GET', fieldsOf(headers, query))
  assert.equal(match({}), 0)
  assert.equal(match({ 'x-beta': '0' }), 1)
  assert.equal(match({ 'x-beta': '1' }), 2)
  assert.equal(match({ 'x-beta': '1' }, 'a=1&v=2'), 3)
})

test('405 only when nothing else matches, with the methods that would', () => {
  const routes = [route('/a', { methods: ['GET'] }), route('/a', { methods: ['POST'] })]
  const table = compileRoutes(routes)
  assert.equal(find(routes, '/a', 'h', 'DELETE'), ROUTE_METHOD_NOT_ALLOWED)
  assert.deepEqual(allowedMethods(table, 'h', '/a', fieldsOf()), ['GET', 'HEAD', 'POST'])
  assert.equal(find(routes, '/b', 'h', 'DELETE'), ROUTE_NOT_FOUND)
  assert.equal(find([...routes, route('/**')], '/a', 'h', 'DELETE'), 2)
  assert.equal(find(routes, '/a', 'h', 'HEAD'), 0)
})

test('query values are decoded, and the first one counts', () => {
  assert.equal(queryValue('a=1&b=2&b=3', 'b'), '2')
  assert.equal(queryValue('a%62=x+y%21', 'ab'), 'x y!')
  assert.equal(queryValue('flag&x=', 'flag'), '')
  assert.equal(queryValue('flag&x=', 'x'), '')
  assert.equal(queryValue('&&=1', 'x'), undefined)
  assert.equal(queryValue('a=%zz', 'a'), '%zz')
})

test('bad patterns are refused with their text', () => {
  const paths = ['', 'a', '/a//b', '/**/a', '/a*', '/{id}.json', '/{}', '/../a', '/a%2fb', '/%']
  for (const path of paths) {
    assert.throws(
      () => compileRoutes([route(path)]),
      (error) =>
        error instanceof RoutePatternError &&
        error.code === 'ERR_ROUTING_PATH' &&
        error.message.includes(path),
      path,
    )
  }
  for (const host of ['', '*', 'a.*', 'a:80', '*.*.com', '-a', 'a b']) {
    assert.throws(
      () => compileRoutes([route('/', { hosts: [host] })]),
      { code: 'ERR_ROUTING_HOST' },
      host,
    )
  }
})

test('a literal in the file is compared in normal form', () => {
  assert.equal(find([route('/caf\u00e9/%61')], '/caf%C3%A9/a'), 0)
})

const segment = fc.constantFrom('a', 'b', 'ab', 'c')
const patternArbitrary = fc
  .tuple(
    fc.array(fc.oneof(segment, segment, fc.constantFrom('*', '{id}')), { maxLength: 4 }),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([segments, hasRest, hasSlash]) => {
    const path = `/${[...segments, ...(hasRest ? ['**'] : [])].join('/')}`
    return hasSlash && path !== '/' ? `${path}/` : path
  })
const host = fc.constantFrom('com', 'example.com', 'a.example.com', 'b.a.example.com', 'x.org')
const hostPattern = fc.oneof(host, fc.constantFrom('*.com', '*.example.com', '*.a.example.com'))
const condition = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2', '*'), {
  maxKeys: 2,
})
const methodName = fc.constantFrom('GET', 'HEAD', 'POST')
const routeArbitrary = fc.record({
  hosts: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.array(hostPattern, { maxLength: 2 }),
  ),
  path: patternArbitrary,
  methods: fc.uniqueArray(methodName, { maxLength: 2 }),
  headers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, condition),
  query: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, condition),
})
const fieldText = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2', '3'))
const requestArbitrary = fc.record({
  host,
  path: fc
    .tuple(fc.array(segment, { maxLength: 5 }), fc.constantFrom('', '/'))
    .map(([segments, end]) => (segments.length === 0 ? '/' : `/${segments.join('/')}${end}`)),
  method: methodName,
  headers: fieldText,
  query: fieldText,
})

test('agrees with the obvious matcher', () => {
  let found = 0
  fc.assert(
    fc.property(
      fc.array(routeArbitrary, { maxLength: 12 }),
      fc.array(requestArbitrary, { minLength: 4, maxLength: 8 }),
      (routes, requests) => {
        const table = compileRoutes(routes)
        for (const request of requests) {
          const fields = fieldsOf(request.headers, new URLSearchParams(request.query).toString())
          const { host: hostname, path, method } = request
          const slow = matchSlowly(routes, hostname, path, method, fields)
          assert.equal(matchRoute(table, hostname, path, method, fields), slow)
          if (slow >= 0) found++
        }
      },
    ),
    { numRuns: 3000 },
  )
  assert.ok(found > 1000, `only ${found} requests found a route: the property would be hollow`)
})
