import { createPickContext } from '../src/mechanisms/balancing/balancing.ts'
import { balancers } from '../src/mechanisms/balancing/balancing.ts'
import { createCandidate } from '../src/mechanisms/balancing/candidate.ts'
import { Breaker, BREAKER_BYTES } from '../src/mechanisms/breaker/breaker.ts'
import { type BreakerPolicy, OUTCOME } from '../src/mechanisms/breaker/breaker-policy.ts'
import {
  BulkheadQueue,
  PRIORITY,
  roomFor,
} from '../src/mechanisms/bulkhead-queue/bulkhead-queue.ts'
import {
  AimdLimit,
  Gradient2Limit,
  LIMIT_NUMBERS,
} from '../src/mechanisms/concurrency-limit/limits.ts'
import { reportSuccess } from '../src/mechanisms/ejection/ejection.ts'
import { OutlierStats } from '../src/mechanisms/ejection/outlier-stats.ts'
import { HedgeDelay, isHedgeDue } from '../src/mechanisms/hedging/hedging.ts'
import { createRetryBudget } from '../src/mechanisms/retry/retry.ts'
import { machineLine, markdownTable } from './measure.ts'

/** Nanoseconds that each mechanism of resilience costs a request that goes well, the least of several rounds: `node bench/resilience.ts [rounds]`. */
const ROUNDS = Number(process.argv[2] ?? 7)
const PER_ROUND = 300_000

type Run = (turn: number, nowMs: number) => void

const breakerPolicy: BreakerPolicy = {
  mode: 'auto',
  failureRatio: 0.5,
  slowRatio: 0.8,
  callsMin: 20,
  window: { kind: 'time', ms: 10_000 },
  openMs: 5_000,
  openMsMax: 60_000,
  probes: 3,
  probeLeaseMs: 30_000,
}

function breakerRun(policy: BreakerPolicy): Run {
  const breaker = new Breaker(policy, new SharedArrayBuffer(BREAKER_BYTES))
  return (_turn, nowMs) => {
    breaker.report(breaker.acquire(nowMs), OUTCOME.ok, nowMs)
  }
}

function limitRun(kind: 'aimd' | 'gradient2'): Run {
  const memory = new SharedArrayBuffer(LIMIT_NUMBERS * 8)
  const bounds = { initial: 20, min: 20, max: 200 }
  const limit =
    kind === 'aimd'
      ? new AimdLimit({ ...bounds, backoff: 0.9, timeoutMs: 5_000 }, memory)
      : new Gradient2Limit(
          { ...bounds, queueSize: 4, smoothing: 0.2, tolerance: 1.5, longWindow: 600 },
          memory,
        )
  return (turn) => {
    if (limit.limit < 1) throw new Error('no limit is below one')
    limit.observe(10 + (turn & 7), 15, false)
  }
}

function ejectionRun(): Run {
  const stats = Array.from({ length: 5 }, () => new OutlierStats())
  const instance = createCandidate({ id: 'a', weight: 1, addedAtMs: 0 })
  const policy = { failures: 5, baseMs: 5_000, maxMs: 60_000, shareMax: 0.5 }
  return (turn, nowMs) => {
    stats[turn % 5]!.observe(10 + (turn & 7))
    reportSuccess(instance, policy, nowMs)
  }
}

function budgetRun(): Run {
  const budget = createRetryBudget({ ratio: 0.2, reservePerSecond: 3 })
  return (_turn, nowMs) => budget.deposit(nowMs)
}

function queueRun(): Run {
  const queue = new BulkheadQueue({ size: 1024, overloadMs: 100 })
  return (_turn, nowMs) => {
    if (roomFor(PRIORITY.normal, 20) < 1) throw new Error('there is room')
    queue.push(PRIORITY.normal, nowMs)
    queue.shift(nowMs)
  }
}

function hedgeRun(): Run {
  const bounds = Array.from({ length: 40 }, (_, i) => 1.3 ** i)
  const delay = new HedgeDelay({ quantile: 0.95, minMs: 1 }, bounds, 10_000)
  return (turn, nowMs) => {
    delay.observe(10 + (turn & 7), nowMs)
    isHedgeDue({ nowMs, sentMs: nowMs, delayMs: delay.delayMs, deadlineMs: nowMs + 1_000 })
  }
}

function balancingRun(name: keyof typeof balancers, isKeyed: boolean): Run {
  const balancer = balancers[name]()
  for (let i = 0; i < 5; i++)
    balancer.add(createCandidate({ id: `i${i}`, weight: 1, addedAtMs: -Infinity }))
  const context = createPickContext(Math.random)
  return (turn, nowMs) => {
    context.nowMs = nowMs
    context.hash = isKeyed ? (turn * 2_654_435_761) >>> 0 : -1
    const chosen = balancer.pick(context)
    if (chosen !== undefined) balancer.observe(chosen, 10, nowMs, true)
  }
}

function together(runs: readonly Run[]): Run {
  return (turn, nowMs) => {
    for (const run of runs) run(turn, nowMs)
  }
}

const stack = (): Run =>
  together([
    breakerRun(breakerPolicy),
    queueRun(),
    limitRun('gradient2'),
    budgetRun(),
    ejectionRun(),
    (_turn, nowMs) => void Math.min(nowMs + 10_000, nowMs + 30_000),
  ])

const measured: Readonly<Record<string, Run>> = {
  'breaker, time window': breakerRun(breakerPolicy),
  'breaker, count window': breakerRun({ ...breakerPolicy, window: { kind: 'count', size: 100 } }),
  'breaker, switched off': breakerRun({ ...breakerPolicy, mode: 'disabled' }),
  'retry budget': budgetRun(),
  'ejection: row of failures and outliers': ejectionRun(),
  'concurrency limit: AIMD': limitRun('aimd'),
  'concurrency limit: Gradient2': limitRun('gradient2'),
  'bulkhead queue, one in and out': queueRun(),
  'hedging: p95 and decision': hedgeRun(),
  'peak EWMA of five, for comparison': balancingRun('peak-ewma', false),
  'ring hash of five': balancingRun('ring-hash', true),
  'Maglev of five': balancingRun('maglev', true),
  'whole stack: deadline, breaker, bulkhead, Gradient2, budget, ejection': stack(),
}

function leastNanoseconds(run: Run): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    // The clock of the requests moves on by a hundredth of a millisecond each.
    for (let turn = 0; turn < PER_ROUND; turn++) run(turn, startedAt + turn / 100)
    least = Math.min(least, ((performance.now() - startedAt) * 1e6) / PER_ROUND)
  }
  return least
}

const rows = Object.entries(measured).map(([name, run]) => [name, leastNanoseconds(run).toFixed(0)])
process.stdout.write(
  `${machineLine()}\n\n${markdownTable([['mechanism', 'ns a request'], ...rows])}\n`,
)
