/** What control and data say to each other about policies of resilience that keep a state. */

/** Where breakers stand: one for the service as a whole, one for each of its instances, both, or none. */
export type BreakerScope = 'service' | 'instance' | 'both' | 'off'

/** What an operator has ordered: `auto` is what the calls say. */
export type BreakerOrder = 'auto' | 'open' | 'closed' | 'disabled'

export interface BreakerSpec {
  readonly scope: BreakerScope
  /** Of the service's own breaker; those of instances follow it, but for `open`. */
  readonly order: BreakerOrder
  readonly failureRatio: number
  /** More than 1: slowness is not looked at. */
  readonly slowRatio: number
  /** A call that takes longer is slow, also while it hangs. */
  readonly slowMs: number
  /** Answers that count as failed. */
  readonly statuses: readonly number[]
  readonly callsMin: number
  readonly window:
    | { readonly kind: 'count'; readonly size: number }
    | { readonly kind: 'time'; readonly ms: number }
  readonly openMs: number
  readonly openMsMax: number
  readonly probes: number
}

/** When something changed: where breakers are, and what has happened. */
export interface ResilienceMessage {
  readonly type: 'resilience'
  /** Forget what was told before. After `hello`. */
  readonly reset?: true
  readonly breakers: readonly BreakerState[]
  readonly events: readonly ResilienceEvent[]
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
  readonly kind: 'opened' | 'half-open' | 'closed' | 'ejected'
  readonly because: string
}
