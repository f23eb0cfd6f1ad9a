import { type Candidate, createCandidate } from '../../mechanisms/balancing/candidate.ts'
import type { Breaker } from '../../mechanisms/breaker/breaker.ts'
import type { OutlierStats } from '../../mechanisms/ejection/outlier-stats.ts'
import type { InstanceSpec } from '../../contracts/snapshot.ts'
import { createInstanceCounters, type InstanceCounters } from '../totals/counters.ts'
import type { Turn } from '../io/turns.ts'
import type { MemoryPlace } from '../shared/resilience-memory.ts'
import type { Permits } from './permits.ts'

/** An open connection that nobody uses. */
export interface PooledConnection {
  idleSinceMs: number
  /** How long it may be idle, where that is not what holds for all. */
  readonly idleMsMax?: number
  /** Closes it; its place is free at once. */
  cancel(): void
}

/** An HTTP/2 connection of this worker, open or being opened. */
export interface SharedConnection extends PooledConnection {
  /** Requests on it. */
  readonly streamCount: number
  /** Another one may be opened. */
  readonly hasRoom: boolean
}

/** The service of an instance, as far as its connections need to know it: whoever waits for one of them gets a turn when a place is free. */
export interface Waiters extends Turn {
  readonly waiting: { readonly size: number }
}

/** One instance as one worker sees it: what balancing knows of it, and the connections to it. */
export interface Instance extends Candidate {
  readonly service: Waiters
  spec: InstanceSpec
  /** `host:port`. */
  address: string
  /** Open and unused; the last one is the one that was used last (LIFO: few stay warm, the others time out). */
  readonly idle: PooledConnection[]
  /** Speaks HTTP/2: many requests share a connection. */
  isHttp2: boolean
  /** What its certificate must say, '' for its address; null where it speaks in the clear. */
  tlsName: string | null
  /** Connections with requests on them, those that are idle not among them. */
  readonly shared: SharedConnection[]
  /** Open or being opened by this worker, idle ones included. */
  connectionCount: number
  /** The connections that all workers together may have. */
  readonly permits: Permits
  /** Out of rotation; lives on until nothing is in flight. */
  isGone: boolean
  /** Number of the removal that took it out; 0 before, and where another address replaced it. */
  removal: number
  readonly counters: InstanceCounters
  /** What outliers are found by; undefined until the first answer, and where they are not looked for. */
  outliers: OutlierStats | undefined
  /** What all workers have learnt of it. */
  readonly learnt: MemoryPlace
  /** Null where instances have none. */
  breaker: Breaker | null
}

/** `sinceMs`: start of slow start in monotonic milliseconds, -Infinity for none. */
export function createInstance(
  service: Waiters,
  spec: InstanceSpec,
  sinceMs: number,
  permits: Permits,
  learnt: MemoryPlace,
): Instance {
  return {
    ...createCandidate({ id: spec.id, weight: spec.weight, addedAtMs: sinceMs }),
    service,
    spec,
    address: addressOf(spec),
    idle: [],
    isHttp2: false,
    tlsName: null,
    shared: [],
    connectionCount: 0,
    permits,
    isGone: false,
    removal: 0,
    counters: createInstanceCounters(),
    outliers: undefined,
    learnt,
    breaker: null,
  }
}

/** `host:port`, IPv6 in brackets. */
export function addressOf(spec: InstanceSpec): string {
  return spec.host.includes(':') ? `[${spec.host}]:${spec.port}` : `${spec.host}:${spec.port}`
}
