/** Starts one capability. Everything that it may touch is in these three arguments. */
export type Start<Config, Needs, Api> = (
  config: Config,
  needs: Needs,
  scope: Scope,
) => Api | Promise<Api>

/** What every capability gets: time, chance, log, cancellation, cleanup. */
export interface Scope {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Aborts when the process begins to stop. */
  readonly stopping: AbortSignal
  /** Releases run in reverse order of registration, also when a later start fails. */
  onStop(release: () => void | Promise<void>): void
}

export interface Clock {
  /** Wall clock in Unix milliseconds, for timestamps that leave the process. */
  nowMs(): number
  /** Never goes back, for durations and deadlines. Milliseconds, with a fraction. */
  monotonicMs(): number
  /** Calls back once after `delayMs`; returns the cancellation. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void
}

/** A number from 0 (inclusive) to 1 (exclusive). Not for secrets. */
export type Random = () => number

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** `code` in the fields is the stable error code where there is one. Never put a secret into a field. */
export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void
