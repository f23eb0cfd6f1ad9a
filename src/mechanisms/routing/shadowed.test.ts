import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileRoutes, matchRoute, type RouteInput } from './routing.ts'
import { findShadowedRoutes } from './shadowed.ts'

const route = (path: string, more: Partial<RouteInput> = {}): RouteInput => ({
  hosts: [],
  methods: [],
  headers: {},
  query: {},
  ...more,
  path,
})
const shadowed = (...routes: readonly RouteInput[]) =>
  findShadowedRoutes(routes).map(({ route: one, by }) => `${one} by ${by.join()}`)

test('the same twice, parameters by another name, and methods that are all taken', () => {
  assert.deepEqual(shadowed(route('/a'), route('/a/')), ['1 by 0'])
  assert.deepEqual(shadowed(route('/a/{id}'), route('/a/{name}')), ['1 by 0'])
  const get = route('/a', { methods: ['GET'] })
  const post = route('/a', { methods: ['POST'] })
  assert.deepEqual(shadowed(get, post, route('/a', { methods: ['HEAD', 'POST'] })), ['2 by 0,1'])
  assert.deepEqual(shadowed(get, route('/a')), [])
  // One without methods comes later, whatever the file says.
  assert.deepEqual(shadowed(route('/a'), get), [])
})

test('hosts and conditions: one that is reached by one host is reached', () => {
  const both = route('/a', { hosts: ['x.example', 'Y.example'] })
  assert.deepEqual(shadowed(route('/a', { hosts: ['X.example'] }), both), [])
  assert.deepEqual(shadowed(both, route('/a', { hosts: ['y.example', 'x.example'] })), ['1 by 0'])
  const any = route('/a', { headers: { 'X-A': '*' } })
  assert.deepEqual(shadowed(any, route('/a', { headers: { 'x-a': '*' } })), ['1 by 0'])
  assert.deepEqual(shadowed(any, route('/a', { headers: { 'x-a': '1' } })), [])
  assert.deepEqual(shadowed(any, route('/a', { headers: { 'x-b': '*' } })), [])
})

const inputs = fc.array(
  fc.record({
    hosts: fc.subarray(['a.example', '*.example']),
    path: fc.constantFrom('/a', '/{x}', '/{y}', '/**', '/a/**'),
    methods: fc.subarray(['GET', 'HEAD', 'POST']),
    headers: fc.constantFrom({}, { h: '*' }, { h: '1' }),
    query: fc.constantFrom({}, { q: '*' }),
  }),
  { maxLength: 6 },
)

test('what is called unreachable is reached by no request', () => {
  fc.assert(
    fc.property(inputs, (routes) => {
      const table = compileRoutes(routes)
      const gone = new Set(findShadowedRoutes(routes).map((one) => one.route))
      for (const host of ['a.example', 'b.example', 'other'])
        for (const path of ['/a', '/b', '/a/b', '/'])
          for (const method of ['GET', 'HEAD', 'POST', 'PUT'])
            for (const header of [undefined, '1', '2'])
              for (const query of ['', 'q=1']) {
                const found = matchRoute(table, host, path, method, { header: () => header, query })
                assert.ok(!gone.has(found), `${found} is reached`)
              }
    }),
    { numRuns: 300 },
  )
})
