import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startStorage, type Storage } from '../../platform/storage/storage.ts'
import { startForTest } from '../kv/testing/start.ts'
import { agentRoutes } from './agent.ts'
import { catalogRoutes } from './catalog.ts'
import { kvRoutes } from './kv.ts'
import type { Authorizer } from './permissions.ts'
import { serveConsul } from './testing/serve.ts'
import { startWorld } from './testing/world.ts'
import { txnRoutes } from './txn.ts'

type Index = { readonly ModifyIndex: number }
interface Result {
  readonly Node?: { readonly Node: string; readonly Address: string } & Index
  readonly Service?: { readonly ID: string; readonly Port: number } & Index
  readonly Check?: { readonly CheckID: string; readonly Status: string } & Index
  readonly KV?: { readonly Key: string }
}
interface Outcome {
  readonly Results: readonly Result[] | null
  readonly Errors: readonly { readonly OpIndex: number; readonly What: string }[] | null
}

async function serve(
  t: TestContext,
  given: { storage?: Storage; perClient?: number; authorizer?: Authorizer } = {},
) {
  const storage = given.storage ?? (await startStorage({ file: ':memory:' }))
  if (given.storage === undefined) t.after(() => storage.close())
  const { kv } = await startForTest(t, { storage })
  const { perClient = 1_000, authorizer } = given
  const { world, discovery, stop } = await startWorld(t, storage, { perClient })
  await discovery.registerNode({ name: discovery.localNode, address: '127.0.0.1' })
  const routes = [
    ...agentRoutes(world),
    ...catalogRoutes(world),
    ...kvRoutes(kv),
    ...txnRoutes(kv, world),
  ]
  const { call } = await serveConsul(t, routes, authorizer === undefined ? {} : { authorizer })
  const txn = async (...ops: object[]): Promise<Outcome & { readonly status: number }> => {
    const answer = await call('/v1/txn', { method: 'PUT', body: JSON.stringify(ops) })
    assert.ok([200, 409].includes(answer.status), answer.text)
    return { status: answer.status, ...answer.json<Outcome>() }
  }
  return { call, txn, kv, discovery, stop, storage }
}

const node = (Verb: string, more = {}) => ({
  Node: { Verb, Node: { Node: 'far', Address: '10.0.0.9', ...more } },
})
const service = (Verb: string, more = {}) => ({
  Service: { Verb, Node: 'far', Service: { ID: 'web1', Service: 'web', Port: 80, ...more } },
})
const check = (Verb: string, more = {}) => ({
  Check: {
    Verb,
    Check: {
      Node: 'far',
      CheckID: 'alive',
      Name: 'alive',
      ServiceID: 'web1',
      Status: 'passing',
      ...more,
    },
  },
})
const key = (Key: string, Verb = 'set') => ({ KV: { Verb, Key, Value: 'MQ==' } })
const errorsOf = ({ Errors }: Outcome) =>
  (Errors ?? []).map(({ OpIndex, What }) => `${OpIndex} ${What}`)

test('a node, a service on it, a check of it and a key come together, each operation on what the ones before have done', async (t) => {
  const { txn, discovery, kv } = await serve(t)
  const done = await txn(node('set'), service('set'), check('set'), key('made'), service('get'))
  assert.deepEqual(errorsOf(done), [])
  assert.deepEqual(
    done.Results?.map((one) => Object.keys(one)[0]),
    ['Node', 'Service', 'Check', 'KV', 'Service'],
  )
  assert.equal(done.Results?.[4]?.Service?.Port, 80)
  assert.equal(done.Results[2]?.Check?.Status, 'passing')
  const there = discovery.instanceOnNode('far', 'web1')
  assert.deepEqual(
    [there?.host, there?.isRoutable, kv.entry('made')?.value.toString()],
    ['10.0.0.9', true, '1'],
  )
  const gone = await txn(check('delete'), service('delete'), node('delete'), key('made', 'delete'))
  assert.deepEqual([gone.status, gone.Results], [200, []])
  assert.deepEqual([discovery.node('far'), kv.entry('made')], [undefined, undefined])
})

test('one that cannot be done undoes all, keys and catalog', async (t) => {
  const { txn, discovery, kv, storage } = await serve(t)
  const refused = await txn(node('set'), key('a'), service('get'), {
    KV: { Verb: 'get', Key: 'none' },
  })
  assert.equal(refused.status, 409)
  assert.deepEqual(errorsOf(refused), [
    '2 service "web1" on node "far" doesn\'t exist',
    '3 key "none" doesn\'t exist',
  ])
  assert.deepEqual([discovery.node('far'), kv.entry('a')], [undefined, undefined])
  assert.deepEqual(errorsOf(await txn(service('set'), key('a'))), ['0 Missing node registration'])
  assert.deepEqual(errorsOf(await txn(node('set'), check('set'))), [
    '1 Missing service registration',
  ])
  assert.equal(
    (await storage.read("SELECT name FROM discovery_nodes WHERE name = 'far'")).length,
    0,
  )
})

test('cas and delete-cas go by the index that was read', async (t) => {
  const { txn, discovery } = await serve(t)
  const made = await txn(node('cas'), service('cas'), check('cas'))
  assert.deepEqual(errorsOf(made), [], 'index 0: where there is none')
  const [nodeIs, serviceIs, checkIs] = [
    made.Results?.[0]?.Node,
    made.Results?.[1]?.Service,
    made.Results?.[2]?.Check,
  ]
  const stale = await txn(
    node('cas'),
    service('cas', { ModifyIndex: 1 }),
    check('delete-cas', { ModifyIndex: 1 }),
  )
  assert.deepEqual(errorsOf(stale), [
    '0 failed to set node "far", index is stale',
    '1 failed to set service "web1" on node "far", index is stale',
    '2 failed to delete check "alive" on node "far", index is stale',
  ])
  const moved = await txn(
    node('cas', { Address: '10.0.0.10', ModifyIndex: nodeIs?.ModifyIndex }),
    service('cas', { Port: 81, ModifyIndex: serviceIs?.ModifyIndex }),
    check('cas', { Status: 'critical', ModifyIndex: checkIs?.ModifyIndex }),
  )
  assert.deepEqual(errorsOf(moved), [])
  assert.equal(discovery.instanceOnNode('far', 'web1')?.health, 'critical')
  assert.equal(moved.Results?.[1]?.Service?.Port, 81)
  const ended = await txn(
    check('delete-cas', { ModifyIndex: moved.Results[2]?.Check?.ModifyIndex }),
    service('delete-cas', { ModifyIndex: moved.Results[1].Service.ModifyIndex }),
    node('delete-cas', { ModifyIndex: moved.Results[0]?.Node?.ModifyIndex }),
  )
  assert.deepEqual(errorsOf(ended), [])
  assert.equal(discovery.node('far'), undefined)
})

test('of many that change the same thing by what they have read, one does', async (t) => {
  const { txn, call } = await serve(t)
  const made = await txn(node('set'), service('set'))
  const ModifyIndex = made.Results?.[1]?.Service?.ModifyIndex
  const all = await Promise.all([
    ...Array.from({ length: 10 }, (_, at) =>
      txn(service('cas', { Port: 100 + at, ModifyIndex }), key(`won-${at}`)),
    ),
    call('/v1/agent/service/register', { method: 'PUT', body: { Name: 'other', Port: 1 } }),
  ])
  const won = all.slice(0, 10).filter(({ status }) => status === 200)
  assert.equal(won.length, 1)
  const keys = (await call('/v1/kv/won-?keys')).json<string[]>()
  const port = (await call('/v1/catalog/service/web')).json<{ ServicePort: number }[]>()[0]
    ?.ServicePort
  assert.deepEqual(keys, [`won-${Number(port) - 100}`], 'the key of the one whose port stands')
})

test('what a transaction has done is there after a restart, how checks stand included', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const first = await serve(t, { storage })
  await first.txn(
    node('set'),
    service('set'),
    check('set', { Status: 'warning' }),
    node('set', { Node: 'gone' }),
  )
  await first.txn(node('delete', { Node: 'gone' }))
  await first.stop()
  const { discovery } = await serve(t, { storage })
  assert.equal(discovery.instanceOnNode('far', 'web1')?.health, 'warning')
  assert.equal(discovery.node('gone'), undefined)
})

test('a deleted node takes its services along, and this machine stays', async (t) => {
  const { txn, discovery } = await serve(t)
  await txn(
    node('set'),
    service('set'),
    check('set'),
    check('set', { CheckID: 'disk', ServiceID: '' }),
  )
  assert.deepEqual(errorsOf(await txn(node('delete'))), [])
  assert.deepEqual([...discovery.instances('web')], [])
  assert.deepEqual(errorsOf(await txn(node('delete', { Node: 'here' }))), [
    '0 node "here" is this machine, and stays',
  ])
  discovery.putInstance(
    { service: 'web', id: 'web-1', host: '127.0.0.1', port: 80 },
    { origin: 'run', checks: [] },
  )
  const ours = { Service: { Verb: 'delete', Node: 'here', Service: { ID: 'web-1' } } }
  assert.match(errorsOf(await txn(ours)).join(), /comes from a supervised process/)
  const here = {
    Service: {
      Verb: 'set',
      Node: 'here',
      Service: { ID: 'mine', Service: 'web', Port: 80, Tags: ['v2'] },
    },
  }
  const joined = await txn(here)
  assert.deepEqual(
    [joined.status, [...discovery.instances('web')].map(({ tags }) => tags)],
    [200, [['v2']]],
  )
})

test('limits, rights and wrong operations are told', async (t) => {
  const { txn, call } = await serve(t, { perClient: 1 })
  const two = await txn(node('set'), service('set'), service('set', { ID: 'web2' }))
  assert.deepEqual((await call('/v1/catalog/nodes')).json<object[]>().length, 1, 'nothing is done')
  assert.equal(two.status, 409)
  assert.match(JSON.stringify(two.Errors), /discovery\.perClient/)
  for (const bad of [
    [{ Node: {} }],
    [{ Node: { Verb: 'set' } }],
    [{ Service: { Verb: 'no', Node: 'a', Service: { ID: 'x' } } }],
    [{ Check: { Verb: 'set', Check: {} } }],
    [{ Check: { Verb: 'set', Check: { CheckID: 'a', Status: 'fine' } } }],
    [{ Service: { Verb: 'set', Service: { ID: 'x', Service: 'x', Port: '80' } } }],
  ]) {
    assert.equal(
      (await call('/v1/txn', { method: 'PUT', body: JSON.stringify(bad) })).status,
      400,
      JSON.stringify(bad),
    )
  }
  const readOnly: Authorizer = {
    defaultPolicy: 'deny',
    permissionsOf: () => ({
      accessor: 'me',
      allows: (_resource, _name, access) => access === 'read',
      allowsPrefixWrite: () => false,
    }),
  }
  const other = await serve(t, { authorizer: readOnly })
  const denied = await other.txn(node('set'), service('get'), check('set', { ServiceID: '' }))
  assert.deepEqual(
    denied.Errors?.map(({ OpIndex }) => OpIndex),
    [0, 2],
  )
  assert.match(denied.Errors?.[0]?.What ?? '', /lacks permission 'node:write' on "far"/)
})
