import { addCounts } from '../../mechanisms/histogram/histogram.ts'
import type { EdgeTotals, FromData, InstanceTotals } from '../../platform/snapshot/messages.ts'
import type { WorkerTotals } from '../workers/messages.ts'
import { createEdgeCounters, createInstanceCounters } from './counters.ts'
import { OTHER } from './worker-totals.ts'

/** Rows of edges that are kept since the start of the process. */
export const EDGE_ROWS_MAX = 8_192
/** Rows of instances; those of removed instances go first. */
export const INSTANCE_ROWS_MAX = 131_072
/** Names of limits that are counted. */
const LIMITED_NAMES_MAX = 64

type Totals = Extract<FromData, { type: 'totals' }>

/** Adds up what the workers report. */
export interface TotalsMerge {
  add(worker: number, totals: WorkerTotals): void
  /** The gauges of a dead worker are zero; what it had counted stays. */
  forgetWorker(worker: number): void
  forgetInstance(service: string, id: string): void
  /** What changed since the last time, or null. */
  take(atMs: number): Totals
}

interface EdgeRow {
  readonly total: { -readonly [K in keyof EdgeTotals]: EdgeTotals[K] }
  readonly statuses: number[]
  readonly latencyCounts: number[]
  readonly reasons: Record<string, number>
  readonly inFlight: number[]
}

interface InstanceRow {
  readonly service: string
  readonly id: string
  readonly statuses: number[]
  readonly latencyCounts: number[]
  failures: number
  latencySumMs: number
  readonly inFlight: number[]
  readonly connections: number[]
  readonly ejectedUntilMs: number[]
}

export function createTotalsMerge(workers: number): TotalsMerge {
  const edges = new Map<string, EdgeRow>()
  const instances = new Map<string, InstanceRow>()
  const dirtyEdges = new Set<EdgeRow>()
  const dirtyInstances = new Set<InstanceRow>()
  const connections = zeros(workers)
  const requests = zeros(workers)
  const requestsBefore = zeros(workers)
  const dropped = zeros(workers)
  const droppedBefore = zeros(workers)
  const limited = new Map<string, number>()

  function edgeRow(row: EdgeTotals): EdgeRow {
    const isFull = edges.size >= EDGE_ROWS_MAX
    const key = edgeKey(row.caller, row.route, row.service)
    const found = edges.get(key) ?? (isFull ? edges.get(edgeKey(OTHER, OTHER, OTHER)) : undefined)
    if (found !== undefined) return found
    const created = isFull
      ? createEdgeRow(OTHER, OTHER, OTHER, workers)
      : createEdgeRow(row.caller, row.route, row.service, workers)
    edges.set(edgeKey(created.total.caller, created.total.route, created.total.service), created)
    return created
  }

  function instanceRow(row: InstanceTotals): InstanceRow | undefined {
    const key = `${row.service}\n${row.id}`
    const found = instances.get(key)
    if (found !== undefined || instances.size >= INSTANCE_ROWS_MAX) return found
    const created = createInstanceRow(row.service, row.id, workers)
    instances.set(key, created)
    return created
  }

  function addEdge(worker: number, row: EdgeTotals): void {
    const into = edgeRow(row)
    addEdgeCounts(into, row)
    into.inFlight[worker] = row.inFlight
    dirtyEdges.add(into)
  }

  function addInstance(worker: number, row: InstanceTotals): void {
    const into = instanceRow(row)
    if (into === undefined) return
    addCounts(into.statuses, row.statuses)
    addCounts(into.latencyCounts, row.latencyCounts)
    into.failures += row.failures
    into.latencySumMs += row.latencySumMs
    into.inFlight[worker] = row.inFlight
    into.connections[worker] = row.connections
    into.ejectedUntilMs[worker] = row.ejectedUntilMs
    dirtyInstances.add(into)
  }

  return {
    add(worker, totals) {
      for (const row of totals.edges) addEdge(worker, row)
      for (const row of totals.instances) addInstance(worker, row)
      connections[worker] = totals.connections
      requests[worker] = requestsBefore[worker]! + totals.requests
      dropped[worker] = droppedBefore[worker]! + totals.accessLogDropped
      for (const [name, count] of Object.entries(totals.limited)) {
        if (limited.has(name) || limited.size < LIMITED_NAMES_MAX)
          limited.set(name, (limited.get(name) ?? 0) + count)
      }
    },
    forgetWorker(worker) {
      for (const row of edges.values()) if (clear(row.inFlight, worker)) dirtyEdges.add(row)
      for (const row of instances.values()) {
        const hadRequests = clear(row.inFlight, worker)
        const hadConnections = clear(row.connections, worker)
        const wasEjected = clear(row.ejectedUntilMs, worker)
        if (hadRequests || hadConnections || wasEjected) dirtyInstances.add(row)
      }
      connections[worker] = 0
      requestsBefore[worker] = requests[worker]!
      droppedBefore[worker] = dropped[worker]!
    },
    forgetInstance(service, id) {
      const key = `${service}\n${id}`
      const row = instances.get(key)
      if (row !== undefined) dirtyInstances.delete(row)
      instances.delete(key)
    },
    take(atMs) {
      const edgeRows = [...dirtyEdges].map((row) => ({ ...row.total, inFlight: sum(row.inFlight) }))
      const instanceRows = [...dirtyInstances].map(tellInstance)
      dirtyEdges.clear()
      dirtyInstances.clear()
      return {
        type: 'totals',
        atMs,
        edges: edgeRows,
        instances: instanceRows,
        process: {
          connections: [...connections],
          requests: [...requests],
          limited: Object.fromEntries(limited),
          accessLogDropped: sum(dropped),
        },
      }
    },
  }
}

function addEdgeCounts(into: EdgeRow, row: EdgeTotals): void {
  addCounts(into.statuses, row.statuses)
  addCounts(into.latencyCounts, row.latencyCounts)
  for (const [code, count] of Object.entries(row.reasons)) {
    into.reasons[code] = (into.reasons[code] ?? 0) + count
  }
  into.total.retries += row.retries
  into.total.requestBytes += row.requestBytes
  into.total.responseBytes += row.responseBytes
  into.total.latencySumMs += row.latencySumMs
}

function createEdgeRow(caller: string, route: string, service: string, workers: number): EdgeRow {
  const { statuses, latencyCounts } = createEdgeCounters(caller, route, service)
  const reasons: Record<string, number> = {}
  const numbers = { retries: 0, requestBytes: 0, responseBytes: 0, latencySumMs: 0, inFlight: 0 }
  const total = { caller, route, service, statuses, latencyCounts, reasons, ...numbers }
  return { total, statuses, latencyCounts, reasons, inFlight: zeros(workers) }
}

function createInstanceRow(service: string, id: string, workers: number): InstanceRow {
  const { statuses, latencyCounts } = createInstanceCounters()
  return {
    service,
    id,
    statuses,
    latencyCounts,
    failures: 0,
    latencySumMs: 0,
    inFlight: zeros(workers),
    connections: zeros(workers),
    ejectedUntilMs: zeros(workers),
  }
}

function tellInstance(row: InstanceRow): InstanceTotals {
  return {
    service: row.service,
    id: row.id,
    statuses: row.statuses,
    failures: row.failures,
    inFlight: sum(row.inFlight),
    connections: sum(row.connections),
    latencyCounts: row.latencyCounts,
    latencySumMs: row.latencySumMs,
    ejectedUntilMs: Math.max(...row.ejectedUntilMs),
  }
}

function edgeKey(caller: string, route: string, service: string): string {
  return `${caller}\n${route}\n${service}`
}

function clear(values: number[], worker: number): boolean {
  const had = values[worker] !== 0
  values[worker] = 0
  return had
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
