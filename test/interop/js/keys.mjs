// What services on Node do with keys, sessions and locks, by the client named consul. Ends with "passed".
import assert from 'node:assert/strict'
import { load } from './load.mjs'

const Consul = load('consul')
const consul = new Consul({ host: '127.0.0.1', port: Number(process.argv[2]) })

assert.match(await consul.status.leader(), /:8300$/)
assert.equal((await consul.status.peers()).length, 1)

// Keys with slashes arrive percent-encoded.
assert.equal(await consul.kv.set('app/one', 'value 1'), true)
assert.equal(await consul.kv.set({ key: 'app/two', value: 'zwei €', flags: 42 }), true)
const one = await consul.kv.get('app/one')
assert.equal(one.Value, 'value 1')
assert.equal(one.LockIndex, 0)
const two = await consul.kv.get({ key: 'app/two', raw: true })
assert.equal(String(two), 'zwei €')
assert.equal(await consul.kv.get('app/none'), undefined)
assert.deepEqual(await consul.kv.keys('app/'), ['app/one', 'app/two'])
assert.deepEqual(await consul.kv.keys({ key: '', separator: '/' }), ['app/'])
const all = await consul.kv.get({ key: 'app/', recurse: true })
assert.deepEqual(
  all.map(({ Key, Value, Flags }) => [Key, Value, Flags]),
  [
    ['app/one', 'value 1', 0],
    ['app/two', 'zwei €', 42],
  ],
)
const cas = (value, index) => consul.kv.set({ key: 'app/one', value, cas: index })
// This client tells a false of Consul as undefined.
assert.equal(await cas('new', '1000'), undefined)
assert.equal(await cas('new', one.ModifyIndex), true)

// Sessions and locks.
const { ID } = await consul.session.create({
  lockdelay: '0s',
  behavior: 'release',
  ttl: '15s',
  name: 'js',
})
const other = await consul.session.create({ lockdelay: '1s' })
assert.equal((await consul.session.get(ID)).Name, 'js')
assert.equal((await consul.session.list()).length, 2)
assert.equal((await consul.session.renew(ID))[0].TTL, '15s')
const lock = (options) => consul.kv.set({ key: 'lock', value: 'x', ...options })
assert.equal(await lock({ acquire: ID }), true)
assert.equal(await lock({ acquire: other.ID }), undefined)
assert.equal((await consul.kv.get('lock')).Session, ID)
assert.equal(await lock({ release: ID }), true)
assert.equal(await lock({ acquire: other.ID }), true)
await consul.session.destroy(other.ID)
assert.equal(await lock({ acquire: ID }), undefined, 'the lock delay')
await assert.rejects(consul.session.renew(other.ID))

// A transaction.
const done = await consul.transaction.create([
  { KV: { Verb: 'set', Key: 'txn/a', Value: Buffer.from('1').toString('base64') } },
  { KV: { Verb: 'get', Key: 'app/two' } },
])
assert.equal(done.Results.length, 2)

// A watch sees each change.
const watch = consul.watch({
  method: consul.kv.get,
  options: { key: 'watched' },
  backoffFactor: 100,
})
const seen = []
const finished = new Promise((resolve, reject) => {
  watch.on('error', reject)
  watch.on('change', async (data) => {
    seen.push(data?.Value)
    if (data === undefined) await consul.kv.set('watched', 'first')
    else if (data.Value === 'first') await consul.kv.set('watched', 'second')
    else resolve()
  })
})
await finished
watch.end()
assert.deepEqual(seen, [undefined, 'first', 'second'])

await consul.kv.del('app/one')
await consul.kv.del({ key: 'app/', recurse: true })
await assert.rejects(consul.kv.keys('app/'))
// What is not offered says so.
await assert.rejects(consul.query.list(), /not implemented/)
process.stdout.write('passed\n')
process.exit(0)
