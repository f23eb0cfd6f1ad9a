import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { PolicySpec } from '../src/contracts/policies.ts'
import { compilePolicies, verdictOf } from '../src/dataplane/policies/compile.ts'
import { VERDICT } from '../src/dataplane/policies/policy.ts'
import { QuotaNotes } from '../src/dataplane/policies/quota-notes.ts'
import { FakeExchange } from '../src/dataplane/policies/testing/fake-exchange.ts'
import { createAuthGround } from '../src/dataplane/auth/ground.ts'
import { systemClock } from '../src/platform/clock.ts'
import { createBucketMemory, openSharedBuckets } from '../src/dataplane/shared/buckets.ts'
import {
  createFlightMemory,
  openInFlight,
  type FlightMemory,
} from '../src/dataplane/shared/in-flight.ts'
import { createCountMemory, openKeyedCounts } from '../src/dataplane/shared/counts.ts'
import { machineLine, markdownTable } from './measure.ts'

/**
 * Nanoseconds of its thread that a policy costs a request, the least of several rounds, on one thread and on two at the same time that share the memory:
 * `node bench/policies.ts [rounds]`. The limit is that of the gateway's bar (1,000,000/s by address, with a burst that is not reached), with the line of RateLimit and the note for `why`.
 */
const ROUNDS = Number(process.argv[2] ?? 7)
const PER_ROUND = 200_000

interface Memory {
  readonly buckets: SharedArrayBuffer
  readonly counts: SharedArrayBuffer
  readonly flights: FlightMemory
  readonly index: number
}

type Run = (turn: number) => void

/** Addresses of many clients, made beforehand. */
const CLIENTS = Array.from({ length: 4_096 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)

function limit(by: 'address' | { header: string }, perSecond: number): PolicySpec {
  const spec = { name: 'a', scope: 'a', perSecond, rate: '', burst: 10_000_000, by }
  return { kind: 'limit', source: '', spec }
}

const cors: PolicySpec = {
  kind: 'cors',
  source: '',
  spec: {
    origins: ['https://app.example.com'],
    methods: ['GET'],
    exposes: [],
    credentials: true,
    maxAgeSeconds: 600,
    passesOptions: true,
  },
}

const source = ''
const others: Readonly<Record<string, PolicySpec>> = {
  'sliding window by address': {
    kind: 'limit',
    source,
    spec: {
      algorithm: 'window',
      name: 'a',
      scope: 'w',
      requests: 65_535,
      windowMs: 100,
      by: 'address',
    },
  },
  'ip, 10 blocks': {
    kind: 'ip',
    source,
    spec: {
      allow: Array.from({ length: 10 }, (_, at) => `${at + 1}0.0.0.0/8`).toReversed(),
      deny: [],
    },
  },
  'rewrite of path and one header': {
    kind: 'rewrite',
    source,
    spec: {
      pattern: '/orders/{id}',
      path: '/v2/orders/{id}',
      query: { set: [], remove: [] },
      headers: [['x-client', '{address}']],
    },
  },
  'quota by address': {
    kind: 'quota',
    source,
    spec: { name: 'a', scope: 'q', by: 'address', requests: 4_000_000_000, per: 'month' },
  },
  'mirror, none is drawn': { kind: 'mirror', source, spec: { service: 'a', share: 0 } },
  'fault, none is drawn': {
    kind: 'fault',
    source,
    spec: { abort: { share: 0, status: 500 }, delay: { share: 0, ms: 1 } },
  },
}

function measured(memory: Memory): Readonly<Record<string, Run>> {
  const buckets = openSharedBuckets(memory.buckets)
  const counts = openKeyedCounts(memory.counts, memory.index)
  const headers = { 'x-api-key': 'k'.repeat(32), origin: 'https://app.example.com' }
  const chain = (specs: readonly PolicySpec[], addresses: readonly string[]): Run => {
    const compiled = compilePolicies(specs, {
      workers: 2,
      buckets,
      auth: createAuthGround(systemClock, () => {}),
      flights: openInFlight(memory.flights, memory.index),
      quotas: new QuotaNotes(),
      random: Math.random,
    })
    const exchanges = addresses.map((address) => new FakeExchange({ address, headers }))
    for (const exchange of exchanges) exchange.note = () => {}
    return (turn) => {
      const exchange = exchanges[turn % exchanges.length]!
      exchange.nowMs = performance.now()
      exchange.responseLines = ''
      if (verdictOf(compiled.run(exchange, 0)) !== VERDICT.go) throw new Error('was refused')
    }
  }
  const clock = new FakeExchange()
  return {
    'the clock alone': () => {
      clock.nowMs = performance.now()
    },
    'no policy': chain([], CLIENTS),
    'limit by address, one client': chain([limit('address', 1_000_000)], ['10.0.0.1']),
    'limit by address, 4,096 clients': chain([limit('address', 1_000_000)], CLIENTS),
    'limit by header of 32 bytes': chain([limit({ header: 'x-api-key' }, 1_000_000)], CLIENTS),
    cors: chain([cors], CLIENTS),
    ...Object.fromEntries(
      Object.entries(others).map(([name, spec]) => [name, chain([spec], CLIENTS)]),
    ),
    'concurrency by address, taken and given back': concurrency(memory),
    'a place taken and given back': () => {
      counts.take(7, 1_000)
      counts.give(7)
    },
  }
}

/** Its place is given back at once, as the end of the request would. */
function concurrency(memory: Memory): Run {
  const flights = openInFlight(memory.flights, memory.index)
  return (turn) => {
    const place = flights.take(7, CLIENTS[turn % CLIENTS.length]!, 1_000)
    if (place >= 0) flights.give(place)
  }
}

/** Least nanoseconds of this thread a run. */
function least(run: Run): number {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.threadCpuUsage()
    for (let turn = 0; turn < PER_ROUND; turn++) run(turn)
    const { user, system } = process.threadCpuUsage(start)
    best = Math.min(best, ((user + system) * 1_000) / PER_ROUND)
  }
  return best
}

function measureAll(memory: Memory): readonly (readonly [string, number])[] {
  return Object.entries(measured(memory)).map(([name, run]) => [name, least(run)])
}

async function measureTwo(
  memory: Omit<Memory, 'index'>,
): Promise<readonly (readonly [string, number])[]> {
  const file = new URL(import.meta.url)
  const [first, second] = await Promise.all(
    [0, 1].map(
      (index) =>
        new Promise<readonly (readonly [string, number])[]>((resolve, reject) => {
          const worker = new Worker(file, { workerData: { ...memory, index }, argv: [ROUNDS] })
          worker.once('message', resolve).once('error', reject)
        }),
    ),
  )
  return first!.map(([name, ns], at) => [name, Math.max(ns, second![at]![1])])
}

function newMemory(): Omit<Memory, 'index'> {
  return {
    buckets: createBucketMemory({ seed: [1, 2], nowMs: 0 }),
    counts: createCountMemory(2, 16),
    flights: createFlightMemory(2, [1, 2]),
  }
}

if (isMainThread) {
  const one = measureAll({ ...newMemory(), index: 0 })
  const two = await measureTwo(newMemory())
  const rows = one.map(([name, ns], at) => [name, ns.toFixed(0), two[at]![1].toFixed(0)])
  process.stdout.write(`${machineLine()}\n\n`)
  process.stdout.write(
    `${markdownTable([['ns a request', 'one thread', 'two threads'], ...rows])}\n`,
  )
} else parentPort!.postMessage(measureAll(workerData as Memory))
