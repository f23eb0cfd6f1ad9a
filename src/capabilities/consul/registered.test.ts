import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HealthCheck } from './health-views.ts'
import { serveAgent } from './testing/agent.ts'

const ok = '200 '
type Checks = Readonly<Record<string, HealthCheck>>

test('a service that Backplane runs and that registers itself is one service, by the id that it chose', async (t) => {
  const { put, get, read, discovery } = await serveAgent(t)
  const run = { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 8080 }
  discovery.putInstance(run, { origin: 'run', checks: [] })
  const said = {
    ID: 'orders-7',
    Name: 'orders',
    Port: 8080,
    Tags: ['v2'],
    Meta: { build: '7' },
    Check: { TTL: '15s' },
  }
  assert.equal(await put('/v1/agent/service/register', said), ok)
  const list = await get<{ Service: { ID: string; Tags: string[] }; Checks: HealthCheck[] }[]>(
    '/v1/health/service/orders',
  )
  assert.deepEqual(
    list.map(({ Service, Checks }) => [Service.ID, Service.Tags, Checks.map((one) => one.CheckID)]),
    [['orders-7', ['v2'], ['serfHealth', 'service:orders-7']]],
  )
  assert.deepEqual(Object.keys(await get('/v1/agent/services')), ['orders-7'])
  assert.equal(await put('/v1/agent/check/pass/service:orders-7'), ok)
  assert.equal((await get<object[]>('/v1/health/service/orders?passing')).length, 1)
  const second = { Name: 'more', ID: 'disk', ServiceID: 'orders-7', TTL: '1m', Status: 'passing' }
  assert.equal(await put('/v1/agent/check/register', second), ok)
  // Registered again as it was: what was added stays, and so does how it stands.
  assert.equal(await put('/v1/agent/service/register', said), ok)
  assert.deepEqual(
    Object.values(await get<Checks>('/v1/agent/checks')).map(
      (one) => `${one.CheckID} ${one.Status}`,
    ),
    ['service:orders-7 passing', 'disk passing'],
  )
  assert.equal(await put('/v1/agent/service/maintenance/orders-7?enable=true&reason=disk'), ok)
  assert.equal(discovery.instance('orders', 'orders-1')?.isRoutable, false)
  assert.equal(await put('/v1/agent/service/maintenance/orders-7?enable=false'), ok)
  assert.equal(await put('/v1/agent/service/deregister/orders-7'), ok)
  assert.match(await read('/v1/agent/service/orders-7'), /^404 unknown service ID/)
  assert.deepEqual(
    (await get<{ ServiceID: string }[]>('/v1/catalog/service/orders')).map((one) => one.ServiceID),
    ['orders-1'],
  )
  discovery.putInstance({ ...run, port: 8081 }, { origin: 'run', checks: [] })
  assert.equal(await put('/v1/agent/service/register', { ...said, Address: '10.9.9.9' }), ok)
  assert.equal([...discovery.instances('orders')].length, 2, 'another machine')
})

test('one address may register so many, and what it has it may change', async (t) => {
  const { put, read } = await serveAgent(t, { perClient: 3 })
  const service = (ID: string) => ({ ID, Name: 'many', Port: 80, Address: '10.0.0.1' })
  for (const id of ['1', '2', '3']) {
    assert.equal(await put('/v1/agent/service/register', service(id)), ok)
  }
  const refused = await put('/v1/agent/service/register', service('4'))
  assert.match(refused, /^429 3 instances from 127\.0\.0\.1 .*discovery\.perClient/)
  assert.match(await read('/v1/agent/service/4'), /^404/)
  assert.equal(await put('/v1/agent/service/register', { ...service('3'), Port: 81 }), ok)
  const here = { Node: 'far', Address: '10.0.0.2', Service: { Service: 'many', ID: 'x' } }
  assert.match(await put('/v1/catalog/register', here), /^429/)
  assert.equal(await put('/v1/agent/service/deregister/1'), ok)
  assert.equal(await put('/v1/agent/service/register', service('4')), ok)
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, at) => put('/v1/agent/service/register', service(`n${at}`))),
  )
  assert.deepEqual(new Set(all.map((one) => one.slice(0, 3))), new Set(['429']))
})
