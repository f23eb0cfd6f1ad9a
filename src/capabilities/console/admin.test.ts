import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createListenerApp, openListener } from '../../platform/http/listener.ts'
import { LATENCY_BOUNDS_MS, type EdgeTotals } from '../../contracts/snapshot.ts'
import type { OutputLine } from '../../contracts/supervisor.ts'
import { configOf, running, startHouse } from '../processes/testdata/house.ts'
import { registerAdminRoutes } from './admin.ts'
import { createFeedHub } from './feed-hub.ts'
import type { ConsoleNeeds } from './needs.ts'
import { createServiceViews } from './picture.ts'
import { serveConsole } from './static-files.ts'

type OnLines = (lines: readonly OutputLine[], dropped: number) => void | Promise<void>

const nasty = 'a\\b"c\nd'
const edge: EdgeTotals = {
  caller: '',
  route: nasty,
  service: 'orders',
  statuses: [1, 0, 5, 0, 0, 2],
  reasons: { 'no-route': 2 },
  retries: 1,
  requestBytes: 0,
  responseBytes: 0,
  latencyCounts: [2, 3, ...LATENCY_BOUNDS_MS.slice(2).map(() => 0), 3],
  latencySumMs: 1500,
  inFlight: 0,
}

async function start(t: TestContext) {
  const config = configOf({
    orders: { run: 'node o', instances: 2 },
    migrate: { run: 'm', task: true },
  })
  const house = await startHouse(t, config)
  house.processes.begin(config)
  house.supervisor.says('orders-1', running(41_000))
  const follows: { ids: readonly string[]; tail: number; onLines: OnLines; isStopped: boolean }[] =
    []
  const instances = Array.from({ length: 250 }, (_, at) => ({
    id: `orders-${at + 1}`,
    address: '127.0.0.1:1',
    source: 'run' as const,
    isRoutable: true,
    health: 'passing' as const,
    checks: [],
  }))
  const needs = {
    gateway: {
      listeners: () => [],
      why: (id: string) => Promise.resolve(id === 'known' ? { requestId: id } : undefined),
      recent: (limit: number, onlyFailed: boolean) => Promise.resolve([{ limit, onlyFailed }]),
      totals: {
        edges: () => [edge].values(),
        instances: () => [].values(),
        instance: () => undefined,
        process: () => undefined,
      },
    },
    processes: house.processes,
    discovery: {
      services: () => [],
      instances: (name: string) => (name === 'orders' ? instances : []),
      onChange() {},
    },
    output: {
      follow(ids: readonly string[], tail: number, onLines: OnLines) {
        const one = { ids, tail, onLines, isStopped: false }
        follows.push(one)
        return () => void (one.isStopped = true)
      },
    },
    configuration: () => ({
      settings: config.settings,
      file: 'backplane.yaml',
      overlay: '',
      sourceOf: (path: readonly (string | number)[]) => `line of ${path.join('/')}`,
      effective: () => ({ services: { orders: { run: 'node o' } } }),
      reloadError: '',
    }),
    isDataConnected: () => true,
  } as unknown as ConsoleNeeds
  const views = createServiceViews(needs, () => 0)
  const picture = () => ({
    name: 'shop',
    version: '1',
    startedAtMs: 0,
    listeners: [],
    problems: [],
    ticks: [],
    services: views.list(),
  })
  const state = { isReady: false }
  const options = {
    name: 'console',
    host: '127.0.0.1',
    port: 0,
    hosts: [],
    token: undefined,
    log: () => {},
  }
  const app = createListenerApp(options)
  registerAdminRoutes(app, {
    needs,
    hub: createFeedHub(picture),
    picture,
    isReady: () => state.isReady,
  })
  const assets = mkdtempSync(join(tmpdir(), 'backplane-console-'))
  mkdirSync(join(assets, 'assets'))
  writeFileSync(join(assets, 'index.html'), '<title>the console</title>')
  writeFileSync(join(assets, 'assets', 'index-1a.js'), 'run()')
  writeFileSync(join(assets, 'assets', '.hidden'), 'secret')
  serveConsole(app, assets)
  const listener = await openListener(app, options)
  t.after(async () => {
    await listener.close()
    rmSync(assets, { recursive: true })
  })
  const open = (path: string, method = 'GET', body?: object) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      request({ port: listener.port, path, method, headers, agent: false }, resolve)
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
  const call = async (path: string, method = 'GET', body?: object) => {
    const response = await open(path, method, body)
    return { status: response.statusCode, headers: response.headers, text: await text(response) }
  }
  return { ...house, open, call, follows, state, config }
}

test('health, ready, requests and why', async (t) => {
  const { call, state } = await start(t)
  assert.equal((await call('/health')).status, 200)
  assert.equal((await call('/ready')).status, 503)
  state.isReady = true
  assert.equal((await call('/ready')).status, 200)
  assert.equal((await call('/api/v1/why/known')).text, '{"requestId":"known"}')
  assert.match((await call('/api/v1/why/unknown')).text, /ERR_GATEWAY_REQUEST_UNKNOWN/)
  assert.equal(
    (await call('/api/v1/requests?failed=true&limit=7')).text,
    '[{"limit":7,"onlyFailed":true}]',
  )
  assert.equal((await call('/api/v1/requests?limit=501')).status, 400)
})

test('services are moved, and what differs from the file is shown', async (t) => {
  const { call, told } = await start(t)
  await told()
  assert.equal((await call('/api/v1/services/orders/scale', 'PUT', { instances: 3 })).status, 202)
  assert.deepEqual(await told(), ['start orders-3'])
  for (const body of [{ instances: -1 }, { instances: 1.5 }, {}, { instances: 1001 }]) {
    assert.equal(
      (await call('/api/v1/services/orders/scale', 'PUT', body)).status,
      400,
      JSON.stringify(body),
    )
  }
  const shown = JSON.parse((await call('/api/v1/config')).text) as {
    overrides: unknown
    sources: Record<string, string>
  }
  assert.deepEqual(shown.overrides, [
    { service: 'orders', setting: 'instances', value: '3', file: '2' },
  ])
  assert.equal(shown.sources['services.orders.run'], 'line of services/orders/run')
  for (const [method, path] of [
    ['POST', 'restart'],
    ['POST', 'stop'],
    ['POST', 'start'],
    ['DELETE', 'overrides'],
  ] as const) {
    assert.equal((await call(`/api/v1/services/nobody/${path}`, method)).status, 404, path)
    assert.equal((await call(`/api/v1/services/orders/${path}`, method)).status, 202, path)
  }
})

test('the status shows at most 200 instances and counts all; a stopped task is stopped', async (t) => {
  const { call, processes } = await start(t)
  await processes.stop('migrate')
  const { services } = JSON.parse((await call('/api/v1/status')).text) as {
    services: {
      name: string
      state: string
      instances: unknown[]
      instanceCount: number
      routableCount: number
    }[]
  }
  const orders = services.find(({ name }) => name === 'orders')
  assert.deepEqual(
    [orders?.instances.length, orders?.instanceCount, orders?.routableCount],
    [200, 250, 250],
  )
  assert.equal(services.find(({ name }) => name === 'migrate')?.state, 'stopped')
})

test('metrics: every line parses, labels are escaped, buckets add up', async (t) => {
  const { call } = await start(t)
  const { headers, text: body } = await call('/metrics')
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
  const series = new Set<string>()
  for (const line of body.trimEnd().split('\n')) {
    if (/^# (HELP|TYPE) [a-z_]+ .+$/.test(line)) continue
    const match =
      /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\+Inf|-?[0-9.e+-]+)$/.exec(line)
    assert.ok(match, line)
    assert.ok(!series.has(match[1] ?? ''), `twice: ${line}`)
    series.add(match[1] ?? '')
  }
  const labels = 'caller="gateway",route="a\\\\b\\"c\\nd",service="orders"'
  for (const line of [
    `backplane_gateway_requests_total{${labels},status="2xx"} 5`,
    `backplane_gateway_request_duration_seconds_bucket{${labels},le="0.0005"} 5`,
    `backplane_gateway_request_duration_seconds_bucket{${labels},le="+Inf"} 8`,
    `backplane_gateway_request_duration_seconds_count{${labels}} 8`,
    `backplane_gateway_request_duration_seconds_sum{${labels}} 1.5`,
    'backplane_discovery_instances{service="orders",health="passing"} 250',
    'backplane_discovery_routable_instances{service="orders"} 250',
    'backplane_processes_running{service="orders",instance="orders-1"} 1',
  ]) {
    assert.ok(body.split('\n').includes(line), line)
  }
})

test('the console: its pages and assets, and nothing beside them', async (t) => {
  const { call } = await start(t)
  for (const page of ['/', '/services/orders', '/requests/x', '/config']) {
    const { status, headers, text: body } = await call(page)
    assert.equal(status, 200, page)
    assert.match(body, /the console/)
    assert.match(String(headers['content-security-policy']), /default-src 'self'/)
  }
  const asset = await call('/assets/index-1a.js')
  assert.deepEqual([asset.status, asset.text], [200, 'run()'])
  assert.match(String(asset.headers['content-type']), /^text\/javascript/)
  for (const path of [
    '/assets/../index.html',
    '/assets/%2e%2e/index.html',
    '/assets/..%2findex.html',
    '/assets/.hidden',
    '/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '/assets/x%00.js',
    '/assets/',
    '/assets/missing.js',
    '/index.html',
  ]) {
    assert.equal((await call(path)).status, 404, path)
  }
})

const line = (seq: number, size = 5): OutputLine => ({
  seq,
  atMs: seq,
  process: 'orders-1',
  stream: 'stdout',
  text: 'x'.repeat(size),
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

test('logs without follow end with the tail, also when it comes in several batches', async (t) => {
  const { open, call, follows } = await start(t)
  assert.equal((await call('/api/v1/services/nobody/logs')).status, 404)
  assert.equal((await call('/api/v1/logs?tail=10001')).status, 400)
  const response = await open('/api/v1/services/orders/logs?tail=1500')
  assert.deepEqual([follows[0]?.ids, follows[0]?.tail], [['orders-1', 'orders-2'], 1500])
  await follows[0]?.onLines(
    Array.from({ length: 1000 }, (_, at) => line(at)),
    0,
  )
  await follows[0]?.onLines(
    Array.from({ length: 500 }, (_, at) => line(at)),
    0,
  )
  const events = (await text(response)).trim().split('\n\n')
  const counts = events.map(
    (event) => (JSON.parse(event.slice(6)) as { lines: unknown[] }).lines.length,
  )
  assert.deepEqual(counts, [1000, 500])
  await until(() => follows[0]?.isStopped === true)
  const silent = await open('/api/v1/logs')
  await follows[1]?.onLines([], 0)
  assert.equal(await text(silent), '', 'nothing was written yet')
})

test('a reader of logs that does not read holds back the next batch; when it leaves, all is released', async (t) => {
  const { open, follows } = await start(t)
  const response = await open('/api/v1/logs?follow=true&tail=0')
  const [one] = follows
  assert.ok(one)
  let taken = 0
  const feed = async (): Promise<void> => {
    while (taken < 1000 && !one.isStopped) {
      await one.onLines([line(taken, 200_000)], 0)
      taken++
    }
  }
  const fed = feed()
  let before = -1
  // Until nothing moves any more: the buffers of both sockets are full.
  for (let quiet = 0; quiet < 200; quiet++) {
    if (taken !== before) quiet = 0
    before = taken
    await turn()
  }
  assert.ok(taken < 1000, `${taken} batches of 200 kB for nobody`)
  response.destroy()
  await until(() => one.isStopped)
  await fed
})
