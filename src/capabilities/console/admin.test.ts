import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { LATENCY_BOUNDS_MS, type EdgeTotals } from '../../contracts/snapshot.ts'
import { serveRoutes } from '../../platform/http/testing/serve.ts'
import { gatewayMetrics } from '../gateway/metrics.ts'
import { configOf, running, startHouse } from '../processes/testdata/house.ts'
import { registerStateRoutes } from './admin.ts'
import { createFeedHub, SUBSCRIBERS_MAX } from './feed-hub.ts'
import type { ConsoleNeeds } from './needs.ts'
import { createServiceViews } from './picture.ts'
import { serveConsole } from './static-files.ts'

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
  const instances = Array.from({ length: 250 }, (_, at) => ({
    id: `orders-${at + 1}`,
    host: '127.0.0.1',
    port: 1,
    source: 'run' as const,
    isRoutable: true,
    health: 'passing' as const,
    checks: [],
  }))
  const totals = {
    edges: () => [edge].values(),
    instances: () => [].values(),
    instance: () => undefined,
    process: () => undefined,
  }
  const needs = {
    house: {
      routes: () => [],
      metrics: () => [...gatewayMetrics(totals), ...(house.part.metrics?.() ?? [])],
      problems: () => [],
    },
    listeners: { views: () => [] },
    gateway: { totals },
    processes: house.processes,
    discovery: {
      services: () => ['constructor', '__proto__'].map((name) => ({ name })),
      instances: (name: string) => (name === 'orders' ? instances : []),
      problemOf: () => undefined,
    },
    configuration: () => ({
      settings: config.settings,
      file: 'backplane.yaml',
      overlay: '',
      sourceOf: (path: readonly (string | number)[]) => `line of ${path.join('/')}`,
      effective: () => ({ services: { orders: { run: 'node o' } } }),
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
  const hub = createFeedHub(picture)
  const assets = mkdtempSync(join(tmpdir(), 'backplane-console-'))
  mkdirSync(join(assets, 'assets'))
  writeFileSync(join(assets, 'index.html'), '<title>the console</title>')
  writeFileSync(join(assets, 'assets', 'index-1a.js'), 'run()')
  writeFileSync(join(assets, 'assets', '.hidden'), 'secret')
  t.after(() => rmSync(assets, { recursive: true }))
  t.after(() => hub.close())
  const served = await serveRoutes(t, [
    (app) => registerStateRoutes(app, { needs, hub, picture, isReady: () => state.isReady }),
    (app) => serveConsole(app, assets),
  ])
  return { ...house, ...served, state, config, hub }
}

test('health and ready', async (t) => {
  const { call, state } = await start(t)
  assert.equal((await call('/health')).status, 200)
  assert.equal((await call('/ready')).status, 503)
  state.isReady = true
  assert.equal((await call('/ready')).status, 200)
})

test('the configuration, with its lines and what differs from the file', async (t) => {
  const { call, processes } = await start(t)
  await processes.scale('orders', 3)
  const shown = JSON.parse((await call('/api/v1/config')).text) as {
    overrides: unknown
    sources: Record<string, string>
  }
  assert.deepEqual(shown.overrides, [
    { service: 'orders', setting: 'instances', value: '3', file: '2' },
  ])
  assert.equal(shown.sources['services.orders.run'], 'line of services/orders/run')
})

test('names of services that every object has are names like others', async (t) => {
  const { call } = await start(t)
  const answer = await call('/api/v1/status')
  assert.equal(answer.status, 200)
  const { services } = JSON.parse(answer.text) as { services: { name: string; state: string }[] }
  assert.deepEqual(
    services.filter(({ state }) => state === 'empty').map(({ name }) => name),
    ['constructor', '__proto__'],
  )
})

test('the console after the last one that is served gets 503 with a code', async (t) => {
  const { open, call, hub } = await start(t)
  const feeds = await Promise.all(
    Array.from({ length: SUBSCRIBERS_MAX }, () => open('/api/v1/feed')),
  )
  const refused = await call('/api/v1/feed')
  assert.equal(refused.status, 503)
  assert.match(refused.text, /ERR_CONSOLE_FEEDS_FULL/)
  feeds[0]?.destroy()
  while (hub.subscriberCount === SUBSCRIBERS_MAX) await turn()
  assert.equal((await open('/api/v1/feed')).statusCode, 200)
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
    if (/^# (HELP|TYPE) [a-z_][a-z0-9_]* .+$/.test(line)) continue
    const match =
      /^([a-z_][a-z0-9_]*(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\+Inf|-?[0-9.e+-]+)$/.exec(
        line,
      )
    assert.ok(match, line)
    assert.ok(!series.has(match[1] ?? ''), `twice: ${line}`)
    series.add(match[1] ?? '')
  }
  const labels = 'caller="",route="a\\\\b\\"c\\nd",service="orders"'
  for (const line of [
    `backplane_gateway_requests_total{${labels},status="2xx"} 5`,
    `backplane_gateway_request_duration_seconds_bucket{${labels},le="0.0005"} 5`,
    `backplane_gateway_request_duration_seconds_bucket{${labels},le="+Inf"} 8`,
    `backplane_gateway_request_duration_seconds_count{${labels}} 8`,
    `backplane_gateway_request_duration_seconds_sum{${labels}} 1.5`,
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
