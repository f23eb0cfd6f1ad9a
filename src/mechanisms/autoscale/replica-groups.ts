import { CPU, type ReadingTerms, type Replica, type Sample } from './metrics.ts'

/** The replicas that count, by what can be said of them. */
export interface ReplicaGroups {
  /** Measured and not set aside. */
  readonly readyCount: number
  /** Pending, and for `cpu` those that have yet to become ready. */
  readonly ignored: readonly string[]
  /** Running, but nothing was measured. */
  readonly missing: readonly string[]
}

/** Sorts replicas as Kubernetes does: leaving and failed ones are in no group. */
export function groupReplicas(
  replicas: readonly Replica[],
  samples: ReadonlyMap<string, Sample>,
  resource: string | undefined,
  terms: ReadingTerms,
  nowMs: number,
): ReplicaGroups {
  const ignored: string[] = []
  const missing: string[] = []
  let readyCount = 0
  for (const replica of replicas) {
    if (replica.isLeaving || replica.phase === 'failed') continue
    const sample = samples.get(replica.id)
    if (replica.phase === 'pending') ignored.push(replica.id)
    else if (sample === undefined) missing.push(replica.id)
    else if (resource === CPU && isStarting(replica, sample, terms, nowMs)) ignored.push(replica.id)
    else readyCount++
  }
  return { readyCount, ignored, missing }
}

/** Its processor time says nothing of the load yet. */
function isStarting(
  { readiness, startedAtMs }: Replica,
  sample: Sample,
  terms: ReadingTerms,
  nowMs: number,
): boolean {
  if (readiness === undefined || startedAtMs === undefined) return true
  if (startedAtMs + terms.cpuInitializationMs > nowMs)
    return !readiness.isReady || sample.atMs < readiness.sinceMs + sample.windowMs
  return !readiness.isReady && startedAtMs + terms.initialReadinessMs > readiness.sinceMs
}

/** Running and ready ones, leaving or not: what a total is scaled by. */
export function countReady(replicas: readonly Replica[]): number {
  let count = 0
  for (const { phase, readiness } of replicas) {
    if (phase === 'running' && readiness?.isReady === true) count++
  }
  return count
}
