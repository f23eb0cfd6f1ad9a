/**
 * The Consul API over the registry, in a process of its own: `node bench/consul.ts`. 10,000 services x 10 instances, 1,000 watchers on 200 services,
 * TTL heartbeats. Prints a Markdown table for BENCHMARKS.md.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentRoutes } from '../src/capabilities/consul/agent.ts'
import { createWaits } from '../src/capabilities/consul/blocking.ts'
import { createWorld } from '../src/capabilities/consul/catalog-world.ts'
import { catalogRoutes } from '../src/capabilities/consul/catalog.ts'
import { healthRoutes } from '../src/capabilities/consul/health.ts'
import { OPEN } from '../src/capabilities/consul/permissions.ts'
import { createRouter } from '../src/capabilities/consul/router.ts'
import { consulListener } from '../src/capabilities/consul/serve.ts'
import { startDiscovery } from '../src/capabilities/discovery/discovery.ts'
import { systemClock } from '../src/platform/clock.ts'
import { openLean } from '../src/platform/http/lean/lean.ts'
import { noListeners } from '../src/platform/listeners/testing/none.ts'
import { startStorage } from '../src/platform/storage/storage.ts'
import { percentile } from './measure.ts'

const SERVICES = 10_000
const PER_SERVICE = 10
const WATCHED = 200
const WATCHERS = 1_000
const CHANGES = 500
const BEATS = 40_000

/** What is measured: the listener, its routes, the registry and its storage. */
async function serve(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-'))
  const storage = await startStorage({ file: join(folder, 'state.db') })
  const log = () => {}
  const { api: discovery } = await startDiscovery(
    {
      limits: {
        instances: SERVICES * PER_SERVICE + 1_000,
        perClient: 10_000,
        lease: 30_000,
        checks: 256,
      },
      services: {},
      folder,
    },
    { storage, everywhere: () => Promise.resolve() },
    {
      name: 'discovery',
      clock: systemClock,
      random: Math.random,
      log,
      listeners: noListeners,
      stopping: new AbortController().signal,
      onStop: () => {},
    },
  )
  const world = createWorld({
    discovery,
    datacenter: 'dc1',
    node: 'bench',
    address: () => '127.0.0.1',
    allowScripts: false,
  })
  const router = createRouter([
    ...agentRoutes(world),
    ...catalogRoutes(world),
    ...healthRoutes(world),
  ])
  const waits = createWaits(systemClock, Math.random)
  const on = { router, waits, authorizer: OPEN, datacenter: 'dc1', hosts: [], log }
  const at = {
    name: 'consul',
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    mayConnect: () => true,
  }
  const options = consulListener({ ...on, demandsCredentials: true })
  const { port } = await openLean(at, options, log)
  process.on('message', (count: number) => void fill(count))
  const fill = async (count: number) => {
    for (let service = 0; service < count; service += 20) {
      await Promise.all(
        Array.from({ length: 20 * PER_SERVICE }, (_, one) => {
          const name = `service-${service + Math.floor(one / PER_SERVICE)}`
          const id = `${name}-${one % PER_SERVICE}`
          return discovery.register({
            spec: {
              service: name,
              id,
              idOnNode: id,
              host: `10.0.${service & 255}.${one & 255}`,
              port: 8080,
              tags: ['v1', 'blue'],
              meta: { version: '1.2.3' },
            },
            checks: [
              {
                kind: 'ttl',
                id: `service:${id}`,
                isUniqueOnNode: true,
                ttlMs: 600_000,
                initially: 'passing',
              },
            ],
            source: 'consul',
          })
        }),
      )
    }
    globalThis.gc?.()
    process.send?.({ filled: count })
  }
  process.send?.({ port })
  process.once('disconnect', () => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(0)
  })
}

/** A raw connection that asks one thing after the other. */
class Client {
  readonly #socket: Socket
  #text = ''
  #waiting: ((body: string) => void)[] = []
  index = 0

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setEncoding('latin1').on('data', (chunk: string) => this.#read(chunk))
  }

  ask(method: string, path: string): Promise<string> {
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n`)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#text += chunk
    for (;;) {
      const head = this.#text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? -1)
      if (head < 0 || length < 0 || this.#text.length < head + 4 + length) return
      const index = /x-consul-index: (\d+)/i.exec(this.#text.slice(0, head))?.[1]
      if (index !== undefined) this.index = Number(index)
      const body = this.#text.slice(head + 4, head + 4 + length)
      this.#text = this.#text.slice(head + 4 + length)
      this.#waiting.shift()?.(body)
    }
  }
}

async function measure(): Promise<void> {
  const rows: [string, string][] = []
  const child = spawn(
    process.execPath,
    ['--expose-gc', ...process.execArgv, import.meta.filename, '--server'],
    { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] },
  )
  const pid = child.pid ?? 0
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  rows.push(['RSS, nothing registered', megabytes(pid)])
  child.send(SERVICES)
  await once(child, 'message')
  rows.push([
    `RSS, ${SERVICES} services x ${PER_SERVICE} instances with a TTL check`,
    megabytes(pid),
  ])
  const client = new Client(port)
  rows.push(['full catalog read (/v1/catalog/services), best of 5', await bestOf(client)])
  await measureBeats(port, pid, rows)
  await measureWatchers(port, pid, rows)
  client.close()
  child.disconnect()
  await once(child, 'exit')
  print(rows)
}

async function bestOf(client: Client): Promise<string> {
  const times: number[] = []
  for (let count = 0; count < 5; count++) {
    const from = performance.now()
    await client.ask('GET', '/v1/catalog/services')
    times.push(performance.now() - from)
  }
  return `${Math.min(...times).toFixed(0)} ms`
}

async function measureBeats(port: number, pid: number, rows: [string, string][]): Promise<void> {
  const clients = Array.from({ length: 16 }, () => new Client(port))
  const before = cpuMs(pid)
  await Promise.all(
    clients.map(async (client, at) => {
      for (let beat = at; beat < BEATS; beat += clients.length) {
        const id = `service-${beat % SERVICES}-${beat % PER_SERVICE}`
        await client.ask('PUT', `/v1/agent/check/pass/service:${id}`)
      }
    }),
  )
  const perSecond = (BEATS / (cpuMs(pid) - before)) * 1_000
  rows.push([
    'TTL heartbeats by HTTP a second of one core (CPU of the process)',
    Math.round(perSecond).toLocaleString('en'),
  ])
  for (const client of clients) client.close()
}

async function measureWatchers(port: number, pid: number, rows: [string, string][]): Promise<void> {
  const before = residentBytes(pid)
  const watchers = Array.from({ length: WATCHERS }, () => new Client(port))
  const answered = new Map<string, number>()
  let answers = 0
  const follow = async (watcher: Client, service: string) => {
    for (;;) {
      await watcher.ask('GET', `/v1/health/service/${service}?index=${watcher.index}&wait=600s`)
      answers++
      answered.set(service, performance.now())
    }
  }
  watchers.forEach((watcher, at) => void follow(watcher, `service-${at % WATCHED}`))
  // The first answer of each comes at once; then all wait.
  while (answers < WATCHERS) await new Promise((done) => setImmediate(done))
  await new Promise((done) => setTimeout(done, 200))
  rows.push([
    `RSS a waiting query (${WATCHERS} on ${WATCHED} services)`,
    `${((residentBytes(pid) - before) / WATCHERS / 1024).toFixed(1)} KiB`,
  ])
  const writer = new Client(port)
  const times: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    const service = `service-${change % WATCHED}`
    const verb = Math.floor(change / WATCHED) % 2 === 0 ? 'fail' : 'pass'
    const wanted = answers + WATCHERS / WATCHED
    const from = performance.now()
    await writer.ask('PUT', `/v1/agent/check/${verb}/service:${service}-0`)
    while (answers < wanted) await new Promise((done) => setImmediate(done))
    times.push((answered.get(service) ?? Number.NaN) - from)
  }
  rows.push([
    'change to its last watcher (p50, p99)',
    `${percentile(times, 0.5).toFixed(1)} ms, ${percentile(times, 0.99).toFixed(1)} ms`,
  ])
  rows.push([
    'watchers of others that were woken',
    String(answers - WATCHERS - CHANGES * (WATCHERS / WATCHED)),
  ])
  for (const watcher of [...watchers, writer]) watcher.close()
}

function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}

function megabytes(pid: number): string {
  return `${Math.round(residentBytes(pid) / 1024 / 1024)} MiB`
}

/** User and system time of the main thread and all others, in milliseconds. */
function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function print(rows: readonly (readonly [string, string])[]): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  process.stdout.write(
    `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}, commit ${commit}\n\n`,
  )
  process.stdout.write('| what | figure |\n| --- | --- |\n')
  for (const [what, figure] of rows) process.stdout.write(`| ${what} | ${figure} |\n`)
}

if (process.argv.includes('--server')) await serve()
else await measure()
