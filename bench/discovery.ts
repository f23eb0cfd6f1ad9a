/**
 * 100,000 instances with leases, 10,000 waiting watchers: memory, and the CPU of one change.
 * `node bench/discovery.ts [INSTANCES] [WATCHERS]`. Prints a Markdown table for BENCHMARKS.md.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Discovery } from '../src/capabilities/discovery/api.ts'
import { startDiscovery } from '../src/capabilities/discovery/discovery.ts'
import { noListeners } from '../src/platform/listeners/testing/none.ts'
import { parseRegistration } from '../src/capabilities/discovery/registration.ts'
import { systemClock } from '../src/platform/clock.ts'
import { startStorage } from '../src/platform/storage/storage.ts'
import { percentile } from './measure.ts'

const instanceCount = Number(process.argv[2] ?? 100_000)
const watcherCount = Number(process.argv[3] ?? 10_000)
const serviceCount = Math.max(1, Math.floor(instanceCount / 20))
const changeCount = 2_000
const perService = Math.ceil(instanceCount / serviceCount)
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const rows: [string, string][] = []

const registrationOf = (at: number) =>
  parseRegistration(
    `service-${at % serviceCount}`,
    `instance-${at}`,
    {
      host: `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`,
      port: 8_080,
      ttl: '10m',
      tags: ['v1', `zone-${at % 3}`],
      meta: { version: '1.2.3', commit: `c${at}` },
    },
    30_000,
  )

/** What an fsync of this disk takes (median, ms), with so many bytes before it. */
function fsyncMs(bytes: number): number {
  const file = openSync(join(folder, 'fsync'), 'w')
  const page = Buffer.alloc(bytes, 1)
  const times: number[] = []
  for (let at = 0; at < 100; at++) {
    const from = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    times.push(performance.now() - from)
  }
  closeSync(file)
  return percentile(times, 0.5)
}

/** Some clients that wait for each answer: nothing can be quicker than the disk. */
async function registerInTurn(discovery: Discovery): Promise<void> {
  const count = 500
  for (const clients of [1, 16]) {
    const from = performance.now()
    await Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        for (let at = 0; at < count; at++)
          await discovery.register(registrationOf(client * count + at))
      }),
    )
    const perSecond = (count * clients * 1_000) / (performance.now() - from)
    rows.push([
      `durable registrations a second, ${clients} at a time`,
      Math.round(perSecond).toLocaleString('en'),
    ])
  }
  const small = fsyncMs(4 * 1024)
  const large = fsyncMs(4 * 1024 * 1024)
  rows.push(['fsync of this disk after 4 KiB, median', `${small.toFixed(2)} ms`])
  rows.push([
    'fsync of this disk after 4 MiB (pages of 1,000 registrations), median',
    `${large.toFixed(2)} ms`,
  ])
}

async function registerAll(discovery: Discovery): Promise<void> {
  const from = performance.now()
  const before = process.cpuUsage()
  for (let at = 0; at < instanceCount; at += 1_000) {
    const group = Array.from({ length: Math.min(1_000, instanceCount - at) }, (_, more) =>
      discovery.register(registrationOf(at + more)),
    )
    await Promise.all(group)
  }
  const seconds = (performance.now() - from) / 1_000
  const used = process.cpuUsage(before)
  rows.push([
    'durable registrations a second, 1,000 at a time',
    Math.round(instanceCount / seconds).toLocaleString('en'),
  ])
  rows.push([
    'CPU of a durable registration, all threads',
    `${((used.user + used.system) / instanceCount).toFixed(0)} µs`,
  ])
}

/** Blocking queries that ask again at once, spread over the services. */
function startWatchers(discovery: Discovery): { woken(): number; stop(): void } {
  let woken = 0
  // One a watcher, as each waiting request of a client has its own.
  const aborts: AbortController[] = []
  const follow = async (service: string) => {
    const abort = new AbortController()
    aborts.push(abort)
    let index = discovery.indexOf({ service })
    while (!abort.signal.aborted) {
      index = await discovery.waitForChange({ service }, index, 600_000, abort.signal)
      woken++
    }
  }
  for (let at = 0; at < watcherCount; at++) void follow(`service-${at % serviceCount}`)
  return {
    woken: () => woken,
    stop() {
      for (const abort of aborts) abort.abort()
    },
  }
}

/** CPU (user and system) of each change, with everything that it wakes. */
async function measureChanges(change: (at: number) => void): Promise<string> {
  const costs: number[] = []
  for (let at = 0; at < changeCount; at++) {
    const before = process.cpuUsage()
    const from = process.hrtime.bigint()
    change(at)
    await turn()
    await turn()
    const used = process.cpuUsage(before)
    // The CPU clock of small steps is coarse: never less than what it took on the wall is impossible, more is other threads.
    costs.push(Math.min(used.user + used.system, Number(process.hrtime.bigint() - from) / 1_000))
  }
  costs.sort((a, b) => a - b)
  const share = (ratio: number) => Math.round(costs[Math.floor(costs.length * ratio)] ?? 0)
  return `${share(0.5)} µs, ${share(0.99)} µs`
}

function residentMiB(): string {
  globalThis.gc?.()
  return `${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MiB`
}

async function measure(discovery: Discovery): Promise<void> {
  rows.push(['RSS, nothing registered', residentMiB()])
  await registerAll(discovery)
  await registerInTurn(discovery)
  await turn()
  rows.push([`RSS, ${instanceCount.toLocaleString('en')} instances`, residentMiB()])
  const watchers = startWatchers(discovery)
  await turn()
  rows.push([`RSS, and ${watcherCount.toLocaleString('en')} watchers`, residentMiB()])
  rows.push([
    'CPU of no change: what the measurement costs (median, p99)',
    await measureChanges(() => {}),
  ])
  const drain = (at: number) => {
    const service = (at * 7_919) % serviceCount
    discovery.setDraining(
      `service-${service}`,
      `instance-${service + serviceCount * (at % perService)}`,
      at % 2 === 0,
    )
  }
  rows.push(['CPU of a change of health (median, p99)', await measureChanges(drain)])
  const put = (at: number) => {
    const service = `service-${(at * 7_919) % serviceCount}`
    discovery.putInstance(
      { service, id: `run-${at}`, host: '127.0.0.1', port: 1 + (at % 60_000) },
      { origin: 'run', checks: [] },
    )
  }
  rows.push(['CPU of an added instance (median, p99)', await measureChanges(put)])
  rows.push(['watchers woken by these changes', watchers.woken().toLocaleString('en')])
  const before = process.cpuUsage()
  for (let at = 0; at < instanceCount; at++)
    discovery.renew(`service-${at % serviceCount}`, `instance-${at}`)
  const used = process.cpuUsage(before)
  rows.push(['CPU of a heartbeat', `${((used.user + used.system) / instanceCount).toFixed(2)} µs`])
  rows.push(['RSS at the end', residentMiB()])
  watchers.stop()
}

const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-'))
const storage = await startStorage({ file: join(folder, 'state.db') })
const releases: (() => void | Promise<void>)[] = []
const limits = {
  instances: instanceCount + changeCount,
  perClient: 10_000,
  lease: 30_000,
  checks: 256,
}
const { api: discovery } = await startDiscovery(
  { limits, services: {}, folder },
  { storage, everywhere: () => Promise.resolve() },
  {
    name: 'discovery',
    clock: systemClock,
    random: Math.random,
    log: () => {},
    listeners: noListeners,
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
  },
)
await measure(discovery)
for (const release of releases) await release()
await storage.close()
rmSync(folder, { recursive: true })

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
process.stdout.write(
  `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}, commit ${commit}\n\n`,
)
process.stdout.write('| what | figure |\n| --- | --- |\n')
for (const [what, figure] of rows) process.stdout.write(`| ${what} | ${figure} |\n`)
