import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock, Scope } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import type { SnapshotChannel, Totals } from '../../platform/snapshot/channel.ts'
import type { ListenerStatus, InstanceTotals, SnapshotOp } from '../../contracts/snapshot.ts'
import { createSnapshotModel } from '../../platform/snapshot/model.ts'
import { startStorage } from '../../platform/storage/storage.ts'
import { settingsSchema } from '../../settings.ts'
import { startDiscovery } from '../discovery/discovery.ts'
import { GatewayListenerError, startGateway, urlVariable, type GatewayConfig } from './gateway.ts'
import type { OutboundListener } from './specify.ts'

const defaults = settingsSchema.parse({ services: { any: {} } }).services['any']
assert.ok(defaults)
const configOf = (file: object): GatewayConfig => ({
  settings: settingsSchema.parse(file),
  defaults: defaults,
  sourceOf: (path) => path.join('.'),
})

/** A data plane that applies everything at once; the ports in `taken` cannot be opened. */
function createFakeData(taken: Set<number>) {
  const model = createSnapshotModel()
  const totals: ((message: Totals) => void)[] = []
  const drained: ((service: string, id: string) => void)[] = []
  const channel: SnapshotChannel = {
    hello: new Promise(() => {}),
    isConnected: true,
    begin() {},
    close() {},
    publish(ops) {
      for (const op of ops) model.apply(op)
      return Promise.resolve(statuses())
    },
    ask: (question) => Promise.resolve(question.type === 'why' ? null : 'nonsense'),
    onTotals: (listener) => void totals.push(listener),
    onDrained: (listener) => void drained.push(listener),
  }
  function statuses(): ListenerStatus[] {
    const gateway = model.takeAll().find((op) => op.op === 'gateway')
    return (gateway?.gateway.listeners ?? []).map(({ id, host, port }) => ({
      id,
      host,
      port,
      error: taken.has(port) ? 'EADDRINUSE' : '',
    }))
  }
  return {
    channel,
    all: (): readonly SnapshotOp[] => model.takeAll(),
    /** `service limit` and `service/instance` of what data knows. */
    names: () =>
      model
        .takeAll()
        .flatMap((op) =>
          op.op === 'service'
            ? [`${op.service.name} ${op.service.pendingMax}`]
            : op.op === 'instance'
              ? [`${op.instance.service}/${op.instance.id}`]
              : [],
        )
        .toSorted(),
    saysTotals: (message: Totals) => totals.forEach((listener) => listener(message)),
    saysDrained: (service: string, id: string) =>
      drained.forEach((listener) => listener(service, id)),
  }
}

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
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
  }
  const config = configOf(file)
  const discovery = await startDiscovery(config.settings.discovery, { storage }, scope)
  discovery.configure(config.settings.services, { folder: '.' })
  const taken = new Set(options.taken)
  const data = createFakeData(taken)
  const saved: (readonly OutboundListener[])[] = []
  const portStore = {
    load: () => Promise.resolve(options.store ?? []),
    save: (listeners: readonly OutboundListener[]) => {
      saved.push(listeners)
      return Promise.resolve()
    },
  }
  const gateway = await startGateway(config, { discovery, channel: data.channel, portStore }, scope)
  const put = (service: string, id: string) => {
    discovery.putInstance(
      { service, id, host: '127.0.0.1', port: 1, weight: 1 },
      { source: 'run', checks: [] },
    )
    discovery.flush()
  }
  const remove = (service: string, id: string) => {
    discovery.removeInstance(service, id)
    discovery.flush()
  }
  return { gateway, discovery, data, saved, taken, put, remove }
}

const file = {
  listen: { gateway: 8080 },
  services: {
    web: { run: 'w', calls: ['orders'], pending: 1 },
    orders: { run: 'o', calls: [], pending: 2 },
  },
}

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
  const { gateway, discovery, data, put, remove } = await start(t, file)
  await gateway.begin()
  put('orders', 'guest-1')
  const next = configOf({ services: { web: { run: 'w', pending: 7 } } })
  await gateway.configure(next)
  discovery.configure(next.settings.services, { folder: '.' })
  discovery.flush()
  assert.deepEqual(data.names(), ['orders 1024', 'orders/guest-1', 'web 7'])
  remove('orders', 'guest-1')
  assert.deepEqual(data.names(), ['web 7'])
})

test('a named listener that is taken: the error names it, and everything is as it was', async (t) => {
  const { gateway, data, saved, taken, put, remove } = await start(t, file)
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
  await assert.rejects(gateway.configure(next), (error) => {
    assert.ok(error instanceof GatewayListenerError)
    assert.match(error.message, /'gateway'.*EADDRINUSE/)
    return true
  })
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
  assert.deepEqual(kept.gateway.outboundUrls('web'), { ORDERS_URL: 'http://127.0.0.1:24000' })
  const moved = await start(t, file, { store, taken: [24_000, 20_000] })
  await moved.gateway.begin()
  assert.deepEqual(moved.gateway.outboundUrls('web'), { ORDERS_URL: 'http://127.0.0.1:20001' })
  assert.deepEqual(moved.saved, [[{ caller: 'web', service: 'orders', port: 20_001 }]])
  assert.deepEqual(moved.gateway.outboundUrls('orders'), {})
  assert.equal(urlVariable('payment-service'), 'PAYMENT_SERVICE_URL')
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
  const { gateway, data, put } = await start(t, file, { clock })
  put('orders', 'orders-1')
  const lost = { accessLogDropped: 0, accessLogLost: 0, recordsDropped: 0 }
  const process = { connections: [], requests: [], limited: {}, ...lost }
  const row = { service: 'orders', id: 'orders-1' } as InstanceTotals
  data.saysTotals({ type: 'totals', atMs: 1, edges: [], instances: [row], process })
  assert.equal(gateway.totals.instance('orders', 'orders-1'), row)
  const first = gateway.drained('orders', 'orders-1', 1234)
  data.saysDrained('orders', 'orders-2')
  data.saysDrained('orders', 'orders-1')
  assert.equal(await first, true)
  assert.equal(gateway.totals.instance('orders', 'orders-1'), undefined)
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
