import type { FastifyInstance } from 'fastify'
import type { Listeners } from './listeners/opening.ts'
import type { MetricFamily } from './metrics-text.ts'

/** Starts one capability. Everything that it may touch is in these three arguments. */
export type Start<Config, Needs, Api> = (
  config: Config,
  needs: Needs,
  scope: Scope,
) => Part<Config, Api> | Promise<Part<Config, Api>>

/** What a capability gives: its Api for siblings, and what the house collects from everyone. */
export interface Part<Config, Api> {
  readonly api: Api
  /**
   * First step of a reload: checks `next`, opens what it needs, and changes nothing that is seen from outside. May throw; then, or when
   * another part throws, every part that was prepared is cancelled, and nothing has happened.
   */
  prepare?(next: Config): Prepared | Promise<Prepared>
  /** Admin API, with schemas. */
  readonly routes?: readonly RouteModule[]
  metrics?(): Iterable<MetricFamily>
  /** What is wrong now. */
  problems?(): Iterable<Problem>
}

/** Second step of a reload. One of the two is called, once. Neither may throw. */
export interface Prepared {
  /** Puts the new configuration into force. */
  commit(): void | Promise<void>
  /** Gives back what was opened for it. */
  cancel?(): void | Promise<void>
}

/** Registers admin routes below `/api/v1`, each with a schema. */
export type RouteModule = (app: FastifyInstance) => void

/** Something that is wrong, for people: what, where, and what to do. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** Stable error code; docs/errors.md explains it. */
  readonly code: string
  /** '' where no one service is meant. */
  readonly service: string
  /** '' where no one instance is meant. */
  readonly instance: string
  /** Tells it from other problems with the same code, service and instance; default ''. */
  readonly key?: string
  readonly text: string
}

/** What every capability gets: time, chance, log, cancellation, cleanup. */
export interface Scope {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Opens the ports that belong to this capability; they are closed with it. */
  readonly listeners: Listeners
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
  /** Calls back every `intervalMs` until it is cancelled; returns the cancellation. Does not keep the process alive. */
  every(intervalMs: number, callback: () => void): () => void
  /** Calls back once the event loop has served what is ready now; returns the cancellation. Keeps the process alive until then. */
  nextTurn(callback: () => void): () => void
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
