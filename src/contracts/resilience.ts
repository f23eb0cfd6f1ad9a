/** What control and data say to each other about policies of resilience that keep a state. */
import type { BreakerPolicy } from '../mechanisms/breaker/breaker-policy.ts'
import type { RetryCondition } from '../mechanisms/retry/conditions.ts'
import type { RetryWaits } from '../mechanisms/retry/retry-wait.ts'

/** Where breakers stand: one for the service as a whole, one for each of its instances, both, or none. */
export type BreakerScope = 'service' | 'instance' | 'both' | 'off'

/** What an operator has ordered: `auto` is what the calls say. */
export type BreakerOrder = 'auto' | 'open' | 'closed' | 'disabled'

/** The breaker of a service: when it opens and closes is the policy of the mechanism. */
export interface BreakerSpec extends Omit<BreakerPolicy, 'mode' | 'probeLeaseMs'> {
  readonly scope: BreakerScope
  /** Of the service's own breaker; those of instances follow it, but for `open`. */
  readonly order: BreakerOrder
  /** A call that takes longer is slow, also while it hangs. */
  readonly slowMs: number
  /** Answers that count as failed. */
  readonly statuses: readonly number[]
}

/** How many requests of a service may be in flight, over all workers; `auto`: as many as come, until it is overloaded, for each worker by itself. */
export interface ConcurrencySpec {
  readonly algorithm: 'auto' | 'fixed' | 'aimd' | 'gradient2'
  /** Where an adaptive limit begins, and between what it stays; `fixed` is always `max`. */
  readonly initial: number
  readonly min: number
  readonly max: number
  /** `aimd`: who takes longer counts as dropped. */
  readonly slowMs: number
  /** Requests that may wait for a place, a worker. */
  readonly queueMax: number
  /** How long one may wait. */
  readonly queueMs: number
}

/** Which requests are tried again, how often and when. */
export interface RetrySpec {
  /** Attempts after the first one. */
  readonly attempts: number
  /** Share of requests that may be retries, 0 to 1. */
  readonly budgetRatio: number
  /** Retries a second that are allowed regardless of the share, by all workers together. */
  readonly reservePerSecond: number
  /** What is tried again; without it: no connection, no answer, no answer in time. */
  readonly on?: readonly (RetryCondition | number)[]
  /** Waits before further attempts; without it there are none. */
  readonly waits?: RetryWaits
  /** A request that is larger (head and body) is not tried again. */
  readonly bytesMax?: number
}

/** What stands in where a service cannot serve a request. */
export interface FallbackSpec {
  /** Another service, '' for none; asked once, with what is left of the time. */
  readonly service: string
  /** The last answer to the same GET, up to this age; bytes are those of one worker. */
  readonly stale?: {
    readonly ageMsMax: number
    readonly bytesMax: number
    readonly bodyBytesMax: number
  }
  /** Where there is no other service, or that cannot serve it either. */
  readonly answer?: {
    readonly status: number
    readonly contentType: string
    readonly body: string
  }
}

/** Who is served first and shed last. */
export type PriorityName = 'critical' | 'normal' | 'batch'

/** When something changed: where breakers are, and what has happened. */
export interface ResilienceMessage {
  readonly type: 'resilience'
  /** Forget what was told before. After `hello`. */
  readonly reset?: true
  readonly breakers: readonly BreakerState[]
  readonly events: readonly ResilienceEvent[]
  /** Of services of which something has changed, once a second. */
  readonly loads?: readonly ServiceLoad[]
}

/** What holds the load of one service within bounds, over all workers. Counts of what was done are since this data process started. */
export interface ServiceLoad {
  readonly service: string
  /** Requests and further attempts of the last ten seconds, and how many of these the budget allows. */
  readonly requests: number
  readonly retries: number
  readonly retriesAllowed: number
  /** How many may be in flight now, 0: as many as come, and how many are where that is bounded. */
  readonly limit: number
  readonly inFlight: number
  /** Requests that wait for a place in flight, and for a connection. */
  readonly queued: number
  readonly waiting: number
  /** Workers that give it less, since it works for callers that have gone; and why. */
  readonly overloadedWorkers: number
  readonly because: string
  /** Requests that got no place in flight. */
  readonly shed: number
  /** Further attempts that the budget did not allow. */
  readonly retriesRefused: number
  readonly hedges: number
  /** Second attempts that had their answer first. */
  readonly hedgeWins: number
  readonly fallbacks: number
  readonly ejections: number
}

/** Where one breaker is. Times are Unix milliseconds. */
export interface BreakerState {
  readonly service: string
  /** '' for the service's own. */
  readonly instance: string
  readonly state: 'closed' | 'open' | 'half-open'
  readonly order: BreakerOrder
  /** Rises with each change of state; -1: this breaker is gone. */
  readonly period: number
  /** 0 unless it is open by itself. */
  readonly openUntilMs: number
  /** One sentence. */
  readonly because: string
}

/** Something that policies of resilience did by themselves. */
export interface ResilienceEvent {
  readonly atMs: number
  readonly service: string
  /** '' where it is about the whole service. */
  readonly instance: string
  readonly kind: 'opened' | 'half-open' | 'closed' | 'ejected' | 'overloaded' | 'relieved'
  /** `ejected`: for how long. */
  readonly forMs?: number
  readonly because: string
}
