import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CatalogServiceView, NodeView } from './catalog-views.ts'
import type { HealthCheck } from './health-views.ts'
import type { Access, Authorizer, Resource } from './permissions.ts'
import { serveAgent } from './testing/agent.ts'
import { until } from './testing/serve.ts'

interface HealthEntry {
  readonly Node: NodeView
  readonly Service: { readonly ID: string; readonly Address: string; readonly Port: number }
  readonly Checks: readonly HealthCheck[]
}

type Ground = Awaited<ReturnType<typeof serveAgent>>

/** Three instances of web on two nodes, and one of api. */
async function fill({ put }: Ground): Promise<void> {
  const Check = { TTL: '1h', Status: 'passing' }
  await put('/v1/agent/service/register', { ID: 'w1', Name: 'web', Port: 1, Tags: ['v1'], Check })
  await put('/v1/agent/service/register', {
    ID: 'w2',
    Name: 'web',
    Port: 2,
    Tags: ['v2', 'blue'],
    Meta: { version: '2' },
    Check: { ...Check, Status: 'warning' },
  })
  const east = {
    Node: 'east',
    Address: '10.0.0.9',
    NodeMeta: { rack: '7' },
    Service: { ID: 'w1', Service: 'web', Port: 3, Tags: ['v1'], Address: '10.1.0.1' },
    Checks: [
      { CheckID: 'alive', Name: 'Alive', Status: 'passing' },
      { CheckID: 'service:w1', Name: 'w1', ServiceID: 'w1', Status: 'critical', Output: 'down' },
    ],
  }
  assert.equal(await put('/v1/catalog/register', east), '200 true')
  await put('/v1/agent/service/register', { Name: 'api', Port: 9 })
}

test('services, their instances and nodes, with tags, meta and filters', async (t) => {
  const ground = await serveAgent(t)
  const { get, read } = ground
  await fill(ground)
  assert.deepEqual(await get('/v1/catalog/services'), { web: ['v1', 'v2', 'blue'], api: [] })
  assert.deepEqual(await get('/v1/catalog/services?node-meta=rack:7'), { web: ['v1'] })
  assert.deepEqual(await get('/v1/catalog/services?filter=blue%20in%20ServiceTags'), {
    web: ['v2', 'blue'],
  })
  const ids = async (query: string) =>
    (await get<CatalogServiceView[]>(`/v1/catalog/service/web${query}`)).map(
      ({ Node, ServiceID }) => `${Node}/${ServiceID}`,
    )
  assert.deepEqual(await ids(''), ['here/w1', 'here/w2', 'east/w1'])
  assert.deepEqual(await ids('?tag=V1'), ['here/w1', 'east/w1'])
  assert.deepEqual(await ids('?tag=v2&tag=blue'), ['here/w2'])
  assert.deepEqual(await ids('?node-meta=rack:7'), ['east/w1'])
  assert.deepEqual(await ids('?filter=ServiceMeta.version%20==%202'), ['here/w2'])
  assert.equal(
    await read('/v1/catalog/service/web?filter=Foo%20==%202'),
    '400 Failed to create boolean expression evaluator: Selector Foo is not valid',
  )
  const [, , east] = await get<CatalogServiceView[]>('/v1/catalog/service/WEB')
  assert.deepEqual(
    [east?.Address, east?.ServiceAddress, east?.ServicePort, east?.NodeMeta],
    ['10.0.0.9', '10.1.0.1', 3, { rack: '7' }],
  )
  assert.deepEqual(
    (await get<NodeView[]>('/v1/catalog/nodes')).map(({ Node }) => Node),
    ['here', 'east'],
  )
  const ofNode = await get<{ Services: object }>('/v1/catalog/node/HERE')
  assert.deepEqual(Object.keys(ofNode.Services), ['w1', 'w2', 'api'])
  assert.equal(await get('/v1/catalog/node/nowhere'), null)
  const list = await get<{ Services: unknown[] }>('/v1/catalog/node-services/east')
  assert.equal(list.Services.length, 1)
  assert.deepEqual(await get('/v1/catalog/datacenters'), ['dc1'])
  assert.deepEqual(await get('/v1/catalog/connect/web'), [])
})

test('health of services, nodes and states', async (t) => {
  const ground = await serveAgent(t)
  const { get, read, put } = ground
  await fill(ground)
  const entries = await get<HealthEntry[]>('/v1/health/service/web')
  assert.deepEqual(
    entries.map(({ Node, Service, Checks }) => [
      Node.Node,
      Service.ID,
      Service.Address,
      ...Checks.map(({ CheckID, Status }) => `${CheckID} ${Status}`),
    ]),
    [
      ['here', 'w1', '', 'serfHealth passing', 'service:w1 passing'],
      ['here', 'w2', '', 'serfHealth passing', 'service:w2 warning'],
      ['east', 'w1', '10.1.0.1', 'alive passing', 'service:w1 critical'],
    ],
  )
  const ids = async (query: string) =>
    (await get<HealthEntry[]>(`/v1/health/service/web${query}`)).map(
      ({ Node, Service }) => `${Node.Node}/${Service.ID}`,
    )
  for (const passing of ['?passing', '?passing=1', '?passing=true']) {
    assert.deepEqual(await ids(passing), ['here/w1'])
  }
  assert.equal((await ids('?passing=0')).length, 3)
  assert.equal(await read('/v1/health/service/web?passing=yes'), '400 Invalid value for ?passing')
  assert.deepEqual(await ids('?filter=Checks%20is%20not%20empty%20and%20Node.Meta.rack%20==%207'), [
    'east/w1',
  ])
  const checks = async (path: string) =>
    (await get<HealthCheck[]>(path)).map(({ Node, CheckID }) => `${Node}/${CheckID}`)
  assert.deepEqual(await checks('/v1/health/checks/web'), [
    'here/service:w1',
    'here/service:w2',
    'east/service:w1',
  ])
  assert.deepEqual(await checks('/v1/health/node/east'), ['east/alive', 'east/service:w1'])
  assert.deepEqual(await checks('/v1/health/state/critical'), ['east/service:w1'])
  assert.equal((await checks('/v1/health/state/any')).length, 5)
  assert.equal(await read('/v1/health/state/odd'), '400 Invalid check state: odd')
  assert.deepEqual(await get('/v1/health/service/none'), [])
  // Whoever registered a check in the catalog says how it stands.
  await put('/v1/catalog/register', {
    Node: 'east',
    SkipNodeUpdate: true,
    Check: { CheckID: 'service:w1', ServiceID: 'w1', Status: 'passing' },
  })
  assert.deepEqual(await ids('?passing'), ['here/w1', 'east/w1'])
})

test('the catalog is deregistered check by check, service by service, or node by node', async (t) => {
  const ground = await serveAgent(t)
  const { get, put, discovery } = ground
  await fill(ground)
  const deregister = async (body: object) => put('/v1/catalog/deregister', body)
  assert.equal(await deregister({ Node: 'east', CheckID: 'alive' }), '200 true')
  assert.equal((await get<object[]>('/v1/health/node/east')).length, 1)
  assert.equal(await deregister({ Node: 'here', ServiceID: 'w1' }), '200 true')
  assert.equal(discovery.instanceOnNode('local', 'w1'), undefined, 'it does not come back')
  assert.equal(await deregister({ Node: 'east' }), '200 true')
  assert.equal(await deregister({ Node: 'east', ServiceID: 'none' }), '200 true')
  assert.deepEqual(
    (await get<NodeView[]>('/v1/catalog/nodes')).map(({ Node }) => Node),
    ['here'],
  )
  assert.equal(await deregister({}), '400 Must provide node')
  assert.equal(
    await put('/v1/catalog/register', { Node: 'x' }),
    '400 Must provide node and address',
  )
})

test('a blocking query wakes for its own service only, and for the whole catalog when services come', async (t) => {
  const ground = await serveAgent(t)
  const { call, put, waits } = ground
  await fill(ground)
  const indexOf = async (path: string) => Number((await call(path)).headers['x-consul-index'])
  const wait = async (path: string) => call(`${path}?index=${await indexOf(path)}&wait=60s`)
  const ofWeb = wait('/v1/health/service/web')
  const ofApi = wait('/v1/health/service/api')
  const ofCatalog = wait('/v1/catalog/services')
  const ofNone = wait('/v1/health/service/none')
  await until(() => waits.count === 4, 'four waits')
  await put('/v1/agent/check/fail/service:w1')
  const woken = await ofWeb
  assert.equal(
    woken.json<HealthEntry[]>()[0]?.Checks.find(({ CheckID }) => CheckID === 'service:w1')?.Status,
    'critical',
  )
  assert.equal(waits.count, 3, 'others sleep')
  await put('/v1/agent/service/register', { Name: 'none', Port: 5 })
  assert.equal((await ofNone).json<object[]>().length, 1)
  assert.ok('none' in (await ofCatalog).json<object>())
  assert.equal(waits.count, 1)
  await put('/v1/agent/service/deregister/api')
  assert.deepEqual((await ofApi).json(), [])
})

test('consul_sd of Prometheus asks without passing, with a wait in milliseconds, and reads the health itself', async (t) => {
  const ground = await serveAgent(t)
  const { call, get } = ground
  await fill(ground)
  const listed = await call('/v1/catalog/services?stale=&wait=120000ms')
  assert.ok(Number(listed.headers['x-consul-index']) > 0)
  const found = await get<HealthEntry[]>('/v1/health/service/web?stale=&wait=120000ms')
  assert.deepEqual(
    found.map(({ Service, Node }) => `${Service.Address || Node.Address}:${Service.Port}`),
    ['127.0.0.1:1', '127.0.0.1:2', '10.1.0.1:3'],
  )
})

test('a token sees and changes what it may', async (t) => {
  const allowed = new Set(['service web read', 'node here read', 'service web write'])
  const authorizer: Authorizer = {
    defaultPolicy: 'deny',
    permissionsOf: () => ({
      accessor: 'a',
      allows: (resource: Resource, name: string, access: Access) =>
        allowed.has(`${resource} ${name} ${access}`),
      allowsPrefixWrite: () => false,
    }),
  }
  const { put, get, discovery, read } = await serveAgent(t, { authorizer })
  await put('/v1/agent/service/register', { Name: 'web', Port: 1 })
  assert.match(
    await put('/v1/agent/service/register', { Name: 'api' }),
    /^403 Permission denied: token with AccessorID 'a' lacks permission 'service:write' on "api"$/,
  )
  discovery.putInstance(
    { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 90 },
    { origin: 'run', checks: [] },
  )
  assert.deepEqual(Object.keys(await get('/v1/agent/services')), ['web'])
  assert.deepEqual(Object.keys(await get('/v1/catalog/services')), ['web'])
  assert.deepEqual(await get('/v1/health/service/orders'), [])
  assert.match(await put('/v1/agent/service/deregister/orders-1'), /^403 /)
  assert.match(await read('/v1/agent/self'), /^403 /)
  allowed.delete('node here read')
  assert.deepEqual(await get('/v1/health/service/web'), [])
  assert.deepEqual(await get('/v1/catalog/nodes'), [])
})
