import { addCounts } from '../../mechanisms/histogram/histogram.ts'
import {
  type DataTotals,
  type EdgeTotals,
  type InstanceTotals,
  TOTALS_OTHER,
  type TotalsMessage,
  type Http2Totals,
} from '../../contracts/snapshot.ts'
import type { WorkerTotals } from '../threads/messages.ts'
import { createEdgeCounters, createInstanceCounters } from './counters.ts'

/** Rows of edges that are kept since the start of the process; what is beyond counts on one row, `TOTALS_OTHER`. */
export const EDGE_ROWS_MAX = 8_192
/** Rows of instances; a removed instance's goes. What is beyond counts on one row, `TOTALS_OTHER`, without gauges. */
export const INSTANCE_ROWS_MAX = 131_072
/** Rows in one message: some 1.5 MB of JSON at most. */
export const ROWS_PER_MESSAGE_MAX = 4_096
/** Messages a second; what changes beyond that is told in the next second, the longest waiting first. */
export const MESSAGES_PER_SECOND_MAX = 4
/** Names of limits that are counted. */
const LIMITED_NAMES_MAX = 64

interface EdgeRow {
  readonly total: { -readonly [K in keyof Omit<EdgeTotals, 'reasons'>]: EdgeTotals[K] }
  readonly statuses: number[]
  readonly latencyCounts: number[]
  readonly reasons: Map<string, number>
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

/** Tells one listener what changed since it was told last. */
export interface TotalsReader {
  /** Somebody new listens: every row is told again. */
  restart(): void
  /** At least one message, at most `MESSAGES_PER_SECOND_MAX`. */
  take(atMs: number): readonly TotalsMessage[]
}

/** Bounds of rows; others than the constants only in tests. */
export interface RowLimits {
  readonly edges: number
  readonly instances: number
  readonly perMessage: number
}

const ROW_LIMITS: RowLimits = {
  edges: EDGE_ROWS_MAX,
  instances: INSTANCE_ROWS_MAX,
  perMessage: ROWS_PER_MESSAGE_MAX,
}

/** What a reader has not been told yet, the longest waiting first. */
interface Untold {
  readonly edges: Set<EdgeRow>
  readonly instances: Set<InstanceRow>
  mustReset: boolean
}

/** Adds up what the workers report, since the start of the process. */
export class TotalsMerge {
  readonly #workers: number
  readonly #limits: RowLimits
  readonly #readers: Untold[] = []
  /** Instances that exist, or still have a request in flight: a late report of another one makes no row. */
  readonly #known = new Set<string>()
  readonly #edges = new Map<string, EdgeRow>()
  readonly #instances = new Map<string, InstanceRow>()
  readonly #connections: number[]
  readonly #http2 = new Map<number, Http2Totals>()
  readonly #requests: number[]
  readonly #requestsBefore: number[]
  readonly #dropped: number[]
  readonly #droppedBefore: number[]
  readonly #recordsDropped: number[]
  readonly #recordsDroppedBefore: number[]
  readonly #limited = new Map<string, number>()
  readonly #handshakes = new Map<string, number>()

  constructor(workers: number, limits = ROW_LIMITS) {
    this.#workers = workers
    this.#limits = limits
    this.#connections = zeros(workers)
    this.#requests = zeros(workers)
    this.#requestsBefore = zeros(workers)
    this.#dropped = zeros(workers)
    this.#droppedBefore = zeros(workers)
    this.#recordsDropped = zeros(workers)
    this.#recordsDroppedBefore = zeros(workers)
  }

  /** `others`: what the main thread counts itself. */
  createReader(others: () => Pick<DataTotals, 'accessLogLost' | 'recordsDropped'>): TotalsReader {
    const untold: Untold = {
      edges: new Set(),
      instances: new Set(),
      mustReset: true,
    }
    this.#readers.push(untold)
    return {
      restart: () => this.#restart(untold),
      take: (atMs) => this.#take(untold, atMs, this.#process(others())),
    }
  }

  /** From now on this instance has a row. */
  knowInstance(service: string, id: string): void {
    this.#known.add(instanceKey(service, id))
  }

  add(worker: number, totals: WorkerTotals): void {
    for (const row of totals.edges) this.#addEdge(worker, row)
    for (const row of totals.instances) this.#addInstance(worker, row)
    this.#connections[worker] = totals.connections
    if (totals.http2 !== undefined) this.#http2.set(worker, totals.http2)
    this.#requests[worker] = this.#requestsBefore[worker]! + totals.requests
    this.#dropped[worker] = this.#droppedBefore[worker]! + totals.accessLogDropped
    this.#recordsDropped[worker] = this.#recordsDroppedBefore[worker]! + totals.recordsDropped
    addNamed(this.#limited, totals.limited)
    addNamed(this.#handshakes, totals.handshakes)
  }

  /** The gauges of a dead worker are zero; what it had counted stays. */
  forgetWorker(worker: number): void {
    for (const row of this.#edges.values()) {
      if (clear(row.inFlight, worker)) this.#touchEdge(row)
    }
    for (const row of this.#instances.values()) {
      const hadRequests = clear(row.inFlight, worker)
      const hadConnections = clear(row.connections, worker)
      const wasEjected = clear(row.ejectedUntilMs, worker)
      if (hadRequests || hadConnections || wasEjected) this.#touchInstance(row)
    }
    this.#connections[worker] = 0
    this.#http2.delete(worker)
    this.#requestsBefore[worker] = this.#requests[worker]!
    this.#droppedBefore[worker] = this.#dropped[worker]!
    this.#recordsDroppedBefore[worker] = this.#recordsDropped[worker]!
  }

  /** The instance is gone, and no worker has a request in flight to it. */
  forgetInstance(service: string, id: string): void {
    const key = instanceKey(service, id)
    this.#known.delete(key)
    const row = this.#instances.get(key)
    if (row === undefined) return
    this.#instances.delete(key)
    for (const { instances } of this.#readers) instances.delete(row)
  }

  /** Requests in flight on an edge, by all workers. */
  edgeInFlight({ caller, route, service }: EdgeTotals): number {
    return sum(this.#edges.get(edgeKey(caller, route, service))?.inFlight ?? [])
  }

  /** Requests in flight at an instance, by all workers. */
  instanceInFlight({ service, id }: InstanceTotals): number {
    return sum(this.#instances.get(instanceKey(service, id))?.inFlight ?? [])
  }

  #restart(untold: Untold): void {
    untold.mustReset = true
    for (const row of this.#edges.values()) untold.edges.add(row)
    for (const row of this.#instances.values()) untold.instances.add(row)
  }

  #take(untold: Untold, atMs: number, process: DataTotals): readonly TotalsMessage[] {
    const messages: TotalsMessage[] = []
    for (let count = 1; count <= MESSAGES_PER_SECOND_MAX; count++) {
      const { perMessage } = this.#limits
      const edges = takeFirst(untold.edges, perMessage).map(tellEdge)
      const instances = takeFirst(untold.instances, perMessage - edges.length).map(tellInstance)
      const isAll = untold.edges.size + untold.instances.size === 0
      const hasMore = !isAll && count < MESSAGES_PER_SECOND_MAX
      messages.push({
        type: 'totals',
        atMs,
        edges,
        instances,
        process,
        ...(untold.mustReset ? { reset: true } : {}),
        ...(hasMore ? { more: true } : {}),
      })
      untold.mustReset = false
      if (!hasMore) break
    }
    return messages
  }

  #process(others: Pick<DataTotals, 'accessLogLost' | 'recordsDropped'>): DataTotals {
    return {
      connections: [...this.#connections],
      ...(this.#http2.size === 0 ? {} : { http2: sumHttp2(this.#http2.values()) }),
      requests: [...this.#requests],
      limited: Object.fromEntries(this.#limited),
      handshakes: Object.fromEntries(this.#handshakes),
      accessLogDropped: sum(this.#dropped),
      accessLogLost: others.accessLogLost,
      recordsDropped: sum(this.#recordsDropped) + others.recordsDropped,
    }
  }

  #touchEdge(row: EdgeRow): void {
    for (const { edges } of this.#readers) edges.add(row)
  }

  #touchInstance(row: InstanceRow): void {
    for (const { instances } of this.#readers) instances.add(row)
  }

  #addEdge(worker: number, row: EdgeTotals): void {
    const into = this.#edgeRow(row)
    addEdgeCounts(into, row)
    into.inFlight[worker] = row.inFlight
    this.#touchEdge(into)
  }

  #addInstance(worker: number, row: InstanceTotals): void {
    const into = this.#instanceRow(row)
    if (into === undefined) return
    addCounts(into.statuses, row.statuses)
    addCounts(into.latencyCounts, row.latencyCounts)
    into.failures += row.failures
    into.latencySumMs += row.latencySumMs
    this.#touchInstance(into)
    if (into.service === TOTALS_OTHER) return
    into.inFlight[worker] = row.inFlight
    into.connections[worker] = row.connections
    into.ejectedUntilMs[worker] = row.ejectedUntilMs
  }

  #edgeRow({ caller, route, service }: EdgeTotals): EdgeRow {
    const found = this.#edges.get(edgeKey(caller, route, service))
    if (found !== undefined) return found
    if (this.#edges.size < this.#limits.edges) return this.#addEdgeRow(caller, route, service)
    const other = this.#edges.get(edgeKey(TOTALS_OTHER, TOTALS_OTHER, TOTALS_OTHER))
    return other ?? this.#addEdgeRow(TOTALS_OTHER, TOTALS_OTHER, TOTALS_OTHER)
  }

  #addEdgeRow(caller: string, route: string, service: string): EdgeRow {
    const row = createEdgeRow(caller, route, service, this.#workers)
    this.#edges.set(edgeKey(caller, route, service), row)
    return row
  }

  #instanceRow({ service, id }: InstanceTotals): InstanceRow | undefined {
    const key = instanceKey(service, id)
    const found = this.#instances.get(key)
    if (found !== undefined || !this.#known.has(key)) return found
    if (this.#instances.size < this.#limits.instances) return this.#addInstanceRow(service, id)
    const other = this.#instances.get(instanceKey(TOTALS_OTHER, TOTALS_OTHER))
    return other ?? this.#addInstanceRow(TOTALS_OTHER, TOTALS_OTHER)
  }

  #addInstanceRow(service: string, id: string): InstanceRow {
    const row = createInstanceRow(service, id, this.#workers)
    this.#instances.set(instanceKey(service, id), row)
    return row
  }
}

function addEdgeCounts(into: EdgeRow, row: EdgeTotals): void {
  addCounts(into.statuses, row.statuses)
  addCounts(into.latencyCounts, row.latencyCounts)
  for (const [code, count] of Object.entries(row.reasons)) {
    into.reasons.set(code, (into.reasons.get(code) ?? 0) + count)
  }
  into.total.retries += row.retries
  into.total.requestBytes += row.requestBytes
  into.total.responseBytes += row.responseBytes
  into.total.latencySumMs += row.latencySumMs
}

function createEdgeRow(caller: string, route: string, service: string, workers: number): EdgeRow {
  const { statuses, latencyCounts } = createEdgeCounters(caller, route, service)
  const numbers = { retries: 0, requestBytes: 0, responseBytes: 0, latencySumMs: 0, inFlight: 0 }
  const total = { caller, route, service, statuses, latencyCounts, ...numbers }
  return { total, statuses, latencyCounts, reasons: new Map(), inFlight: zeros(workers) }
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

/** Takes the first so many out of a set. */
function takeFirst<Row>(rows: Set<Row>, count: number): Row[] {
  const taken: Row[] = []
  for (const row of rows) {
    if (taken.length === count) break
    taken.push(row)
    rows.delete(row)
  }
  return taken
}

function tellEdge(row: EdgeRow): EdgeTotals {
  const reasons = Object.fromEntries(row.reasons)
  return { ...row.total, reasons, inFlight: sum(row.inFlight) }
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

function instanceKey(service: string, id: string): string {
  return `${service}\n${id}`
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

/** Adds counts to those of the same name; of too many names the last ones are lost. */
function addNamed(into: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    const before = into.get(name)
    if (before !== undefined || into.size < LIMITED_NAMES_MAX) into.set(name, (before ?? 0) + count)
  }
}

function sumHttp2(workers: Iterable<Http2Totals>): Http2Totals {
  let connections = 0
  let streams = 0
  for (const one of workers) {
    connections += one.connections
    streams += one.streams
  }
  return { connections, streams }
}
