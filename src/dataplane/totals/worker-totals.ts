import { type Http2Totals, type InstanceTotals, TOTALS_OTHER } from '../../contracts/snapshot.ts'
import type { Instance } from '../upstream/instance.ts'
import type { WorkerLoad } from '../resilience/service-load.ts'
import type { WorkerTotals } from '../threads/messages.ts'
import { createEdgeCounters, type EdgeCounters, takeEdge, takeInstance } from './counters.ts'

/** Edges of one worker; beyond it what is new counts on one row of its own. Callers x routes x services are bounded by the file, but reloads add. */
export const EDGES_MAX = 4096

/** Collects what one worker counts, and reports what changed. */
export interface TotalsCollector {
  /** Always the same record for the same edge: look it up once, and keep it. */
  edge(caller: string, route: string, service: string): EdgeCounters
  /** Call after a change of an edge's counters. */
  touchEdge(edge: EdgeCounters): void
  touchInstance(instance: Instance): void
  countLimited(limit: string): void
  /** A TLS handshake is over: by the version, or by why nothing came of it. A constant. */
  countHandshake(outcome: string): void
  countRequest(): void
  /** The report since the last one. `wallMs` minus `monotonicMs` turns ejection times into Unix time. */
  take(values: {
    readonly connections: number
    readonly http2?: Http2Totals
    readonly loads?: readonly WorkerLoad[]
    readonly accessLogDropped: number
    readonly recordsDropped: number
    readonly wallMs: number
    readonly monotonicMs: number
  }): WorkerTotals
}

export function createTotalsCollector(edgesMax = EDGES_MAX): TotalsCollector {
  const edges = new Map<string, EdgeCounters>()
  const other = createEdgeCounters(TOTALS_OTHER, TOTALS_OTHER, TOTALS_OTHER)
  let dirtyEdges: EdgeCounters[] = []
  let dirtyInstances: Instance[] = []
  const limited = new Map<string, number>()
  const handshakes = new Map<string, number>()
  let requests = 0

  return {
    edge(caller, route, service) {
      const key = `${caller}\n${route}\n${service}`
      const known = edges.get(key)
      if (known !== undefined) return known
      if (edges.size >= edgesMax) return other
      const created = createEdgeCounters(caller, route, service)
      edges.set(key, created)
      return created
    },
    touchEdge(edge) {
      if (edge.isDirty) return
      edge.isDirty = true
      dirtyEdges.push(edge)
    },
    touchInstance(instance) {
      if (instance.counters.isDirty) return
      instance.counters.isDirty = true
      dirtyInstances.push(instance)
    },
    countLimited(limit) {
      limited.set(limit, (limited.get(limit) ?? 0) + 1)
    },
    countHandshake(outcome) {
      handshakes.set(outcome, (handshakes.get(outcome) ?? 0) + 1)
    },
    countRequest() {
      requests++
    },
    take(values) {
      const offsetMs = values.wallMs - values.monotonicMs
      const edgeRows = dirtyEdges.map((edge) => takeEdge(edge))
      const instanceRows = dirtyInstances.map((instance) =>
        takeRow(instance, values.monotonicMs, offsetMs),
      )
      dirtyEdges = []
      dirtyInstances = []
      const limitedNow = Object.fromEntries(limited)
      limited.clear()
      const handshakesNow = Object.fromEntries(handshakes)
      handshakes.clear()
      return {
        type: 'totals',
        edges: edgeRows,
        instances: instanceRows,
        connections: values.connections,
        ...(values.http2 === undefined ? {} : { http2: values.http2 }),
        ...(values.loads === undefined ? {} : { loads: values.loads }),
        requests,
        limited: limitedNow,
        handshakes: handshakesNow,
        accessLogDropped: values.accessLogDropped,
        recordsDropped: values.recordsDropped,
      }
    },
  }
}

function takeRow(instance: Instance, nowMs: number, offsetMs: number): InstanceTotals {
  const isEjected = instance.ejectedUntilMs > nowMs
  return takeInstance(instance.counters, {
    service: instance.spec.service,
    id: instance.id,
    inFlight: instance.inFlight,
    connections: instance.connectionCount,
    ejectedUntilMs: isEjected ? Math.round(instance.ejectedUntilMs + offsetMs) : 0,
  })
}
