/**
 * How control tells another process of ours what it should know: the whole of it, with a number that rises, over a Unix socket on which that
 * process listens. Length-prefixed JSON (platform/snapshot/frames.ts), one update at a time, acknowledged when it is in force. Whoever was away
 * gets everything again: there are no differences, so none can be missed.
 */

export interface StateUpdate<State> {
  readonly type: 'state'
  readonly version: number
  readonly state: State
}

/** Beside the state, and never again where it is lost: samples of our own, as text (0.0.4). */
export interface OwnSamples {
  readonly type: 'samples'
  readonly atMs: number
  readonly text: string
}

/** What control says. */
export type FromControl<State> = StateUpdate<State> | OwnSamples

/** The other way: what the process has made of the last update; also sent when something of it changes. */
export interface StateReport<More = unknown> {
  readonly type: 'report'
  /** The update that is in force; 0: none yet. */
  readonly version: number
  /** Its listeners, by their name in `listen`. */
  readonly listeners: readonly ListenerReport[]
  readonly problems: readonly ReportedProblem[]
  /** What only this process has to tell. */
  readonly more?: More | undefined
}

export interface ListenerReport {
  readonly name: string
  /** `127.0.0.1:9090`. */
  readonly address: string
  /** Why it is closed; '' when it is open. */
  readonly error: string
}

/** A problem as capabilities tell it (platform/capability.ts). */
export interface ReportedProblem {
  readonly severity: 'error' | 'warning'
  readonly code: string
  readonly service: string
  readonly instance: string
  readonly key?: string
  readonly text: string
}
