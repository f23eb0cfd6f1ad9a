import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, hashed, json, text, watched } from './answers.ts'
import { ConsulError } from './errors.ts'
import { outOfScopeRoutes } from './out-of-scope.ts'
import type { Authorizer } from './permissions.ts'
import type { Route } from './router.ts'
import { statusRoutes } from './status.ts'
import { createTestTopic, serveConsul, until } from './testing/serve.ts'

const echo: Route = {
  methods: ['GET', 'PUT'],
  path: '/v1/kv/',
  run: (call) =>
    json({
      rest: call.rest,
      token: call.secret,
      flags: [...call.query.keys()],
      body: call.body.toString(),
    }),
}

test('a path is routed after decoding', async (t) => {
  const { call } = await serveConsul(t, [echo])
  for (const [path, rest] of [
    ['/v1/kv/a/b', 'a/b'],
    ['/v1/kv/a%2Fb', 'a/b'],
    ['/v1/kv/a%2F?keys=true', 'a/'],
    ['/v1/kv/', ''],
    ['/v1/kv/%E2%82%AC%20+', '€ +'],
    ['/v1%2Fkv/x', 'x'],
  ] as const) {
    assert.equal((await call(path)).json<{ rest: string }>().rest, rest, path)
  }
  assert.equal((await call('/v1/kv/%FF')).status, 400)
})

test('a token comes by query, field or Bearer, in this order', async (t) => {
  const { call } = await serveConsul(t, [echo])
  const tokenOf = async (path: string, headers: Record<string, string> = {}) =>
    (await call(path, { headers })).json<{ token: string }>().token
  assert.equal(await tokenOf('/v1/kv/a'), '')
  assert.equal(await tokenOf('/v1/kv/a', { authorization: 'Bearer three' }), 'three')
  const both = { authorization: 'Bearer three', 'x-consul-token': 'two' }
  assert.equal(await tokenOf('/v1/kv/a', both), 'two')
  assert.equal(await tokenOf('/v1/kv/a?token=one', both), 'one')
})

test('status, unknown paths, wrong methods and what is not offered', async (t) => {
  const { call } = await serveConsul(t, [echo, ...statusRoutes, ...outOfScopeRoutes])
  assert.equal((await call('/v1/status/leader')).text, '"127.0.0.1:8300"')
  assert.equal((await call('/v1/status/peers')).text, '["127.0.0.1:8300"]')
  assert.equal((await call('/v1/status/peers?pretty')).text, '[\n    "127.0.0.1:8300"\n]\n')
  assert.equal((await call('/')).text, 'Consul Agent')
  assert.match((await call('/v1/nothing')).text, /^Invalid URL path/)
  const wrong = await call('/v1/kv/a', { method: 'POST' })
  assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET,PUT'])
  assert.equal(wrong.text, 'method POST not allowed')
  const query = await call('/v1/query', { method: 'POST', body: {} })
  assert.equal(query.status, 501)
  assert.match(query.text, /^Prepared queries: not offered by Backplane; /)
})

test('another datacenter, namespaces and contradictions are refused', async (t) => {
  const { call } = await serveConsul(t, [echo])
  const of = async (query: string) => {
    const { status, text: body } = await call(`/v1/kv/a?${query}`)
    return [status, body]
  }
  assert.equal((await of('dc=dc1'))[0], 200)
  assert.deepEqual(await of('dc=dc2'), [500, 'No path to datacenter'])
  assert.equal((await of('ns=default'))[0], 200)
  assert.equal((await of('ns=team'))[0], 400)
  assert.equal((await of('stale&consistent'))[0], 400)
})

test('errors are plain text, defects are told in the log only', async (t) => {
  const { call, errors } = await serveConsul(t, [
    {
      methods: ['GET'],
      path: '/known',
      run() {
        throw new ConsulError(404, 'Unknown service ID "x"')
      },
    },
    { methods: ['GET'], path: '/later', run: () => Promise.reject(new ConsulError(403, 'no')) },
    {
      methods: ['GET'],
      path: '/defect',
      run() {
        throw new Error('secret detail')
      },
    },
  ])
  const known = await call('/known')
  assert.deepEqual([known.status, known.text], [404, 'Unknown service ID "x"'])
  assert.equal(known.headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal((await call('/later')).status, 403)
  const defect = await call('/defect')
  assert.equal(defect.status, 500)
  assert.doesNotMatch(defect.text, /secret/)
  assert.equal(errors.length, 1)
})

test('a body beyond the limit has the text of Consul', async (t) => {
  const { call } = await serveConsul(t, [{ ...echo, bodyBytesMax: 10 }])
  const large = await call('/v1/kv/a', { method: 'PUT', body: 'x'.repeat(11) })
  assert.equal(large.status, 413)
  assert.match(large.text, /^Request body\(11 bytes\) too large, max size: 10 bytes\. See/)
})

test('a blocking query waits for its topic and for nothing longer', async (t) => {
  const topic = createTestTopic()
  const { call, waits } = await serveConsul(t, [
    { methods: ['GET'], path: '/v1/x', run: () => watched(topic, () => json(topic.index())) },
  ])
  const first = await call('/v1/x?index=0&wait=30s')
  assert.deepEqual([first.text, first.headers['x-consul-index']], ['1', '1'])
  assert.equal(first.headers['x-consul-knownleader'], 'true')
  assert.equal(first.headers['x-consul-lastcontact'], '0')
  assert.equal((await call('/v1/x?index=5000')).text, '1', 'an index of another history')

  const waiting = call('/v1/x?index=1&wait=60s')
  await until(() => waits.count === 1, 'the wait')
  topic.change()
  const woken = await waiting
  assert.deepEqual([woken.text, woken.headers['x-consul-index']], ['2', '2'])
  assert.equal((await call('/v1/x?index=2&wait=20ms')).text, '2', 'the time is over')
  assert.equal(topic.watchers, 0)

  const leaving = new AbortController()
  const left = call('/v1/x?index=2', { signal: leaving.signal })
  await until(() => waits.count === 1, 'the wait')
  leaving.abort()
  await assert.rejects(left)
  await until(() => waits.count === 0, 'the end of the wait')
  assert.equal(topic.watchers, 0)

  assert.deepEqual(
    await Promise.all(
      ['index=-1', 'index=x', 'index=18446744073709551616', 'wait=1x'].map(
        async (query) => (await call(`/v1/x?${query}`)).text,
      ),
    ),
    ['Invalid index', 'Invalid index', 'Invalid index', 'Invalid wait time'],
  )
})

test('a query by hash waits until the body differs', async (t) => {
  const topic = createTestTopic()
  let value = 'one'
  const { call, waits } = await serveConsul(t, [
    { methods: ['GET'], path: '/v1/agent', run: () => hashed(topic, () => json({ value })) },
  ])
  const first = await call('/v1/agent')
  const hash = String(first.headers['x-consul-contenthash'])
  assert.match(hash, /^[0-9a-f]{16}$/)
  assert.equal(first.headers['x-consul-index'], undefined)
  const waiting = call(`/v1/agent?hash=${hash}&wait=60s`)
  await until(() => waits.count === 1, 'the wait')
  topic.change()
  assert.equal(waits.count, 1, 'nothing differs yet')
  value = 'two'
  topic.change()
  assert.equal((await waiting).text, '{"value":"two"}')
})

test('who waits is answered when it stops, and a token that was taken away is refused', async (t) => {
  const topic = createTestTopic()
  let isRevoked = false
  const authorizer: Authorizer = {
    defaultPolicy: 'deny',
    permissionsOf: () => ({
      accessor: 'a',
      allows: () => !isRevoked,
      allowsPrefixWrite: () => !isRevoked,
    }),
  }
  const routes: Route[] = [
    {
      methods: ['GET'],
      path: '/v1/x',
      run: (call) =>
        watched(topic, () => {
          call.demand('key', 'x', 'read')
          return text('seen')
        }),
    },
  ]
  const { call, waits } = await serveConsul(t, routes, { authorizer })
  const first = call('/v1/x?index=1')
  await until(() => waits.count === 1, 'the wait')
  isRevoked = true
  topic.change()
  const refused = await first
  assert.equal(refused.status, 403)
  assert.equal(
    refused.text,
    `Permission denied: token with AccessorID 'a' lacks permission 'key:read' on "x"`,
  )
  assert.equal(refused.headers['x-consul-default-acl-policy'], 'deny')
  isRevoked = false
  const second = call('/v1/x?index=2')
  await until(() => waits.count === 1, 'the wait')
  waits.close()
  assert.equal((await second).text, 'seen')
})

test('bytes go as they are', async (t) => {
  const raw: Route = {
    methods: ['GET'],
    path: '/raw',
    run: () => bytes('text/plain', Buffer.from([0, 255]), [['x-more', 'yes']]),
  }
  const { call } = await serveConsul(t, [raw])
  assert.equal((await call('/raw')).headers['x-more'], 'yes')
})
