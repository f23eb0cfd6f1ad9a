import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { HandClock, startForTest } from '../kv/testing/start.ts'
import { kvRoutes } from './kv.ts'
import { sessionRoutes } from './session.ts'
import { serveConsul, until } from './testing/serve.ts'
import { startWorld } from './testing/world.ts'
import { txnRoutes } from './txn.ts'

async function serveKv(t: TestContext, clock?: HandClock) {
  const { kv, storage } = await startForTest(t, clock === undefined ? {} : { clock })
  const { world } = await startWorld(t, storage)
  const routes = [...kvRoutes(kv), ...sessionRoutes(kv, 'n1'), ...txnRoutes(kv, world)]
  return { kv, ...(await serveConsul(t, routes)) }
}

test('a key as clients see it', async (t) => {
  const { call } = await serveKv(t)
  assert.equal(
    (await call('/v1/kv/a%2Fb?flags=18446744073709551615', { method: 'PUT', body: 'v' })).text,
    'true',
  )
  const found = await call('/v1/kv/a/b')
  assert.equal(
    found.text,
    '[{"LockIndex":0,"Key":"a/b","Flags":18446744073709551615,"Value":"dg==","CreateIndex":2,"ModifyIndex":2}]',
  )
  assert.equal(found.headers['x-consul-index'], '2')
  const raw = await call('/v1/kv/a/b?raw')
  assert.deepEqual([raw.text, raw.headers['content-type']], ['v', 'text/plain'])
  assert.equal(raw.headers['content-security-policy'], 'sandbox')
  const missing = await call('/v1/kv/none')
  assert.deepEqual(
    [missing.status, missing.text, missing.headers['x-consul-index']],
    [404, '', '1'],
  )
  await call('/v1/kv/empty', { method: 'PUT' })
  assert.equal((await call('/v1/kv/empty')).json<[{ Value: null }]>()[0].Value, null)
})

test('lists, keys and separators', async (t) => {
  const { call } = await serveKv(t)
  for (const key of ['a/1', 'a/2/x', 'a/2/y', 'b'])
    await call(`/v1/kv/${key}`, { method: 'PUT', body: '1' })
  const keys = async (query: string) => (await call(`/v1/kv/${query}`)).text
  assert.equal(await keys('a/?keys'), '["a/1","a/2/x","a/2/y"]')
  assert.equal(await keys('a%2F?keys=true&separator=%2F'), '["a/1","a/2/"]')
  assert.equal(await keys('?keys&seperator=/'), '["a/","b"]')
  assert.equal((await call('/v1/kv/none?keys')).status, 404)
  const all = (await call('/v1/kv/a/2?recurse=1')).json<{ Key: string }[]>()
  assert.deepEqual(
    all.map(({ Key }) => Key),
    ['a/2/x', 'a/2/y'],
  )
  assert.equal((await call('/v1/kv/none?recurse')).status, 404)
  assert.equal((await call('/v1/kv/a/?recurse', { method: 'DELETE' })).text, 'true')
  assert.equal(await keys('?keys'), '["b"]')
  assert.equal((await call('/v1/kv/?recurse', { method: 'DELETE' })).text, 'true')
  assert.equal(await keys('?keys'), '[]')
})

test('compare-and-set by the modify index, and what is malformed', async (t) => {
  const { call } = await serveKv(t)
  const put = async (query: string, method = 'PUT') => {
    const { status, text } = await call(`/v1/kv/k${query}`, { method, body: 'x' })
    return `${status} ${text}`
  }
  assert.equal(await put('?cas=0'), '200 true')
  assert.equal(await put('?cas=0'), '200 false')
  assert.equal(await put('?cas=2'), '200 true', 'the same value again')
  assert.equal(await put('?cas=9', 'DELETE'), '200 false')
  assert.match(await put('?cas=x'), /^400 Invalid cas/)
  assert.match(await put('?flags=-1'), /^400 Invalid flags/)
  assert.equal(await put('?cas=1&acquire=s'), '400 Conflicting flags: cas=1&acquire=s\n')
  assert.match(await put('?cas=1&recurse', 'DELETE'), /^400 Conflicting flags/)
  assert.equal(await put('?acquire=nobody'), '500 invalid session "nobody"')
  assert.equal((await call('/v1/kv/', { method: 'PUT' })).text, 'Missing key name')
  assert.equal((await call('/v1/kv/')).text, 'Missing key name')
  assert.equal((await call('/v1/kv/a%00b', { method: 'PUT' })).status, 400)
  const large = await call('/v1/kv/k', { method: 'PUT', body: 'x'.repeat(512 * 1024 + 1) })
  assert.equal(large.status, 413)
  assert.match(large.text, /^Request body\(524289 bytes\) too large, max size: 524288 bytes/)
  assert.equal(await put('?cas=2', 'DELETE'), '200 true')
})

test('a write wakes who waits for its key or prefix, and nobody else', async (t) => {
  const { call, waits } = await serveKv(t)
  await call('/v1/kv/a/1', { method: 'PUT', body: '1' })
  await call('/v1/kv/b/1', { method: 'PUT', body: '1' })
  const index = String((await call('/v1/kv/a/?recurse')).headers['x-consul-index'])
  const below = call(`/v1/kv/a/?recurse&index=${index}&wait=60s`)
  const missing = call('/v1/kv/a/2?index=1&wait=60s')
  const other = call('/v1/kv/b/?recurse&index=3&wait=60s')
  await until(() => waits.count === 3, 'three waits')
  await call('/v1/kv/a/2', { method: 'PUT', body: '2' })
  assert.equal((await below).json<unknown[]>().length, 2)
  assert.equal((await missing).status, 200)
  assert.equal(waits.count, 1)
  const newest = Number((await call('/v1/kv/a/?recurse')).headers['x-consul-index'])
  await call('/v1/kv/a/2', { method: 'DELETE' })
  const deleted = await call('/v1/kv/a/?recurse')
  assert.ok(Number(deleted.headers['x-consul-index']) > newest, 'no step back after a delete')
  await call('/v1/kv/b/1', { method: 'DELETE' })
  assert.equal((await other).status, 404)
})

test('sessions: create, list, renew, lock, destroy', async (t) => {
  const { call } = await serveKv(t)
  const create = async (body: object) => {
    const answered = await call('/v1/session/create', { method: 'PUT', body })
    return answered.json<{ ID: string }>().ID
  }
  const id = await create({ lockdelay: '0s', behavior: 'delete', ttl: '15s', name: 'x' })
  const info = (await call(`/v1/session/info/${id}`)).text
  assert.equal(
    info,
    `[{"ID":"${id}","Name":"x","Node":"n1","LockDelay":0,"Behavior":"delete","TTL":"15s","NodeChecks":["serfHealth"],"ServiceChecks":null,"CreateIndex":2,"ModifyIndex":2}]`,
  )
  assert.equal((await call(`/v1/session/node/N1`)).text, info)
  assert.equal((await call('/v1/session/list')).text, info)
  assert.equal((await call('/v1/session/node/n2')).text, '[]')
  assert.equal((await call('/v1/session/info/none')).text, '[]')
  assert.equal((await call(`/v1/session/renew/${id}`, { method: 'PUT' })).text, info)
  const unknown = await call('/v1/session/renew/none', { method: 'PUT' })
  assert.deepEqual([unknown.status, unknown.text], [404, "Session id 'none' not found"])

  const put = async (query: string) =>
    (await call(`/v1/kv/lock?${query}`, { method: 'PUT', body: 'me' })).text
  const second = await create({})
  assert.deepEqual(
    [await put(`acquire=${id}`), await put(`acquire=${second}`), await put(`release=${second}`)],
    ['true', 'false', 'false'],
  )
  const [held] = (await call('/v1/kv/lock')).json<[{ Session: string; LockIndex: number }]>()
  assert.deepEqual([held.Session, held.LockIndex], [id, 1])
  assert.equal((await call(`/v1/session/destroy/${id}`, { method: 'PUT' })).text, 'true')
  assert.equal((await call('/v1/kv/lock')).status, 404)
  assert.equal((await call(`/v1/session/destroy/${id}`, { method: 'PUT' })).text, 'true')
})

test('what sessions ask for is checked', async (t) => {
  const { call } = await serveKv(t)
  const create = async (body: string | object) => {
    const { status, text } = await call('/v1/session/create', { method: 'PUT', body })
    return `${status} ${text}`
  }
  assert.match(await create({ TTL: '9s' }), /^500 Invalid Session TTL '9s', must be between/)
  assert.match(await create({ TTL: '25h' }), /^500 Invalid Session TTL/)
  assert.match(await create({ TTL: 'soon' }), /^400 Request decode failed: time: invalid duration/)
  assert.equal(await create({ Behavior: 'keep' }), '500 Invalid session behavior: keep')
  assert.equal(await create({ Node: 'n2' }), '500 Missing node registration')
  assert.equal(await create({ Checks: ['web'] }), "500 Missing check 'web' registration")
  assert.match(await create('{'), /^400 Request decode failed/)
  assert.match(await create([]), /^400 Request decode failed/)
  const delays = [{ LockDelay: 5 }, { LockDelay: 5e9 }, { LockDelay: '5s' }, { Checks: [] }]
  for (const body of delays) assert.match(await create(body), /^200/)
  const listed = (await call('/v1/session/list')).json<{ LockDelay: number }[]>()
  assert.deepEqual(
    listed.map(({ LockDelay }) => LockDelay),
    [5e9, 5e9, 5e9, 15e9],
  )
})

test('transactions', async (t) => {
  const { call } = await serveKv(t)
  const txn = (body: unknown) => call('/v1/txn', { method: 'PUT', body: JSON.stringify(body) })
  const done = await txn([
    { KV: { Verb: 'set', Key: 'a', Value: 'MQ==', Flags: 42 } },
    { kv: { verb: 'get', key: 'a' } },
  ])
  assert.equal(
    done.text,
    '{"Results":[{"KV":{"LockIndex":0,"Key":"a","Flags":42,"Value":null,"CreateIndex":2,"ModifyIndex":2}},{"KV":{"LockIndex":0,"Key":"a","Flags":42,"Value":"MQ==","CreateIndex":2,"ModifyIndex":2}}],"Errors":null}',
  )
  const failed = await txn([
    { KV: { Verb: 'delete', Key: 'a' } },
    { KV: { Verb: 'cas', Key: 'a', Index: 7, Value: '' } },
  ])
  assert.equal(failed.status, 409)
  assert.equal(
    failed.text,
    '{"Results":null,"Errors":[{"OpIndex":1,"What":"failed to set key \\"a\\", index is stale"}]}',
  )
  assert.equal((await call('/v1/kv/a?raw')).text, '1')
  const flags = '[{"KV":{"Verb":"set","Key":"b","Value":"","Flags":3304740253564472344}}]'
  await call('/v1/txn', { method: 'PUT', body: flags })
  assert.match((await call('/v1/kv/b')).text, /"Flags":3304740253564472344/)
  const many = Array.from({ length: 65 }, () => ({ KV: { Verb: 'get', Key: 'a' } }))
  assert.equal((await txn(many)).text, 'Transaction contains too many operations (65 > 64)')
  for (const bad of [
    {},
    [1],
    [{}],
    [{ KV: { Verb: 'no', Key: 'a' } }],
    [{ KV: { Verb: 'set', Key: 'a', Value: '%' } }],
  ]) {
    assert.equal((await txn(bad)).status, 400, JSON.stringify(bad))
  }
})

test('a session list can be waited for', async (t) => {
  const { call, waits } = await serveKv(t)
  const first = await call('/v1/session/list')
  const waiting = call(`/v1/session/list?index=${String(first.headers['x-consul-index'])}&wait=60s`)
  await until(() => waits.count === 1, 'the wait')
  await call('/v1/session/create', { method: 'PUT' })
  assert.equal((await waiting).json<unknown[]>().length, 1)
})

test('who waits on a store that has nothing yet is woken by its first write', async (t) => {
  const { call, waits } = await serveKv(t)
  const first = await call('/v1/kv/a')
  assert.equal(first.headers['x-consul-index'], '1')
  const waiting = call('/v1/kv/a?index=1&wait=60s')
  const below = call('/v1/kv/?recurse&index=1&wait=60s')
  await until(() => waits.count === 2, 'the waits')
  await call('/v1/kv/a', { method: 'PUT', body: 'x' })
  assert.equal((await waiting).status, 200)
  assert.equal((await below).status, 200)
})
