/**
 * What a horizontal autoscaler looks at. The words are those of Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), with "replica" for "pod".
 * Quantities are whole thousandths ("milli"), as there: 0.25 cores are 250, and a mean is cut to a whole one.
 */

/** One replica, as its driver sees it. */
export interface Replica {
  readonly id: string
  /** A pending one is counted as not ready, a failed one not at all. */
  readonly phase: 'pending' | 'running' | 'failed'
  /** On its way out: not counted. */
  readonly isLeaving: boolean
  /** Whether it is ready and since when it is so or not; undefined: nobody has said yet. */
  readonly readiness: { readonly isReady: boolean; readonly sinceMs: number } | undefined
  readonly startedAtMs: number | undefined
}

/** What was measured at one replica. */
export interface Sample {
  readonly milli: number
  readonly atMs: number
  /** Over how long; a sample that began before its replica was ready does not count for `cpu`. */
  readonly windowMs: number
}

/** Samples by the id of the replica, or why there are none. */
export type Samples =
  | { readonly state: 'known'; readonly byReplica: ReadonlyMap<string, Sample> }
  | { readonly state: 'missing'; readonly reason: string }

/** One number about the whole service, or why there is none. */
export type Total =
  | { readonly state: 'known'; readonly milli: number }
  | { readonly state: 'missing'; readonly reason: string }

/** The resource whose samples do not count while a replica is starting: a start burns processor time that says nothing of the load. */
export const CPU = 'cpu'

/** One measure and its target. `name` is for people. */
export type Metric =
  | {
      /** The mean share of what each replica requested: `Resource` with `averageUtilization`. */
      readonly kind: 'utilization'
      readonly name: string
      readonly resource: string
      /** Thousandths that each replica requested, by id. One without a request makes the metric unusable. */
      readonly requests: ReadonlyMap<string, number>
      readonly targetPercent: number
      readonly samples: Samples
    }
  | {
      /** The mean of what replicas measured: `Pods`, and `Resource` with `averageValue`. */
      readonly kind: 'average'
      readonly name: string
      readonly resource: string | undefined
      readonly targetMilli: number
      readonly samples: Samples
    }
  | {
      /** One number that the number of replicas brings to its target: `Object` and `External` with `value`. */
      readonly kind: 'value'
      readonly name: string
      readonly targetMilli: number
      readonly total: Total
    }
  | {
      /** One number that the replicas share: `Object` and `External` with `averageValue`. */
      readonly kind: 'shared'
      readonly name: string
      readonly targetMilli: number
      readonly total: Total
    }

/** How far a ratio may be from 1 before anything is done, by direction (KEP-4951). */
export interface Tolerance {
  readonly up: number
  readonly down: number
}

/** What the readings are judged by. */
export interface ReadingTerms {
  readonly tolerance: Tolerance
  /** For so long after its start a replica may turn ready for the first time. */
  readonly cpuInitializationMs: number
  /** One that turned unready so soon after its start was never ready. */
  readonly initialReadinessMs: number
}

/** Kubernetes' own: `--horizontal-pod-autoscaler-tolerance`, `-cpu-initialization-period`, `-initial-readiness-delay`. */
export const DEFAULT_READING_TERMS: ReadingTerms = {
  tolerance: { up: 0.1, down: 0.1 },
  cpuInitializationMs: 300_000,
  initialReadinessMs: 30_000,
}
