/**
 * Overload and metastable failure: `node bench/overload.ts [seconds]`, which also draws bench/overload.svg. A service that can serve 1,000 requests a second (ten side by side, ten milliseconds each, and a queue that it
 * works through in order, whoever has gone) is offered 3,000; then one that is offered 700 has a brown-out (every request takes a second). What is on and what is
 * off is said in each row; the gateway, the service and the clients are one process each.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { join } from 'node:path'
import { specifyService } from '../src/capabilities/gateway/specify.ts'
import type { ServiceSpec } from '../src/contracts/snapshot.ts'
import { startLocalWorker } from '../src/dataplane/testing/local-worker.ts'
import { gatewaySpec, instanceSpec, serviceSpec } from '../src/dataplane/testing/specs.ts'
import { defaultService } from '../src/settings.ts'
import { machineLine, markdownTable, percentile } from './measure.ts'
import { type Curve, drawCurves } from './overload-chart.ts'

const SECONDS = Number(process.argv[2] ?? 12)
/** `SCALE=0.1` is a service of 100/s, for a machine that others use, too. */
const SCALE = Number(process.env['SCALE'] ?? 1)
const CAPACITY = 1_000 * SCALE
const SIDE_BY_SIDE = 10
const WORK_MS = (SIDE_BY_SIDE * 1_000) / CAPACITY
const CLIENT_TIMEOUT_MS = 1_000
/** So long half of its capacity is asked of it before there is too much: what is usual is known by then. */
const WARM_SECONDS = 4
/** `ONLY=default`: the cases whose names have this in them. */
const ONLY = process.env['ONLY'] ?? ''
/** `PART=brown-out`: that alone. */
const HAS_OVERLOAD = process.env['PART'] !== 'brown-out'

/** Everything off, and one at a time. */
const NONE: Partial<ServiceSpec> = {
  timeoutMs: 30_000,
  attemptTimeoutMs: 30_000,
  retry: { attempts: 0, budgetRatio: 0, reservePerSecond: 0 },
  ejection: { failures: 0, baseMs: 500, maxMs: 500, shareMax: 0.5 },
  connectionsPerInstanceMax: 100_000,
  pendingMax: 1_000_000,
}
const TRIES = { attempts: 2, on: ['timeout', 'reset', 503] } as const
const STORM: Partial<ServiceSpec> = {
  ...NONE,
  timeoutMs: 3_000,
  attemptTimeoutMs: 300,
  retry: { ...TRIES, budgetRatio: 1, reservePerSecond: 100_000 },
}
const BUDGET: Partial<ServiceSpec> = {
  ...STORM,
  retry: { ...TRIES, budgetRatio: 0.2, reservePerSecond: 3 },
}
const BREAKER: NonNullable<ServiceSpec['breaker']> = {
  scope: 'service',
  order: 'auto',
  failureRatio: 0.5,
  slowRatio: 0.5,
  slowMs: 500,
  statuses: [502, 503, 504],
  callsMin: 20,
  window: { kind: 'time', ms: 10_000 },
  openMs: 1_000,
  openMsMax: 5_000,
  probes: 3,
}
const LIMIT: NonNullable<ServiceSpec['concurrency']> = {
  algorithm: 'gradient2',
  initial: 20,
  min: 10,
  max: 200,
  slowMs: 500,
  queueMax: 50,
  queueMs: 300,
}
/** What a service has whose file says nothing. */
const DEFAULTS = specifyService('echo', defaultService(), () => 'default')
const ALL: Partial<ServiceSpec> = { ...BUDGET, breaker: BREAKER, concurrency: LIMIT }

const CASES: readonly (readonly [string, Partial<ServiceSpec>])[] = [
  ['everything off', NONE],
  ['retries without a budget', STORM],
  ['retries with the budget', BUDGET],
  ['deadline of 300 ms alone', { ...NONE, timeoutMs: 300, attemptTimeoutMs: 300 }],
  ['breaker (slow calls) alone', { ...NONE, breaker: BREAKER }],
  ['gradient2 and queue alone', { ...NONE, concurrency: LIMIT }],
  ['aimd alone', { ...NONE, concurrency: { ...LIMIT, algorithm: 'aimd' } }],
  ['all', ALL],
  ['the defaults', DEFAULTS],
]

interface Second {
  readonly good: number
  readonly latencies: readonly number[]
}

if (process.argv[2] === 'service') serve()
else if (process.argv[2] === 'clients') drive()
else await main()

/** The service: ten at a time, in order; it does not look whether somebody still waits. `SIGUSR2` begins and ends the brown-out. */
function serve(): void {
  const waiting: (() => void)[] = []
  let busy = 0
  let came = 0
  let workMs = WORK_MS
  const next = (): void => {
    const work = busy < SIDE_BY_SIDE ? waiting.shift() : undefined
    if (work === undefined) return
    busy++
    setTimeout(() => {
      busy--
      work()
      next()
    }, workMs)
  }
  const server = createServer((_request, response) => {
    came++
    waiting.push(() => response.end('ok'))
    next()
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', 8_192, () => {
    const address = server.address()
    if (typeof address === 'object' && address !== null) process.send?.({ port: address.port })
  })
  process.on('message', (message: { readonly workMs?: number }) => {
    if (message.workMs === undefined) process.send?.({ came })
    else workMs = message.workMs
  })
  process.on('disconnect', () => process.exit())
}

/** Open loop: a request at its time, whatever became of those before. `argv` has the port and how many are asked in each second. */
function drive(): void {
  const port = Number(process.argv[3])
  const rates = process.argv.slice(4).map(Number)
  const seconds = rates.length
  const sum = (upTo: number): number => rates.slice(0, upTo).reduce((all, one) => all + one, 0)
  const all = sum(seconds)
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  const results: { good: number; latencies: number[] }[] = Array.from({ length: seconds }, () => ({
    good: 0,
    latencies: [],
  }))
  const startMs = performance.now()
  process.send?.({ hasBegun: true })
  let sent = 0
  const timer = setInterval(() => {
    const nowMs = performance.now() - startMs
    const second = Math.min(seconds - 1, Math.floor(nowMs / 1_000))
    const part = Math.min(1, nowMs / 1_000 - second)
    const due = Math.floor(sum(second) + part * rates[second]!)
    for (; sent < due; sent++) ask(second)
    if (sent < all) return
    clearInterval(timer)
    setTimeout(() => {
      process.send?.({ results })
      process.disconnect()
      process.exit()
    }, CLIENT_TIMEOUT_MS + 200)
  }, 5)

  function ask(second: number): void {
    const beganMs = performance.now()
    const call = request(
      { port, host: '127.0.0.1', agent, timeout: CLIENT_TIMEOUT_MS },
      (answer) => {
        answer.resume()
        answer.on('end', () => {
          const tookMs = performance.now() - beganMs
          if (answer.statusCode !== 200 || tookMs > CLIENT_TIMEOUT_MS) return
          results[second]!.good++
          results[second]!.latencies.push(tookMs)
        })
      },
    )
    call.on('timeout', () => call.destroy())
    call.on('error', () => {})
    call.end()
  }
}

function child(...argv: readonly string[]): ChildProcess {
  return fork(import.meta.filename, argv, { execArgv: [] })
}

async function told<Message>(from: ChildProcess): Promise<Message> {
  const [message] = (await once(from, 'message')) as [Message]
  return message
}

/** One run: what came back in each second, and what the service was asked. */
async function run(
  spec: Partial<ServiceSpec>,
  rates: readonly number[],
  brownOut: readonly [fromMs: number, toMs: number] | undefined,
): Promise<{ readonly seconds: readonly Second[]; readonly came: number }> {
  const service = child('service')
  const { port } = await told<{ port: number }>(service)
  const worker = startLocalWorker()
  const limits = { ...gatewaySpec().limits, requestsInFlightMax: 1_000_000 }
  const ports = await worker.update(
    [
      { op: 'service', service: serviceSpec(spec) },
      { op: 'instance', instance: instanceSpec(port) },
      { op: 'instance', instance: instanceSpec(port, { id: 'echo-again' }) },
      { op: 'gateway', gateway: gatewaySpec({ limits }) },
    ],
    true,
  )
  const clients = child('clients', String(ports.get('gateway')), ...rates.map(String))
  // A process takes its time to start where the machine is busy: the brown-out is counted from the first request.
  await told<{ hasBegun: true }>(clients)
  const timers = (brownOut ?? []).map((atMs, at) =>
    setTimeout(() => service.send({ workMs: at === 0 ? 1_000 : WORK_MS }), atMs),
  )
  const { results } = await told<{ results: readonly Second[] }>(clients)
  for (const timer of timers) clearTimeout(timer)
  service.send({})
  const { came } = await told<{ came: number }>(service)
  service.disconnect()
  worker.close()
  return { seconds: results, came }
}

/** So many seconds at one rate, and then at another. */
function ratesOf(first: number, rate: number, then: number, thenRate: number): readonly number[] {
  return Array.from({ length: first + then }, (_, second) => (second < first ? rate : thenRate))
}

async function main(): Promise<void> {
  const rows: string[][] = []
  for (const [name, spec] of HAS_OVERLOAD ? CASES : []) {
    if (!name.includes(ONLY)) continue
    const rates = ratesOf(WARM_SECONDS, CAPACITY / 2, SECONDS, 3 * CAPACITY)
    const { seconds, came } = await run(spec, rates, undefined)
    const later = seconds.slice(-Math.floor(SECONDS / 2))
    const good = later.reduce((sum, one) => sum + one.good, 0) / later.length
    const p99 = percentile(
      later.flatMap(({ latencies }) => latencies),
      0.99,
    )
    const offered = came / rates.reduce((sum, one) => sum + one, 0)
    rows.push([name, good.toFixed(0), Number.isNaN(p99) ? '-' : p99.toFixed(0), offered.toFixed(2)])
  }
  const calm: string[][] = []
  const curves: Curve[] = []
  for (const [name, spec] of [
    ['everything off', NONE],
    ['retries without a budget', STORM],
    ['all', ALL],
    ['the defaults', DEFAULTS],
  ] as const) {
    if (!name.includes(ONLY)) continue
    const rates = ratesOf(25, 0.7 * CAPACITY, 0, 0)
    const { seconds } = await run(spec, rates, [5_000, 15_000])
    curves.push({ name, perSecond: seconds.map(({ good }) => good) })
    const after = seconds.slice(15).findIndex(({ good }) => good >= 0.63 * CAPACITY)
    calm.push([
      name,
      seconds.map(({ good }) => good).join(' '),
      after < 0 ? 'never' : `${after + 1} s`,
    ])
  }
  const title = `Good answers a second, offered ${0.7 * CAPACITY}/s`
  writeFileSync(join(import.meta.dirname, 'overload.svg'), drawCurves(title, curves, [5, 15]))
  process.stdout.write(
    `${machineLine()}\n\nOffered ${3 * CAPACITY}/s to a service that can do ${CAPACITY}/s; good is an answer within ${CLIENT_TIMEOUT_MS} ms, in the second half of ${SECONDS} s.\n\n` +
      `${markdownTable([['on', 'good/s', 'p99 of the good, ms', 'asked of the service, of what was offered'], ...rows])}\n\n` +
      `Offered ${0.7 * CAPACITY}/s; from the 6th to the 15th second every request takes a second. The picture is in bench/overload.svg.\n\n` +
      `${markdownTable([['on', 'good in each second', 'well again after'], ...calm])}\n`,
  )
  process.exit()
}
