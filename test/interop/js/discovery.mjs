// Agent, catalog, health and the watch of the npm client named consul. Ends with an error at the first thing that is not as it should be.
import assert from 'node:assert/strict'
import { load } from './load.mjs'

const Consul = load('consul')
const consul = new Consul({ host: '127.0.0.1', port: Number(process.argv[2]) })

const self = await consul.agent.self()
assert.equal(self.Config.Datacenter, 'dc1')
assert.equal((await consul.agent.members()).length, 1)
assert.match(await consul.status.leader(), /:8300$/)
assert.equal((await consul.status.peers()).length, 1)

await consul.agent.service.register({
  id: 'web1',
  name: 'web',
  tags: ['v1'],
  port: 8080,
  meta: { version: '2' },
  check: { ttl: '60s', notes: 'beats', status: 'critical' },
})
await consul.agent.service.register({ id: 'web2', name: 'web', port: 8081, address: '10.0.0.5' })
assert.deepEqual(Object.keys(await consul.agent.services()), ['web1', 'web2'])
assert.equal((await consul.agent.check.list())['service:web1'].Status, 'critical')
// The id has a colon, which this client writes as %3A.
await consul.agent.check.pass({ id: 'service:web1', note: 'fine' })
assert.equal((await consul.agent.check.list())['service:web1'].Output, 'fine')
await consul.agent.check.warn('service:web1')
await consul.agent.check.fail('service:web1')
await consul.agent.check.pass('service:web1')
await consul.agent.check.register({
  name: 'deep',
  serviceid: 'web1',
  ttl: '60s',
  status: 'passing',
})
await consul.agent.check.deregister('deep')
await consul.agent.service.maintenance({ id: 'web2', enable: true, reason: 'disk' })
assert.deepEqual(
  (await consul.health.service({ service: 'web', passing: true })).map((one) => one.Service.ID),
  ['web1'],
)
await consul.agent.service.maintenance({ id: 'web2', enable: false })
await consul.agent.maintenance({ enable: true })
await consul.agent.maintenance(false)

assert.deepEqual(await consul.catalog.datacenters(), ['dc1'])
assert.deepEqual(await consul.catalog.service.list(), { web: ['v1'] })
assert.equal((await consul.catalog.service.nodes('web'))[1].ServiceAddress, '10.0.0.5')
assert.equal((await consul.catalog.node.list()).length, 1)
assert.equal(
  Object.keys((await consul.catalog.node.services(self.Config.NodeName)).Services).length,
  2,
)
await consul.catalog.register({
  node: 'east',
  address: '10.0.0.9',
  service: { service: 'cache', id: 'c1' },
  check: { node: 'east', checkid: 'c', name: 'c', status: 'passing', serviceid: 'c1' },
})
assert.equal((await consul.health.node('east')).length, 1)
assert.equal((await consul.health.checks('cache'))[0].Status, 'passing')
assert.equal((await consul.health.state('critical')).length, 0)
await consul.catalog.deregister({ node: 'east' })

// Its watch: an index first, then a blocking query for each change.
const watch = consul.watch({
  method: consul.health.service,
  options: { service: 'api', wait: '20s' },
})
const counts = []
const done = Promise.withResolvers()
watch.on('change', (entries) => {
  counts.push(entries.length)
  if (counts.length === 1) void consul.agent.service.register({ name: 'api', port: 1 })
  if (counts.length === 2) void consul.agent.service.deregister('api')
  if (counts.length === 3) done.resolve()
})
watch.on('error', done.reject)
await done.promise
watch.end()
assert.deepEqual(counts, [0, 1, 0])

await assert.rejects(consul.agent.check.pass('none'), { statusCode: 404 })
await assert.rejects(consul.agent.service.deregister('none'), { statusCode: 404 })
await consul.agent.service.deregister('web1')
await consul.agent.service.deregister('web2')
assert.deepEqual(await consul.agent.services(), {})
process.stdout.write('done')
