import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBackplane, until, type Running } from '../../harness/backplane.ts'
import { findInstalled } from '../harness/clients.ts'
import { startProgram } from '../harness/programs.ts'

/** Resolvers are asked at port 53, which is for root, and only there: an address of loopback that nobody else has. */
const dnsHost = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255}`

/** Prometheus reads /etc/resolv.conf: one of its own, in a mount namespace. */
const mayUnshare = ((): boolean => {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
})()

interface Target {
  readonly scrapePool: string
  readonly scrapeUrl: string
  readonly lastError: string
  readonly discoveredLabels: Readonly<Record<string, string>>
}

async function startPrometheus(
  t: TestContext,
  configuration: string,
  resolver?: string,
): Promise<() => Promise<readonly Target[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-prometheus-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  await writeFile(join(folder, 'prometheus.yml'), configuration)
  const command = [
    'exec prometheus --config.file=prometheus.yml --storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${port} --log.level=warn`,
  ].join(' ')
  const mount = 'mount --bind resolv.conf /etc/resolv.conf && '
  if (resolver !== undefined) {
    await writeFile(join(folder, 'resolv.conf'), `nameserver ${resolver}\n`)
  }
  const args =
    resolver === undefined
      ? ['sh', '-c', command]
      : ['unshare', '--mount', 'sh', '-c', mount + command]
  startProgram(t, { command: 'env', args, env: {} }, { cwd: folder })
  return async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/targets`).catch(() => undefined)
    if (response?.ok !== true) return []
    const body = (await response.json()) as { data: { activeTargets: readonly Target[] } }
    return body.data.activeTargets
  }
}

async function register(eureka: string, id: string, port: number): Promise<void> {
  const instance = {
    instanceId: id,
    app: 'ORDERS',
    hostName: '127.0.0.1',
    ipAddr: '127.0.0.1',
    status: 'UP',
    port: { $: port, '@enabled': 'true' },
    metadata: { zone: 'a' },
    dataCenterInfo: { '@class': 'x', name: 'MyOwn' },
  }
  const response = await fetch(`${eureka}/apps/ORDERS`, {
    method: 'POST',
    body: JSON.stringify({ instance }),
  })
  assert.equal(response.status, 204)
}

const urlsOf = (targets: readonly Target[]): string =>
  targets
    .map(({ scrapeUrl }) => new URL(scrapeUrl).host)
    .toSorted()
    .join()

async function follows(
  targets: () => Promise<readonly Target[]>,
  backplane: Running,
  host: string,
): Promise<Target | undefined> {
  const eureka = `http://${backplane.ready.listen['eureka']}/eureka`
  await register(eureka, 'one', 7001)
  await register(eureka, 'two', 7002)
  const seen = (hosts: string) =>
    until(async () => urlsOf(await targets()) === hosts, `the targets ${hosts}`, 40_000)
  await seen(`${host}:7001,${host}:7002`)
  const [first] = await targets()
  await fetch(`${eureka}/apps/ORDERS/one`, { method: 'DELETE' })
  await seen(`${host}:7002`)
  return first
}

test('Prometheus finds its targets over Eureka, and follows them', async (t) => {
  if (findInstalled(t, '/usr/bin/prometheus', 'prometheus') === undefined) return
  const backplane = await startBackplane({
    config: 'listen: { default: off, console: 0, eureka: 0 }\n',
  })
  t.after(() => backplane[Symbol.asyncDispose]())
  const targets = await startPrometheus(
    t,
    `
scrape_configs:
  - job_name: eureka
    eureka_sd_configs:
      - { server: "http://${backplane.ready.listen['eureka']}/eureka", refresh_interval: 1s }
`,
  )
  const target = await follows(targets, backplane, '127.0.0.1')
  const labels = target?.discoveredLabels ?? {}
  assert.equal(labels['__meta_eureka_app_name'], 'ORDERS')
  assert.equal(labels['__meta_eureka_app_instance_status'], 'UP')
  assert.equal(labels['__meta_eureka_app_instance_metadata_zone'], 'a')
})

test('Prometheus finds its targets over DNS, and follows them', async (t) => {
  if (findInstalled(t, '/usr/bin/prometheus', 'prometheus') === undefined) return
  if (!mayUnshare) return t.skip('a resolver at port 53 and a resolv.conf of one’s own need root')
  const backplane = await startBackplane({
    config: `listen: { default: off, console: 0, eureka: 0, consul-dns: "${dnsHost}:53" }\n`,
  })
  t.after(() => backplane[Symbol.asyncDispose]())
  const targets = await startPrometheus(
    t,
    `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: dns
    dns_sd_configs:
      - { names: [_orders._tcp.service.consul], refresh_interval: 1s }
`,
    dnsHost,
  )
  const target = await follows(targets, backplane, '7f000001.addr.dc1.consul')
  assert.equal(target?.discoveredLabels['__meta_dns_name'], '_orders._tcp.service.consul')
  // Nobody serves the port; but where it is was found out over DNS, too.
  const tried = await until(
    async () => (await targets()).find(({ lastError }) => lastError !== ''),
    'the first scrape',
    70_000,
  )
  assert.match(tried.lastError, /127\.0\.0\.1:7002: connect: connection refused/)
})

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })
}
