import { type Candidate, createCandidate } from '../../mechanisms/balancing/candidate.ts'
import type { InstanceSpec } from '../../contracts/snapshot.ts'
import { createInstanceCounters, type InstanceCounters } from '../totals/counters.ts'
import type { UpstreamConnection } from './connection.ts'

/** One instance as one worker sees it: what balancing knows of it, and the connections to it. */
export interface Instance extends Candidate {
  spec: InstanceSpec
  /** `host:port`. */
  address: string
  /** Open and unused; the last one is the one that was used last (LIFO: few stay warm, the others time out). */
  readonly idle: UpstreamConnection[]
  /** Open or being opened, idle ones included. */
  connectionCount: number
  connectionsMax: number
  /** Out of rotation; lives on until nothing is in flight. */
  isGone: boolean
  /** Number of the removal that took it out; 0 before, and where another address replaced it. */
  removal: number
  readonly counters: InstanceCounters
}

/** `sinceMs`: start of slow start in monotonic milliseconds, -Infinity for none. */
export function createInstance(
  spec: InstanceSpec,
  sinceMs: number,
  connectionsMax: number,
): Instance {
  return {
    ...createCandidate({ id: spec.id, weight: spec.weight, addedAtMs: sinceMs }),
    spec,
    address: addressOf(spec),
    idle: [],
    connectionCount: 0,
    connectionsMax,
    isGone: false,
    removal: 0,
    counters: createInstanceCounters(),
  }
}

/** `host:port`, IPv6 in brackets. */
export function addressOf(spec: InstanceSpec): string {
  return spec.host.includes(':') ? `[${spec.host}]:${spec.port}` : `${spec.host}:${spec.port}`
}
