import { addCounts } from '../../mechanisms/histogram/histogram.ts'
import type { EdgeTotals, FromData, InstanceTotals } from '../../contracts/snapshot.ts'
import type { WorkerTotals } from '../threads/messages.ts'
import { createEdgeCounters, createInstanceCounters } from './counters.ts'
import { OTHER } from './worker-totals.ts'

/** Rows of edges that are kept since the start of the process. */
export const EDGE_ROWS_MAX = 8_192
/** Rows of instances; those of removed instances go first. */
export const INSTANCE_ROWS_MAX = 131_072
/** Names of limits that are counted. */
const LIMITED_NAMES_MAX = 64

type Totals = Extract<FromData, { type: 'totals' }>

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

/** Adds up what the workers report, since the start of the process. */
export class TotalsMerge {
  readonly #workers: number
  readonly #edges = new Map<string, EdgeRow>()
  readonly #instances = new Map<string, InstanceRow>()
  readonly #dirtyEdges = new Set<EdgeRow>()
  readonly #dirtyInstances = new Set<InstanceRow>()
  readonly #connections: number[]
  readonly #requests: number[]
  readonly #requestsBefore: number[]
  readonly #dropped: number[]
  readonly #droppedBefore: number[]
  readonly #limited = new Map<string, number>()

  constructor(workers: number) {
    this.#workers = workers
    this.#connections = zeros(workers)
    this.#requests = zeros(workers)
    this.#requestsBefore = zeros(workers)
    this.#dropped = zeros(workers)
    this.#droppedBefore = zeros(workers)
  }

  add(worker: number, totals: WorkerTotals): void {
    for (const row of totals.edges) this.#addEdge(worker, row)
    for (const row of totals.instances) this.#addInstance(worker, row)
    this.#connections[worker] = totals.connections
    this.#requests[worker] = this.#requestsBefore[worker]! + totals.requests
    this.#dropped[worker] = this.#droppedBefore[worker]! + totals.accessLogDropped
    for (const [name, count] of Object.entries(totals.limited)) {
      const before = this.#limited.get(name)
      if (before !== undefined || this.#limited.size < LIMITED_NAMES_MAX) {
        this.#limited.set(name, (before ?? 0) + count)
      }
    }
  }

  /** The gauges of a dead worker are zero; what it had counted stays. */
  forgetWorker(worker: number): void {
    for (const row of this.#edges.values()) {
      if (clear(row.inFlight, worker)) this.#dirtyEdges.add(row)
    }
    for (const row of this.#instances.values()) {
      const hadRequests = clear(row.inFlight, worker)
      const hadConnections = clear(row.connections, worker)
      const wasEjected = clear(row.ejectedUntilMs, worker)
      if (hadRequests || hadConnections || wasEjected) this.#dirtyInstances.add(row)
    }
    this.#connections[worker] = 0
    this.#requestsBefore[worker] = this.#requests[worker]!
    this.#droppedBefore[worker] = this.#dropped[worker]!
  }

  forgetInstance(service: string, id: string): void {
    const key = `${service}\n${id}`
    const row = this.#instances.get(key)
    if (row !== undefined) this.#dirtyInstances.delete(row)
    this.#instances.delete(key)
  }

  /** The rows that changed since the last time. */
  take(atMs: number): Totals {
    const edges = [...this.#dirtyEdges].map((row) => ({
      ...row.total,
      inFlight: sum(row.inFlight),
    }))
    const instances = [...this.#dirtyInstances].map(tellInstance)
    this.#dirtyEdges.clear()
    this.#dirtyInstances.clear()
    const process = {
      connections: [...this.#connections],
      requests: [...this.#requests],
      limited: Object.fromEntries(this.#limited),
      accessLogDropped: sum(this.#dropped),
    }
    return { type: 'totals', atMs, edges, instances, process }
  }

  #addEdge(worker: number, row: EdgeTotals): void {
    const into = this.#edgeRow(row)
    addEdgeCounts(into, row)
    into.inFlight[worker] = row.inFlight
    this.#dirtyEdges.add(into)
  }

  #addInstance(worker: number, row: InstanceTotals): void {
    const into = this.#instanceRow(row)
    if (into === undefined) return
    addCounts(into.statuses, row.statuses)
    addCounts(into.latencyCounts, row.latencyCounts)
    into.failures += row.failures
    into.latencySumMs += row.latencySumMs
    into.inFlight[worker] = row.inFlight
    into.connections[worker] = row.connections
    into.ejectedUntilMs[worker] = row.ejectedUntilMs
    this.#dirtyInstances.add(into)
  }

  /** Beyond the limit all that is new counts on one row. */
  #edgeRow({ caller, route, service }: EdgeTotals): EdgeRow {
    const found = this.#edges.get(edgeKey(caller, route, service))
    if (found !== undefined) return found
    if (this.#edges.size < EDGE_ROWS_MAX) return this.#addEdgeRow(caller, route, service)
    return this.#edges.get(edgeKey(OTHER, OTHER, OTHER)) ?? this.#addEdgeRow(OTHER, OTHER, OTHER)
  }

  #addEdgeRow(caller: string, route: string, service: string): EdgeRow {
    const row = createEdgeRow(caller, route, service, this.#workers)
    this.#edges.set(edgeKey(caller, route, service), row)
    return row
  }

  #instanceRow({ service, id }: InstanceTotals): InstanceRow | undefined {
    const key = `${service}\n${id}`
    const found = this.#instances.get(key)
    if (found !== undefined || this.#instances.size >= INSTANCE_ROWS_MAX) return found
    const created = createInstanceRow(service, id, this.#workers)
    this.#instances.set(key, created)
    return created
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
