import { quantile } from '../../mechanisms/histogram/histogram.ts'
import {
  LATENCY_BOUNDS_MS,
  type EdgeTotals,
  type InstanceTotals,
} from '../../contracts/snapshot.ts'
import type { EdgeTick, InstanceTick, Tick } from '../../contracts/feed.ts'

/** Rates and latencies are over the last ten samples, which come once a second. */
export const WINDOW_SAMPLES = 10
/** Ten minutes of ticks are kept for the series. */
export const TICKS_MAX = 600
/** Edges and instances in one tick; the busiest are kept. */
export const TICK_ROWS_MAX = 500

/** CPU and memory of a process, as the supervisor samples it. */
export interface ProcessUse {
  readonly cpuSeconds: number
  readonly residentBytes: number
}

/** Turns totals into ticks and keeps the last ones. */
export interface TickStore {
  /** The tick of the very first sample knows no rate: it is not kept, or charts would fall to zero there. */
  take(sample: {
    readonly atMs: number
    /** Their callers as `callerOf` tells them. */
    readonly edges: Iterable<EdgeTotals>
    readonly instances: Iterable<InstanceTotals>
    /** Two services may have instances of the same id. */
    useOf(service: string, id: string): ProcessUse | undefined
  }): Tick
  /** Puts ticks from before the first one of this store in front; later ones are left out. */
  prepend(past: readonly Tick[]): void
  ticks(): readonly Tick[]
  /** What went wrong on each edge with traffic over the window of the newest tick. */
  failures(): readonly EdgeFailures[]
}

/** Failed requests of one edge over the last `seconds`. */
export interface EdgeFailures {
  readonly caller: string
  readonly service: string
  readonly seconds: number
  readonly requests: number
  /** Answers with 5xx, whoever made them. */
  readonly serverErrors: number
  /** Requests that ended without a status. */
  readonly unanswered: number
  /** Answers that the gateway made itself, by reason code. */
  readonly reasons: ReadonlyMap<string, number>
}

interface Sample {
  readonly atMs: number
  readonly requests: number
  readonly errors: number
  readonly unanswered: number
  readonly reasons: Readonly<Record<string, number>>
  readonly retries: number
  readonly latencyCounts: readonly number[]
  readonly cpuSeconds: number
}

interface Change {
  readonly seconds: number
  readonly requests: number
  readonly errors: number
  readonly unanswered: number
  readonly reasons: ReadonlyMap<string, number>
  readonly retries: number
  readonly latencyCounts: readonly number[]
  readonly cpuSeconds: number
}

const HALF_TICK_MS = 500

export function createTickStore(): TickStore {
  const windows = new Map<string, Sample[]>()
  const ticks: Tick[] = []
  let failures: readonly EdgeFailures[] = []
  let isFirst = true

  /** What has changed since the oldest sample of the window; undefined for the first one. */
  function slide(key: string, sample: Sample): Change | undefined {
    const window = windows.get(key) ?? []
    windows.set(key, window)
    // A counter that fell was reset: the data plane is a new process.
    const before = window.at(-1)
    if (before !== undefined && hasFallen(before, sample)) window.length = 0
    window.push(sample)
    if (window.length > WINDOW_SAMPLES + 1) window.shift()
    const [first] = window
    return first === undefined || first === sample ? undefined : changeOf(first, sample)
  }

  function forget(seen: ReadonlySet<string>): void {
    for (const key of windows.keys()) if (!seen.has(key)) windows.delete(key)
  }

  return {
    take(sample) {
      const { atMs, edges, instances } = sample
      const seen = new Set<string>()
      const edgeTicks: EdgeTick[] = []
      const failed: EdgeFailures[] = []
      const services = new Map<string, ServiceChange>()
      for (const [key, total] of sumByEdge(edges)) {
        seen.add(key)
        const change = slide(key, sampleOf(atMs, total, total.retries, 0))
        if (change === undefined || change.requests === 0) continue
        const { caller, service } = total
        edgeTicks.push({ caller, service, ...trafficOf(change) })
        if (change.errors > 0) failed.push({ caller, service, ...failuresOf(change) })
        services.set(service, addChange(services.get(service), change))
      }
      const instanceTicks: InstanceTick[] = []
      for (const total of instances) {
        const key = `instance ${total.service} ${total.id}`
        seen.add(key)
        const use = sample.useOf(total.service, total.id)
        const change = slide(key, sampleOf(atMs, total, 0, use?.cpuSeconds ?? 0))
        if (change !== undefined) instanceTicks.push(instanceTick(total, change, use))
      }
      forget(seen)
      failures = failed
      const tick: Tick = {
        atMs,
        edges: busiest(edgeTicks),
        services: busiest(
          [...services].map(([service, change]) => ({ service, ...trafficOf(change) })),
        ),
        instances: busiest(instanceTicks),
      }
      if (!isFirst) ticks.push(tick)
      isFirst = false
      if (ticks.length > TICKS_MAX) ticks.shift()
      return tick
    },
    prepend(past) {
      const firstMs = ticks[0]?.atMs ?? Infinity
      // What was told before is floored to whole seconds: half a second tells two neighbours apart.
      const before = past.filter(({ atMs }) => atMs < firstMs - HALF_TICK_MS)
      const room = TICKS_MAX - ticks.length
      if (room > 0) ticks.unshift(...before.slice(-room))
    },
    ticks: () => ticks,
    failures: () => failures,
  }
}

interface EdgeSum {
  readonly caller: string
  readonly service: string
  retries: number
  latencyCounts: readonly number[]
  statuses: readonly number[]
  reasons: Readonly<Record<string, number>>
}

/** Routes are folded: an edge of the picture is who calls whom. */
function sumByEdge(edges: Iterable<EdgeTotals>): Map<string, EdgeSum> {
  const sums = new Map<string, EdgeSum>()
  for (const row of edges) {
    const key = `edge ${row.caller} ${row.service}`
    const sum = sums.get(key)
    if (sum === undefined) {
      sums.set(key, { ...row })
    } else {
      sum.retries += row.retries
      sum.latencyCounts = add(sum.latencyCounts, row.latencyCounts)
      sum.statuses = add(sum.statuses, row.statuses)
      sum.reasons = addReasons(sum.reasons, row.reasons)
    }
  }
  return sums
}

function add(a: readonly number[], b: readonly number[]): number[] {
  return a.map((count, at) => count + (b[at] ?? 0))
}

function addReasons(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sums = new Map(Object.entries(a))
  for (const [reason, count] of Object.entries(b)) sums.set(reason, (sums.get(reason) ?? 0) + count)
  return Object.fromEntries(sums)
}

function sampleOf(
  atMs: number,
  total: {
    readonly statuses: readonly number[]
    readonly latencyCounts: readonly number[]
    readonly reasons?: Readonly<Record<string, number>>
  },
  retries: number,
  cpuSeconds: number,
): Sample {
  return {
    atMs,
    requests: total.statuses.reduce((sum, count) => sum + count, 0),
    errors: (total.statuses[0] ?? 0) + (total.statuses[5] ?? 0),
    unanswered: total.statuses[0] ?? 0,
    reasons: total.reasons ?? {},
    retries,
    latencyCounts: total.latencyCounts,
    cpuSeconds,
  }
}

function hasFallen(before: Sample, now: Sample): boolean {
  const wellOf = ({ requests, errors }: Sample) => requests - errors
  if (wellOf(now) < wellOf(before) || now.errors < before.errors) return true
  return now.latencyCounts.some((count, at) => count < (before.latencyCounts[at] ?? 0))
}

function changeOf(first: Sample, last: Sample): Change {
  return {
    seconds: Math.max(0.001, (last.atMs - first.atMs) / 1000),
    requests: last.requests - first.requests,
    errors: last.errors - first.errors,
    unanswered: last.unanswered - first.unanswered,
    reasons: newReasons(first.reasons, last.reasons),
    retries: last.retries - first.retries,
    latencyCounts: last.latencyCounts.map((count, at) => count - (first.latencyCounts[at] ?? 0)),
    cpuSeconds: last.cpuSeconds - first.cpuSeconds,
  }
}

function newReasons(
  first: Sample['reasons'],
  last: Sample['reasons'],
): ReadonlyMap<string, number> {
  const before = new Map(Object.entries(first))
  return new Map(
    Object.entries(last)
      .map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const)
      .filter(([, count]) => count > 0),
  )
}

function failuresOf(change: Change): Omit<EdgeFailures, 'caller' | 'service'> {
  const { seconds, requests, errors, unanswered, reasons } = change
  return { seconds, requests, serverErrors: errors - unanswered, unanswered, reasons }
}

/** Changes of all callers of a service, over the same window; histograms are added, so that percentiles are those of all requests. */
type ServiceChange = Change

function addChange(sum: ServiceChange | undefined, change: Change): ServiceChange {
  if (sum === undefined) return change
  return {
    seconds: Math.max(sum.seconds, change.seconds),
    requests: sum.requests + change.requests,
    errors: sum.errors + change.errors,
    unanswered: sum.unanswered + change.unanswered,
    reasons: sum.reasons,
    retries: sum.retries + change.retries,
    latencyCounts: add(sum.latencyCounts, change.latencyCounts),
    cpuSeconds: 0,
  }
}

function trafficOf(change: Change): Omit<EdgeTick, 'caller' | 'service'> {
  const at = (q: number) => quantile(LATENCY_BOUNDS_MS, change.latencyCounts, q)
  return {
    requestsPerSecond: change.requests / change.seconds,
    errorRatio: change.errors / Math.max(1, change.requests),
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    retriesPerSecond: change.retries / change.seconds,
  }
}

function instanceTick(
  total: InstanceTotals,
  change: Change,
  use: ProcessUse | undefined,
): InstanceTick {
  return {
    service: total.service,
    id: total.id,
    requestsPerSecond: change.requests / change.seconds,
    errorRatio: change.errors / Math.max(1, change.requests),
    p95Ms: quantile(LATENCY_BOUNDS_MS, change.latencyCounts, 0.95),
    inFlight: total.inFlight,
    cpuRatio: Math.max(0, change.cpuSeconds / change.seconds),
    residentBytes: use?.residentBytes ?? 0,
  }
}

function busiest<Row extends { readonly requestsPerSecond: number }>(rows: Row[]): Row[] {
  if (rows.length <= TICK_ROWS_MAX) return rows
  return rows.toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond).slice(0, TICK_ROWS_MAX)
}
