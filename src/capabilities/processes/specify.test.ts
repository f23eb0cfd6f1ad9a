import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsSchema } from '../../settings.ts'
import { fitsSpecification, specifyProcess, stopOrders } from './specify.ts'

function specify(service: object, slot = 1, more: object = {}) {
  const { orders } = settingsSchema.parse({
    services: { orders: { run: 'node o.js', ...service } },
  }).services
  assert.ok(orders)
  const context = {
    folder: '/srv/shop',
    inherited: {},
    urls: {},
    listeners: {},
    stopOrder: 1,
    ...more,
  }
  return specifyProcess('orders', orders, slot, context)
}

test('the words, the folder and the environment of an instance', () => {
  const spec = specify(
    { run: "node '$NAME' $NAME $PORT", folder: 'services', env: { NAME: 'a b' } },
    3,
  )
  assert.deepEqual(spec.argv, ['node', '$NAME', 'a b', '$PORT'])
  assert.equal(spec.cwd, '/srv/shop/services')
  assert.equal(spec.id, 'orders-3')
  assert.deepEqual(spec.env, {
    OTEL_SERVICE_NAME: 'orders',
    BACKPLANE_SERVICE: 'orders',
    BACKPLANE_INSTANCE: 'orders-3',
    NAME: 'a b',
  })
})

test('what is only ours is not handed on; what is nearer wins', () => {
  const inherited = {
    PATH: '/bin',
    BACKPLANE_BOOT: '{}',
    BACKPLANE_TOKEN: 'secret',
    NODE_CHANNEL_FD: '3',
    NODE_CHANNEL_SERIALIZATION_MODE: 'json',
    NODE_UNIQUE_ID: '1',
    NODE_OPTIONS: '--trace-warnings',
    USERS_URL: 'inherited',
    LISTENER: 'inherited',
    GONE: undefined,
  }
  const { env } = specify({ env: { LISTENER: 'file' } }, 1, {
    inherited,
    urls: { USERS_URL: 'http://127.0.0.1:1', LISTENER: 'url' },
    listeners: { BACKPLANE_URL: 'http://x' },
  })
  assert.deepEqual(Object.keys(env).toSorted(), [
    'BACKPLANE_INSTANCE',
    'BACKPLANE_SERVICE',
    'BACKPLANE_URL',
    'LISTENER',
    'NODE_OPTIONS',
    'OTEL_SERVICE_NAME',
    'PATH',
    'USERS_URL',
  ])
  assert.equal(env['LISTENER'], 'file')
  assert.equal(env['USERS_URL'], 'http://127.0.0.1:1')
})

test('equal hashes: every slot, any order of variables, other listeners of ours', () => {
  const run = 'node o.js --name $BACKPLANE_INSTANCE --admin $BACKPLANE_URL'
  const { hash } = specify({ run }, 1, { inherited: { A: '1', B: '2' } })
  assert.equal(specify({ run }, 2, { inherited: { B: '2', A: '1' } }).hash, hash)
  const listeners = {
    BACKPLANE_URL: 'http://127.0.0.1:9',
    BACKPLANE_GATEWAY_URL: 'http://127.0.0.1:8',
  }
  assert.equal(specify({ run }, 1, { inherited: { A: '1', B: '2' }, listeners }).hash, hash)
})

test('other hashes: whatever makes another process', () => {
  const hashes = [
    specify({}),
    specify({ run: 'node p.js' }),
    specify({ run: ['node', 'o.js'] }),
    specify({ folder: 'x' }),
    specify({ env: { A: '1' } }),
    specify({ env: { A: '2' } }),
    specify({ port: 80 }),
    specify({ stop: { grace: '1s' } }),
    specify({ restart: { loop: 9 } }),
    specify({}, 1, { inherited: { A: '1' } }),
  ].map(({ hash }) => hash)
  assert.equal(new Set(hashes).size, hashes.length)
})

test('variables of ours: a new one and one that has gone are no reason for another process, another value is', () => {
  const withUrls = (urls: Record<string, string>, listeners: Record<string, string> = {}) => {
    const context = { urls, listeners }
    return { spec: specify({}, 1, context), context }
  }
  const fits = (running: ReturnType<typeof withUrls>, wanted: ReturnType<typeof withUrls>) =>
    fitsSpecification(running.spec, wanted.spec, wanted.context)
  const none = withUrls({})
  const users = withUrls({ USERS_URL: 'http://127.0.0.1:2' }, { CONSUL_HTTP_ADDR: '127.0.0.1:1' })
  assert.ok(fits(none, users))
  assert.ok(fits(users, none))
  assert.ok(!fits(users, withUrls({ USERS_URL: 'http://127.0.0.1:3' })))
  assert.ok(!fits(users, withUrls({}, { CONSUL_HTTP_ADDR: '127.0.0.1:2' })))
  const moved = withUrls({}, { BACKPLANE_URL: 'http://127.0.0.1:9' })
  assert.ok(fits(withUrls({}, { BACKPLANE_URL: 'http://127.0.0.1:8' }), moved))
  assert.ok(!fitsSpecification(none.spec, specify({ env: { A: '1' } }), none.context))
  const byFile = specify({ env: { USERS_URL: 'mine' } })
  assert.ok(
    fitsSpecification(
      byFile,
      specify({ env: { USERS_URL: 'mine' } }, 1, users.context),
      users.context,
    ),
    'what the file sets stands above ours',
  )
  const inherited = specify({}, 1, { inherited: { USERS_URL: 'inherited' } })
  const covered = specify({}, 1, { inherited: { USERS_URL: 'inherited' }, ...users.context })
  assert.ok(!fitsSpecification(inherited, covered, users.context), 'it had another value')
})

test('what others wait for stops last', () => {
  const { services } = settingsSchema.parse({
    services: {
      web: { run: 'w', after: ['orders', 'users'] },
      orders: { run: 'o', after: ['users'] },
      users: { run: 'u' },
      lone: { run: 'l' },
      a: { run: 'a', after: ['b'] },
      b: { run: 'b', after: ['a'] },
    },
  })
  const orders = stopOrders(services)
  const of = (name: string) => orders.get(name) ?? Number.NaN
  assert.ok(of('web') > of('orders') && of('orders') > of('users'))
  assert.equal(of('lone'), of('users'))
  assert.equal(orders.size, 6, 'a circle, which the check of the file refuses, does not hang')
})
