import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { systemClock } from '../../../platform/clock.ts'
import { createListenerApp } from '../../../platform/http/listener.ts'
import { startStorage } from '../../../platform/storage/storage.ts'
import type { Discovery } from '../api.ts'
import { startOn } from '../testdata/ground.ts'
import { registerDiscoveryRoutes } from './admin.ts'

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}
type Ask = (
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  url: string,
  body?: unknown,
) => Promise<Answer>

async function open(
  t: TestContext,
  everywhere: () => Promise<void> = async () => {},
  config = {},
): Promise<{ readonly discovery: Discovery; readonly app: FastifyInstance; readonly ask: Ask }> {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const started = await startOn(systemClock, storage, config)
  const { discovery } = started
  t.after(() => started.stop())
  const app = createListenerApp({
    hosts: [],
    token: undefined,
    log: () => {},
  })
  t.after(() => app.close())
  registerDiscoveryRoutes(app, discovery, everywhere, { defaultTtlMs: 30_000 })
  const ask: Ask = async (method, url, body) => {
    const answer = await app.inject({
      method,
      url: `/api/v1/${url}`,
      ...(body === undefined
        ? {}
        : { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    return { status: answer.statusCode, body: answer.body === '' ? {} : answer.json() }
  }
  return { discovery, app, ask }
}

const a = 'services/orders/instances/a'
const here = { host: '127.0.0.1', port: 4_000 }

test('no name of a service or an instance is special', async (t) => {
  const { ask } = await open(t)
  for (const name of ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'then']) {
    const url = `services/${name}/instances/${name}`
    assert.equal((await ask('GET', `services/${name}/instances`)).status, 200)
    assert.equal((await ask('PUT', url, { ...here, meta: { [name]: 'x' } })).status, 201, name)
    assert.equal((await ask('PUT', url, { ...here, meta: { [name]: 'x' } })).status, 200)
    assert.equal((await ask('PUT', `${url}/status`, { status: 'maintenance' })).status, 200)
    const { body } = await ask('GET', `services/${name}/instances`)
    const [instance] = body['instances'] as { id: string; meta: object; override: string }[]
    assert.deepEqual([instance?.id, instance?.override], [name, 'maintenance'])
    assert.deepEqual(Object.entries(instance?.meta ?? {}), [[name, 'x']])
    assert.equal((await ask('PUT', `${url}/checks/${name}`, { status: 'passing' })).status, 404)
    assert.equal((await ask('POST', `${url}/renew`)).status, 200)
  }
  const { body } = await ask('GET', 'catalog')
  assert.equal((body['services'] as unknown[]).length, 5)
  for (const name of ['constructor', 'toString']) {
    assert.equal((await ask('DELETE', `services/${name}/instances/${name}`)).status, 204)
  }
  assert.equal((await ask('PUT', 'services/__proto__/instances/a', here)).status, 400)
})

test('a registration is answered when it is routable, and not before', async (t) => {
  const routed = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const { ask } = await open(t, () => {
    asked.resolve()
    return routed.promise
  })
  let isAnswered = false
  const answer = ask('PUT', a, { ...here, weight: 3, tags: ['v1'], meta: { zone: 'x' } })
  void answer.then(() => (isAnswered = true))
  await asked.promise
  assert.equal(isAnswered, false)
  routed.resolve()
  const { status, body } = await answer
  assert.equal(status, 201)
  assert.equal(body['health'], 'passing')
  assert.equal(body['leaseMs'], 30_000)
  assert.deepEqual(body['meta'], { zone: 'x' })
  assert.equal((await ask('PUT', a, { ...here, weight: 3 })).status, 200)
})

test('watchers are told before the data plane is asked', async (t) => {
  let told = 0
  const { discovery, ask } = await open(t, async () => assert.equal(told, 1))
  discovery.subscribe({ service: 'orders' }, () => told++)
  assert.equal((await ask('PUT', a, here)).status, 201)
})

test('an instance with checks is waited for as long as one says', async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const { ask } = await open(t)
  const checks = [{ kind: 'tcp', interval: '100ms' }]
  const { body } = await ask('PUT', `${a}?wait=10s`, { host: '127.0.0.1', port, checks })
  assert.equal(body['isRoutable'], true)
  const beats = [{ kind: 'ttl', id: 'beat', ttl: '10s' }]
  const other = await ask('PUT', 'services/orders/instances/b', { ...here, checks: beats })
  assert.equal(other.body['isRoutable'], false)
  const report = { status: 'passing', output: 'fine' }
  assert.equal((await ask('PUT', 'services/orders/instances/b/checks/beat', report)).status, 204)
  const list = await ask('GET', 'services/orders/instances')
  assert.deepEqual(
    (list.body['instances'] as { isRoutable: boolean }[]).map((one) => one.isRoutable),
    [true, true],
  )
})

test('renew, override, deregister; unknown ones are 404', async (t) => {
  const { ask } = await open(t)
  assert.equal((await ask('POST', `${a}/renew`)).body['code'], 'ERR_DISCOVERY_INSTANCE_UNKNOWN')
  await ask('PUT', a, here)
  assert.deepEqual(await ask('POST', `${a}/renew`), { status: 200, body: { leaseMs: 30_000 } })
  await ask('PUT', `${a}/status`, { status: 'maintenance' })
  const { body } = await ask('GET', 'services/orders/instances')
  assert.partialDeepStrictEqual(body['instances'], [
    { health: 'critical', override: 'maintenance' },
  ])
  await ask('PUT', `${a}/status`, { status: 'clear' })
  assert.equal((await ask('DELETE', a)).status, 204)
  assert.equal((await ask('DELETE', a)).status, 404)
})

test('what is refused says why', async (t) => {
  const { ask, discovery } = await open(t, async () => {}, { instances: 1 })
  const refused = async (
    url: string,
    body: unknown,
    status: number,
    code: string,
    detail: RegExp,
  ) => {
    const answer = await ask('PUT', url, body)
    assert.deepEqual([answer.status, answer.body['code']], [status, code])
    assert.match(String(answer.body['detail']), detail)
  }
  await refused(a, { ...here, port: '80' }, 400, 'ERR_DISCOVERY_INVALID', /port: .*expected number/)
  await refused(a, { ...here, ttl: '1ms' }, 400, 'ERR_DISCOVERY_INVALID', /ttl: .*from 1s to 24h/)
  await refused(a, { ...here, more: 1 }, 400, 'ERR_DISCOVERY_INVALID', /more/)
  await refused(a, { ...here, tags: Array(65).fill('x') }, 400, 'ERR_DISCOVERY_INVALID', /tagsMax/)
  await refused(`${a}?wait=soon`, here, 400, 'ERR_DISCOVERY_INVALID', /wait/)
  await refused(
    a,
    { ...here, checks: [{ kind: 'exec', argv: ['x'] }] },
    403,
    'ERR_DISCOVERY_EXEC_REFUSED',
    /from the file only/,
  )
  discovery.putInstance({ service: 'orders', id: 'orders-1', ...here }, { origin: 'run' })
  await refused(
    'services/orders/instances/orders-1',
    { ...here, port: 4_001 },
    409,
    'ERR_DISCOVERY_INSTANCE_TAKEN',
    /supervised process/,
  )
  await refused(a, { ...here, port: 4_001 }, 507, 'ERR_DISCOVERY_FULL', /discovery.instances/)
  assert.equal((await ask('GET', 'catalog?index=-1')).status, 400)
})

test('what Backplane runs and what registers itself at the same place is one instance', async (t) => {
  const { ask, discovery } = await open(t)
  discovery.putInstance(
    { service: 'orders', id: 'orders-1', ...here },
    { origin: 'run', checks: [] },
  )
  const checks = [{ kind: 'ttl', id: 'beat', ttl: '10s' }]
  const made = await ask('PUT', a, { ...here, ttl: '20s', tags: ['v2'], checks })
  assert.deepEqual([made.status, made.body['id'], made.body['tags']], [201, 'orders-1', ['v2']])
  assert.equal([...discovery.instances('orders')].length, 1)
  assert.equal(discovery.instance('orders', 'orders-1')?.isRoutable, false, 'nobody has reported')
  assert.equal((await ask('PUT', `${a}/checks/beat`, { status: 'passing' })).status, 204)
  assert.equal(discovery.instance('orders', 'orders-1')?.isRoutable, true)
  assert.deepEqual((await ask('POST', `${a}/renew`)).body, { leaseMs: 20_000 })
  assert.equal((await ask('PUT', a, { ...here, ttl: '20s' })).status, 200)
  assert.equal((await ask('DELETE', a)).status, 204)
  assert.equal((await ask('GET', a)).status, 404)
  assert.deepEqual(discovery.instance('orders', 'orders-1')?.tags, [])
})

test('a blocking query waits for a change of its service', async (t) => {
  const { ask, discovery } = await open(t)
  await ask('PUT', a, here)
  const { body } = await ask('GET', 'services/orders/instances')
  const waiting = ask('GET', `services/orders/instances?index=${Number(body['index'])}&wait=10s`)
  while (discovery.counts().watchers === 0) await new Promise((resolve) => setImmediate(resolve))
  await ask('PUT', 'services/users/instances/x', here)
  assert.equal(discovery.counts().watchers, 1)
  await ask('PUT', `${a}/status`, { status: 'out-of-service' })
  const answer = await waiting
  assert.ok(Number(answer.body['index']) > Number(body['index']))
  const catalog = await ask('GET', 'catalog')
  assert.partialDeepStrictEqual(catalog.body['services'], [
    { name: 'orders', instanceCount: 1, routableCount: 0 },
    { name: 'users', instanceCount: 1, routableCount: 1 },
  ])
})

test('the routes are described in OpenAPI, by the schemas that parse', async (t) => {
  const { app } = await open(t)
  const document = (await app.inject('/openapi.json')).json()
  const { put } = document.paths['/api/v1/services/{service}/instances/{id}']
  const { properties, required, additionalProperties } =
    put.requestBody.content['application/json'].schema
  assert.deepEqual(required, ['host', 'port'])
  assert.equal(properties.port.maximum, 65_535)
  assert.equal(additionalProperties, false)
  assert.ok(document.paths['/api/v1/catalog'].get)
})
