import { bucketOf } from '../../mechanisms/histogram/histogram.ts'
import {
  type EdgeTotals,
  type InstanceTotals,
  LATENCY_BOUNDS_MS,
} from '../../contracts/snapshot.ts'

const BUCKETS = LATENCY_BOUNDS_MS.length + 1
const STATUS_CLASSES = 6

/** What happened on one edge in one worker since the last report. `inFlight` is a value, all else are differences. */
export interface EdgeCounters {
  readonly caller: string
  readonly route: string
  readonly service: string
  readonly statuses: number[]
  readonly reasons: Map<string, number>
  retries: number
  requestBytes: number
  responseBytes: number
  readonly latencyCounts: number[]
  latencySumMs: number
  inFlight: number
  /** Has something to report. */
  isDirty: boolean
}

/** What happened at one instance in one worker since the last report. */
export interface InstanceCounters {
  readonly statuses: number[]
  failures: number
  readonly latencyCounts: number[]
  latencySumMs: number
  isDirty: boolean
}

export function createEdgeCounters(caller: string, route: string, service: string): EdgeCounters {
  return {
    caller,
    route,
    service,
    statuses: zeros(STATUS_CLASSES),
    reasons: new Map(),
    retries: 0,
    requestBytes: 0,
    responseBytes: 0,
    latencyCounts: zeros(BUCKETS),
    latencySumMs: 0,
    inFlight: 0,
    isDirty: false,
  }
}

export function createInstanceCounters(): InstanceCounters {
  return {
    statuses: zeros(STATUS_CLASSES),
    failures: 0,
    latencyCounts: zeros(BUCKETS),
    latencySumMs: 0,
    isDirty: false,
  }
}

/** Index of a status in `statuses`: 0 for "none was sent". */
export function statusClass(status: number): number {
  return status === 0 ? 0 : (status / 100) | 0
}

/** Adds one duration in milliseconds to buckets and sum. */
export function countLatency(counters: EdgeCounters | InstanceCounters, ms: number): void {
  counters.latencyCounts[bucketOf(LATENCY_BOUNDS_MS, ms)]!++
  counters.latencySumMs += ms
}

/** The row to report; the counters begin again at zero. */
export function takeEdge(counters: EdgeCounters): EdgeTotals {
  const { caller, route, service, inFlight } = counters
  const row: EdgeTotals = {
    caller,
    route,
    service,
    statuses: [...counters.statuses],
    reasons: Object.fromEntries(counters.reasons),
    retries: counters.retries,
    requestBytes: counters.requestBytes,
    responseBytes: counters.responseBytes,
    latencyCounts: [...counters.latencyCounts],
    latencySumMs: counters.latencySumMs,
    inFlight,
  }
  counters.statuses.fill(0)
  counters.reasons.clear()
  counters.retries = 0
  counters.requestBytes = 0
  counters.responseBytes = 0
  counters.latencyCounts.fill(0)
  counters.latencySumMs = 0
  counters.isDirty = false
  return row
}

/** What an instance's row needs besides its counters. */
export interface InstanceGauges {
  readonly service: string
  readonly id: string
  readonly inFlight: number
  readonly connections: number
  readonly ejectedUntilMs: number
}

/** The row to report; the counters begin again at zero. */
export function takeInstance(counters: InstanceCounters, gauges: InstanceGauges): InstanceTotals {
  const row: InstanceTotals = {
    ...gauges,
    statuses: [...counters.statuses],
    failures: counters.failures,
    latencyCounts: [...counters.latencyCounts],
    latencySumMs: counters.latencySumMs,
  }
  counters.statuses.fill(0)
  counters.failures = 0
  counters.latencyCounts.fill(0)
  counters.latencySumMs = 0
  counters.isDirty = false
  return row
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0)
}
