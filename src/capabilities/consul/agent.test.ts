import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HealthCheck } from './health-views.ts'
import { serveAgent } from './testing/agent.ts'
import { until } from './testing/serve.ts'

const ok = '200 '
type Checks = Readonly<Record<string, HealthCheck>>

test('a service is registered as it was said, whatever the case of its names', async (t) => {
  const { put, get } = await serveAgent(t)
  const whole = {
    ID: 'web1',
    Name: 'web',
    Tags: ['v1', 'blue'],
    Port: 8080,
    Address: '10.0.0.5',
    TaggedAddresses: { wan: { Address: '198.51.100.7', Port: 80 } },
    Meta: { version: '2' },
    Weights: { Passing: 10, Warning: 2 },
    EnableTagOverride: true,
    Check: { TTL: '15s', Status: 'passing', Notes: 'beats' },
  }
  assert.equal(await put('/v1/agent/service/register', whole), ok)
  const small = { name: 'api', port: 81, check: { ttl: '10s', name: 'alive' } }
  assert.equal(await put('/v1/agent/service/register', small), ok)
  const services = await get<Record<string, object>>('/v1/agent/services')
  assert.deepEqual(Object.keys(services), ['web1', 'api'])
  assert.deepEqual(services['web1'], {
    ID: 'web1',
    Service: 'web',
    Tags: ['v1', 'blue'],
    Meta: { version: '2' },
    Port: 8080,
    Address: '10.0.0.5',
    TaggedAddresses: { wan: { Address: '198.51.100.7', Port: 80 } },
    Weights: { Passing: 10, Warning: 2 },
    EnableTagOverride: true,
    Datacenter: 'dc1',
    CreateIndex: 0,
    ModifyIndex: 0,
  })
  const checks = await get<Checks>('/v1/agent/checks')
  assert.deepEqual(
    Object.values(checks).map(({ CheckID, Name, Status, ServiceID, Type, Notes }) => [
      CheckID,
      Name,
      Status,
      ServiceID,
      Type,
      Notes,
    ]),
    [
      ['service:web1', "Service 'web' check", 'passing', 'web1', 'ttl', 'beats'],
      ['service:api', 'alive', 'critical', 'api', 'ttl', ''],
    ],
  )
  assert.equal(await put('/v1/agent/service/deregister/web1'), ok)
  assert.deepEqual(Object.keys(await get('/v1/agent/services')), ['api'])
  assert.deepEqual(Object.keys(await get('/v1/agent/checks')), ['service:api'])
})

test('every kind of check is taken over with its times', async (t) => {
  const { put, discovery } = await serveAgent(t, { allowScripts: true })
  const Checks = [
    {
      HTTP: 'https://10.0.0.5/health',
      Method: 'post',
      Header: { 'X-A': ['1', '2'] },
      Body: '{}',
      TLSSkipVerify: true,
      tls_server_name: 'shop',
      DisableRedirects: true,
      Interval: '10s',
      Timeout: 2_000_000_000,
      SuccessBeforePassing: 2,
      FailuresBeforeWarning: 1,
      FailuresBeforeCritical: 3,
      deregister_critical_service_after: '1m',
    },
    { CheckID: 'tcp', TCP: 'localhost:81', Interval: '5s' },
    { GRPC: '10.0.0.5:50051/orders', GRPCUseTLS: true, Interval: '5s' },
    { TTL: '30s' },
    { Args: ['/bin/true', '-x'], Interval: '1m' },
    { AliasService: 'other' },
  ]
  assert.equal(await put('/v1/agent/service/register', { Name: 'web', Checks }), ok)
  const specs = discovery.instance('web', 'web')?.checks.map(({ spec }) => spec)
  const common = { isUniqueOnNode: true, initially: 'critical' }
  const times = { healthy: 1, unhealthy: 1, startupMs: 0, timeoutMs: 10_000, intervalMs: 5_000 }
  assert.deepEqual(specs, [
    {
      ...common,
      id: 'service:web:1',
      deregisterAfterMs: 60_000,
      kind: 'http',
      url: 'https://10.0.0.5/health',
      method: 'POST',
      headers: { 'X-A': ['1', '2'] },
      body: '{}',
      tls: { skipVerify: true, serverName: 'shop' },
      disableRedirects: true,
      intervalMs: 10_000,
      timeoutMs: 2_000,
      healthy: 2,
      unhealthy: 3,
      warnAfter: 1,
      startupMs: 0,
    },
    { ...common, id: 'tcp', kind: 'tcp', address: 'localhost:81', ...times },
    {
      ...common,
      id: 'service:web:3',
      kind: 'grpc',
      address: '10.0.0.5:50051',
      grpcService: 'orders',
      tls: {},
      ...times,
    },
    { ...common, id: 'service:web:4', kind: 'ttl', ttlMs: 30_000 },
    {
      ...common,
      id: 'service:web:5',
      kind: 'exec',
      argv: ['/bin/true', '-x'],
      ...times,
      intervalMs: 60_000,
      timeoutMs: 30_000,
    },
    { ...common, id: 'service:web:6', kind: 'alias', node: 'local', aliasOf: 'other' },
  ])
})

test('what cannot be registered is refused in the words of Consul', async (t) => {
  const { put } = await serveAgent(t)
  const service = async (body: object | string) => put('/v1/agent/service/register', body)
  const check = async (one: object) => service({ Name: 'web', Check: one })
  const refused: readonly (readonly [Promise<string>, RegExp])[] = [
    [service('{'), /^400 Request decode failed: /],
    [service({}), /^400 Missing service name$/],
    [service({ Name: 'web', Address: '0.0.0.0' }), /^400 Invalid service address$/],
    [service({ Name: 'web', Port: 70_000 }), /^400 Invalid port/],
    [service({ Name: 'web', Tags: 'v1' }), /^400 .*'Tags' must be a list/],
    [service({ Name: 'web', Weights: { Passing: 0 } }), /^400 Invalid Weights: Passing/],
    [service({ Name: 'we b' }), /^400 service: 'we b' must match/],
    [service({ Name: 'x'.repeat(200) }), /^400 service: .*serviceCharactersMax/],
    [service({ Name: 'web', Meta: { a: 'x'.repeat(600) } }), /metaValueCharactersMax/],
    [service({ Name: 'web', Connect: { SidecarService: {} } }), /^501 Connect/],
    [service({ Name: 'web', Kind: 'connect-proxy' }), /^501 Connect/],
    [check({}), /^400 Invalid check: TTL must be > 0 for TTL checks$/],
    [check({ HTTP: 'http://x/' }), /^400 Invalid check: Interval must be > 0 for Script, HTTP/],
    [check({ TTL: '1s', Interval: '1s' }), /cannot both be specified$/],
    [check({ TTL: '1s', AliasService: 'a' }), /TTL must be not be set for Alias checks$/],
    [check({ HTTP: 'ftp://x/', Interval: '1s' }), /is not a URL/],
    [check({ TCP: 'nowhere', Interval: '1s' }), /is not host:port/],
    [check({ HTTP: 'http://x/', Interval: '1s', Header: { a: ['b\r\nc'] } }), /Header/],
    [check({ TTL: 'soon' }), /^400 Request decode failed: time: invalid duration/],
    [check({ TTL: '1s', Status: 'fine' }), /^400 Status for checks must 'passing'/],
    [check({ Args: ['/bin/true'], Interval: '1s' }), /^400 Scripts are disabled on this agent/],
    [check({ UDP: 'x:1', Interval: '1s' }), /^501 Invalid check: UDP checks are not offered/],
    [put('/v1/agent/service/deregister/none'), /^404 Unknown service ID "none"\. Ensure that/],
    [put('/v1/agent/check/register', { TTL: '1s' }), /^400 Missing check name$/],
    [
      put('/v1/agent/check/register', { Name: 'a', TTL: '1s', ServiceID: 'none' }),
      /^500 ServiceID "none" does not exist$/,
    ],
    [put('/v1/agent/check/pass/none'), /^404 Unknown check ID "none"\. Ensure that/],
    [put('/v1/agent/service/maintenance/none'), /^400 Missing value for enable$/],
    [put('/v1/agent/service/maintenance/none?enable=true'), /^404 Unknown service ID/],
    [put('/v1/agent/maintenance?enable=maybe'), /^400 Invalid value for enable: "maybe"$/],
  ]
  for (const [answer, pattern] of refused) assert.match(await answer, pattern)
})

test('TTL checks are told by GET and PUT, with a note or with output', async (t) => {
  const { put, get, read } = await serveAgent(t)
  await put('/v1/agent/service/register', { Name: 'web', Check: { TTL: '1m' } })
  await put('/v1/agent/check/register', {
    Name: 'alias',
    ServiceID: 'web',
    AliasService: 'none',
  })
  const seen = async () => {
    const one = (await get<Checks>('/v1/agent/checks'))['service:web']
    return `${one?.Status} ${one?.Output}`
  }
  assert.equal(await put('/v1/agent/check/pass/service%3Aweb?note=all%20well'), ok)
  assert.equal(await seen(), 'passing all well')
  assert.equal(await read('/v1/agent/check/warn/service:web'), ok)
  assert.equal(await seen(), 'warning ')
  assert.equal(await put('/v1/agent/check/fail/service:web'), ok)
  assert.equal(await seen(), 'critical ')
  const update = { Status: 'passing', Output: 'from the body' }
  assert.equal(await put('/v1/agent/check/update/service:web', update), ok)
  assert.equal(await seen(), 'passing from the body')
  assert.equal(
    await put('/v1/agent/check/update/service:web', { Status: 'ok' }),
    "400 Invalid check status: 'ok'",
  )
  assert.equal(
    await put('/v1/agent/check/pass/alias'),
    '500 CheckID "alias" does not have associated TTL',
  )
})

test('checks of a service stay when it is registered again without them, unless that is asked for', async (t) => {
  const { put, get } = await serveAgent(t)
  const ids = async () => Object.keys(await get('/v1/agent/checks'))
  await put('/v1/agent/service/register', { Name: 'web', Check: { TTL: '1m', Status: 'passing' } })
  await put('/v1/agent/check/register', { Name: 'deep', ServiceID: 'web', TTL: '1m' })
  await put('/v1/agent/check/register', { Name: 'disk', TTL: '1m', Status: 'passing' })
  await put('/v1/agent/service/register', { Name: 'web', Port: 81 })
  assert.deepEqual(await ids(), ['disk', 'service:web', 'deep'])
  await put('/v1/agent/service/register?replace-existing-checks', { Name: 'web', Port: 82 })
  assert.deepEqual(await ids(), ['disk'])
  assert.equal(await put('/v1/agent/check/deregister/disk'), ok)
  assert.deepEqual(await ids(), [])
})

test('maintenance stands as a check, of the service or of the node', async (t) => {
  const { put, get } = await serveAgent(t)
  await put('/v1/agent/service/register', { Name: 'web', Port: 80 })
  await put('/v1/agent/service/maintenance/web?enable=true&reason=new+disk')
  const checks = await get<Checks>('/v1/agent/checks')
  const maintenance = checks['_service_maintenance:web']
  assert.deepEqual([maintenance?.Status, maintenance?.Notes], ['critical', 'new disk'])
  await put('/v1/agent/service/maintenance/web?enable=false')
  await put('/v1/agent/maintenance?enable=true')
  const ofNode = (await get<Checks>('/v1/agent/checks'))['_node_maintenance']
  assert.equal(ofNode?.Name, 'Node Maintenance Mode')
  assert.deepEqual(await get('/v1/health/service/web?passing'), [])
  await put('/v1/agent/maintenance?enable=false')
  assert.deepEqual(await get('/v1/agent/checks'), {})
})

test('health of one service by id and by name, as JSON and as text', async (t) => {
  const { put, call, read } = await serveAgent(t)
  for (const ID of ['w1', 'w2']) {
    await put('/v1/agent/service/register', { ID, Name: 'web', Check: { TTL: '1m' } })
    await put(`/v1/agent/check/pass/service:${ID}`)
  }
  await put('/v1/agent/check/warn/service:w2')
  const one = await call('/v1/agent/health/service/id/w1')
  assert.equal(one.status, 200)
  assert.equal(one.json<{ AggregatedStatus: string }>().AggregatedStatus, 'passing')
  assert.equal(await read('/v1/agent/health/service/id/w2?format=text'), '429 warning')
  assert.equal(await read('/v1/agent/health/service/name/web?format=text'), '429 warning')
  assert.equal((await call('/v1/agent/health/service/name/web')).json<object[]>().length, 2)
  await put('/v1/agent/check/fail/service:w1')
  assert.equal(await read('/v1/agent/health/service/name/WEB?format=text'), '503 critical')
  assert.equal(await read('/v1/agent/health/service/id/w3'), '404 ServiceId w3 not found')
})

test('the agent tells itself, and its answers can be waited for by hash', async (t) => {
  const { put, get, call, waits } = await serveAgent(t)
  const self = await get<{ Config: { Datacenter: string; NodeName: string } }>('/v1/agent/self')
  assert.deepEqual([self.Config.Datacenter, self.Config.NodeName], ['dc1', 'here'])
  const [member] = await get<{ Name: string; Status: number }[]>('/v1/agent/members')
  assert.deepEqual([member?.Name, member?.Status], ['here', 1])
  await put('/v1/agent/service/register', { Name: 'web', Port: 80 })
  const first = await call('/v1/agent/service/web')
  const hash = String(first.headers['x-consul-contenthash'])
  const waiting = call(`/v1/agent/service/web?hash=${hash}&wait=60s`)
  await until(() => waits.count === 1, 'the wait')
  await put('/v1/agent/service/register', { Name: 'other' })
  assert.equal(waits.count, 1, 'nothing of it has changed')
  await put('/v1/agent/service/register', { Name: 'web', Port: 81 })
  assert.equal((await waiting).json<{ Port: number }>().Port, 81)
  assert.equal((await call('/v1/agent/service/none')).text, 'unknown service ID: none')
})

test('a registration is in force when it is answered, and the gateway knows where it came from', async (t) => {
  const { put, discovery } = await serveAgent(t)
  await put('/v1/agent/service/register', { Name: 'web', Port: 80 })
  const instance = discovery.instance('web', 'web')
  assert.equal(instance?.isRoutable, true)
  assert.equal(instance?.source, 'consul')
  assert.equal(instance?.host, '127.0.0.1')
  discovery.putInstance(
    { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 90 },
    { origin: 'run', checks: [] },
  )
  assert.match(await put('/v1/agent/service/deregister/orders-1'), /^409 Instance 'orders-1'/)
})

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
