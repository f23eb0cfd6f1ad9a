import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock, Scope } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import type { InstanceTotals, SnapshotOp } from '../../contracts/snapshot.ts'
import { startStorage } from '../../platform/storage/storage.ts'
import { defaultService, settingsSchema } from '../../settings.ts'
import { startDiscovery } from '../discovery/discovery.ts'
import { noListeners } from '../../platform/listeners/testing/none.ts'
import type { GatewayConfig } from './api.ts'
import { openKeyStore } from './issuers/key-store.ts'
import { openQuotaStore } from './quota-store.ts'
import { openBreakerOrders } from './breaker-orders.ts'
import { GatewayListenerError } from './data-listeners.ts'
import { startGateway } from './gateway.ts'
import { createFakeData } from './testing/fake-data.ts'
import { type OutboundListener, specifyGateway } from './specify.ts'

const defaults = defaultService()
const configOf = (file: object): GatewayConfig => ({
  settings: settingsSchema.parse(file),
  defaults,
  sourceOf: (path) => path.join('.'),
  folder: '.',
})

async function start(
  t: TestContext,
  file: object,
  options: { taken?: number[]; store?: OutboundListener[]; clock?: Clock } = {},
) {
  const storage = await startStorage({ file: ':memory:' })
  const releases: (() => void | Promise<void>)[] = [() => storage.close()]
  t.after(async () => {
    for (const release of releases.toReversed()) await release()
  })
  const scope: Scope = {
    name: 'test',
    clock: options.clock ?? systemClock,
    random: () => 0,
    log: () => {},
    listeners: noListeners,
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
  }
  const config = configOf(file)
  const discoveryConfig = ({ settings }: GatewayConfig) => ({
    limits: settings.discovery,
    services: settings.services,
    folder: '.',
  })
  const needs = { storage, everywhere: () => Promise.resolve() }
  const { api: discovery, ...rest } = await startDiscovery(discoveryConfig(config), needs, scope)
  const taken = new Set(options.taken)
  const data = createFakeData(taken)
  const { channel } = data
  const saved: (readonly OutboundListener[])[] = []
  const store = { isFull: false }
  const portStore = {
    load: async () => options.store ?? [],
    save: async (listeners: readonly OutboundListener[]) => {
      if (store.isFull) throw new Error('the disk is full')
      saved.push(listeners)
    },
  }
  const breakerOrders = await openBreakerOrders(storage)
  const keyStore = await openKeyStore(storage)
  const quotaStore = await openQuotaStore(storage)
  const part = await startGateway(
    config,
    { discovery, channel, portStore, breakerOrders, keyStore, quotaStore },
    scope,
  )
  /** A reload that nobody else refuses. */
  const reload = async (next: GatewayConfig) => {
    const before = await rest.prepare?.(discoveryConfig(next))
    const prepared = await part.prepare?.(next)
    await before?.commit()
    await prepared?.commit()
  }
  const put = (service: string, id: string) => {
    discovery.putInstance(
      { service, id, host: '127.0.0.1', port: 1, weight: 1 },
      { origin: 'run', checks: [] },
    )
    discovery.flush()
  }
  const remove = (service: string, id: string) => {
    discovery.removeInstance(service, id)
    discovery.flush()
  }
  return { part, gateway: part.api, discovery, data, saved, store, taken, put, remove, reload }
}

const file = {
  listen: { gateway: 8080 },
  services: {
    web: { run: 'w', calls: ['orders'], pending: 1 },
    orders: { run: 'o', calls: [], pending: 2 },
  },
}
const toldOf = (url: string) => ({ ORDERS_URL: url, services__orders__http__0: url })

test('what services get as sampled is settled by gateway.tracing.sampleRate', () => {
  const specOf = (file: object) => {
    const { settings, sourceOf } = configOf(file)
    return specifyGateway(settings, sourceOf, [])
  }
  assert.equal(specOf({}).traceSampleRate, 1)
  assert.equal(specOf({ gateway: { tracing: { sampleRate: '25%' } } }).traceSampleRate, 0.25)
  assert.throws(() => specOf({ gateway: { tracing: { sampleRate: 25 } } }))
})

test('data follows discovery: only what is routable, and services by registration alone', async (t) => {
  const { gateway, discovery, data, put, remove } = await start(t, file)
  await gateway.begin()
  assert.deepEqual(data.names(), ['orders 2', 'web 1'])
  put('orders', 'orders-1')
  put('guest', 'guest-1')
  assert.deepEqual(data.names(), [
    'guest 1024',
    'guest/guest-1',
    'orders 2',
    'orders/orders-1',
    'web 1',
  ])
  assert.equal(gateway.isRouted('orders', 'orders-1'), true)
  discovery.setDraining('orders', 'orders-1', true)
  discovery.flush()
  assert.equal(gateway.isRouted('orders', 'orders-1'), false)
  remove('orders', 'orders-1')
  remove('guest', 'guest-1')
  assert.deepEqual(data.names(), ['orders 2', 'web 1'])
})

test('a service that leaves the file stays while somebody has registered an instance', async (t) => {
  const { gateway, discovery, data, put, remove, reload } = await start(t, file)
  await gateway.begin()
  put('orders', 'guest-1')
  const next = configOf({ services: { web: { run: 'w', pending: 7 } } })
  await reload(next)
  discovery.flush()
  assert.deepEqual(data.names(), ['orders 1024', 'orders/guest-1', 'web 7'])
  remove('orders', 'guest-1')
  assert.deepEqual(data.names(), ['web 7'])
})

test('a listener that is taken, a full disk, another part that refuses: everything is as it was', async (t) => {
  const { part, gateway, data, saved, store, taken, put, remove } = await start(t, file)
  await gateway.begin()
  put('guest', 'guest-1')
  const before = {
    all: data.all(),
    urls: gateway.outboundUrls('web'),
    listeners: gateway.listeners(),
  }
  taken.add(9999)
  const next = configOf({
    listen: { gateway: 9999 },
    services: { guest: { run: 'g', pending: 3 } },
  })
  await assert.rejects(
    async () => part.prepare?.(next),
    (error) => {
      assert.ok(error instanceof GatewayListenerError)
      assert.match(error.message, /'gateway'.*EADDRINUSE/)
      return true
    },
  )
  taken.delete(9999)
  store.isFull = true
  await assert.rejects(async () => part.prepare?.(next), /the disk is full/)
  store.isFull = false
  const prepared = await part.prepare?.(next)
  await prepared?.cancel?.()
  const byText = (ops: readonly SnapshotOp[]) => ops.map((op) => JSON.stringify(op)).toSorted()
  assert.deepEqual(byText(data.all()), byText(before.all))
  assert.deepEqual(gateway.outboundUrls('web'), before.urls)
  assert.deepEqual(gateway.listeners(), before.listeners)
  assert.deepEqual(saved.at(-1), saved[0])
  remove('guest', 'guest-1')
  assert.deepEqual(data.names(), ['orders 2', 'web 1'], 'it is not of the file, and goes')
})

test('an automatic listener that is taken is told and is no error', async (t) => {
  const { gateway } = await start(t, { services: {} }, { taken: [8080] })
  await gateway.begin()
  assert.deepEqual(
    gateway.listeners().map(({ status }) => `${status.id} ${status.error}`),
    ['gateway EADDRINUSE'],
  )
})

test('an outbound listener keeps its port over a restart, and moves only when it is taken', async (t) => {
  const store = [{ caller: 'web', service: 'orders', port: 24_000 }]
  const kept = await start(t, file, { store })
  await kept.gateway.begin()
  assert.deepEqual(kept.gateway.outboundUrls('web'), toldOf('http://127.0.0.1:24000'))
  const moved = await start(t, file, { store, taken: [24_000, 20_000] })
  await moved.gateway.begin()
  assert.deepEqual(moved.gateway.outboundUrls('web'), toldOf('http://127.0.0.1:20001'))
  assert.deepEqual(moved.saved, [[{ caller: 'web', service: 'orders', port: 20_001 }]])
  assert.deepEqual(moved.gateway.outboundUrls('orders'), {})
})

test('drained: true when data says so, false when the time is over; its totals are forgotten', async (t) => {
  const timers: (() => void)[] = []
  const clock: Clock = {
    ...systemClock,
    after(delayMs, callback) {
      if (delayMs === 1234) timers.push(callback)
      return () => {}
    },
  }
  const { gateway, discovery, data, put } = await start(t, file, { clock })
  put('orders', 'orders-1')
  const lost = { accessLogDropped: 0, accessLogLost: 0, recordsDropped: 0 }
  const process = { connections: [], requests: [], limited: {}, handshakes: {}, ...lost }
  const row = { service: 'orders', id: 'orders-1' } as InstanceTotals
  data.saysTotals({ type: 'totals', atMs: 1, edges: [], instances: [row], process })
  assert.equal(gateway.totals.instance('orders', 'orders-1'), row)
  const drain = (isDraining: boolean) => {
    discovery.setDraining('orders', 'orders-1', isDraining)
    discovery.flush()
  }
  const first = gateway.drained('orders', 'orders-1', 1234)
  drain(true)
  data.saysDrained('orders', 'orders-2')
  data.saysDrained('orders', 'orders-1')
  assert.equal(await first, true)
  assert.equal(gateway.totals.instance('orders', 'orders-1'), undefined)
  const again = gateway.drained('orders', 'orders-1', 1234)
  const removal = data.removalOf('orders', 'orders-1')
  drain(false)
  drain(true)
  assert.ok(data.removalOf('orders', 'orders-1') > removal, 'asked anew, then removed anew')
  data.saysDrained('orders', 'orders-1', removal)
  assert.equal(
    await Promise.race([again, turn('an old removal ends no new wait')]),
    'an old removal ends no new wait',
  )
  data.saysDrained('orders', 'orders-1')
  assert.equal(await again, true)
  const second = gateway.drained('orders', 'orders-1', 1234)
  await turn()
  timers.at(-1)?.()
  assert.equal(await second, false)
  assert.equal(await gateway.why('x'), undefined)
  assert.deepEqual(await gateway.recent(1, false), [])
})

test('the gateway specification: listeners, routes and what is off', async (t) => {
  const { data, gateway } = await start(t, {
    listen: { gateway: 'localhost:8081' },
    services: { orders: { run: 'o', calls: [] } },
    gateway: {
      routes: [
        {
          host: 'API.Example',
          path: '/a/**',
          methods: ['GET'],
          headers: { 'X-Beta': '*' },
          to: 'orders',
          timeout: '2s',
        },
        { tcp: 5432, to: 'orders' },
        { tcp: 'off', to: 'orders' },
      ],
    },
  })
  await gateway.begin()
  const spec = data.all().find((op) => op.op === 'gateway')?.gateway
  assert.deepEqual(
    spec?.listeners.map(({ id, host, port }) => `${id} ${host} ${port}`),
    ['gateway 127.0.0.1 8081', 'gateway-2 ::1 8081', 'tcp-5432 127.0.0.1 5432'],
  )
  assert.equal(spec.routes.length, 1)
  const [route] = spec.routes
  assert.deepEqual(
    [route?.id, route?.source, route?.hosts, route?.headers, route?.to, route?.timeoutMs],
    [
      'GET api.example /a/**',
      'gateway.routes.0',
      ['api.example'],
      { 'x-beta': '*' },
      [{ service: 'orders', weight: 1 }],
      2000,
    ],
  )
  const off = await start(t, { listen: { default: 'off' } })
  assert.deepEqual(off.gateway.listeners(), [])
})

test('a reload opens what is new beside what is open, and switches at once', async (t) => {
  const { part, gateway, data } = await start(t, file)
  await gateway.begin()
  const listening = () =>
    (data.all().find((op) => op.op === 'gateway')?.gateway.listeners ?? []).map(
      ({ id, port }) => `${id} ${port}`,
    )
  const before = listening()
  const next = configOf({
    listen: { gateway: 8081 },
    services: { web: { run: 'w', calls: ['orders', 'users'] }, orders: {}, users: {} },
  })
  const prepared = await part.prepare?.(next)
  assert.deepEqual(listening(), [...before, 'gateway (next) 8081', 'outbound/web/users 20001'])
  assert.deepEqual(data.names(), ['orders 2', 'web 1'], 'services are as they were')
  assert.deepEqual(
    gateway.listeners().map(({ spec }) => spec.port),
    [8080, 20_000],
  )
  await prepared?.commit()
  assert.deepEqual(listening(), [
    'gateway 8081',
    'outbound/web/orders 20000',
    'outbound/web/users 20001',
  ])
  assert.deepEqual(data.names(), ['orders 1024', 'users 1024', 'web 1024'])
})

test('many services without calls share one listener a callee; what was told before stays true', async (t) => {
  const many = (count: number, more: object = {}) => ({
    listen: { gateway: 8080 },
    services: {
      ...Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, { run: 'x' }])),
      ...more,
    },
  })
  const { gateway, reload, data } = await start(t, many(20))
  await gateway.begin()
  const before = gateway.outboundUrls('s0')
  assert.equal(Object.keys(before).length, 2 * 19)
  await reload(configOf(many(21, { last: { run: 'x', calls: ['s1', 'last'] } })))
  const after = gateway.outboundUrls('s0')
  assert.deepEqual({ ...after, ...before }, after)
  assert.equal(Object.keys(after).length, 2 * 21)
  assert.equal(after['LAST_URL'], gateway.outboundUrls('s1')['LAST_URL'])
  assert.notEqual(after['S1_URL'], gateway.outboundUrls('last')['S1_URL'], 'named by calls')
  assert.equal(Object.keys(gateway.outboundUrls('last')).length, 2 * 2)
  const outbound =
    data
      .all()
      .find((op) => op.op === 'gateway')
      ?.gateway.listeners.slice(1) ?? []
  assert.equal(outbound.length, 20 * 19 + 2 + 22)
  const fresh = await start(t, many(300))
  await fresh.gateway.begin()
  assert.equal(fresh.gateway.listeners().length, 1 + 300)
  assert.equal(Object.keys(fresh.gateway.outboundUrls('s7')).length, 2 * 299)
})
