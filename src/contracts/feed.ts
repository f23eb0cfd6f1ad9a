/**
 * The one feed of changes that the console lives on: `GET /api/v1/feed`, Server-Sent Events, `data:` is one JSON `FeedMessage`.
 * First a `picture`, then only what changes. A slow reader gets a fresh `picture` instead of a backlog.
 */
export type FeedMessage =
  | { readonly type: 'picture'; readonly picture: Picture }
  /** Services that changed in anything but numbers; whole, by name. */
  | {
      readonly type: 'services'
      readonly changed: readonly ServiceView[]
      readonly gone: readonly string[]
    }
  | { readonly type: 'listeners'; readonly listeners: readonly ListenerView[] }
  | { readonly type: 'problems'; readonly problems: readonly ProblemView[] }
  /** Once a second. */
  | { readonly type: 'tick'; readonly tick: Tick }

export interface Picture {
  readonly name: string
  readonly version: string
  readonly startedAtMs: number
  readonly listeners: readonly ListenerView[]
  readonly services: readonly ServiceView[]
  readonly problems: readonly ProblemView[]
  /** The last 600 ticks, oldest first. */
  readonly ticks: readonly Tick[]
}

export interface ListenerView {
  readonly id: string
  readonly kind: 'gateway' | 'console' | 'tcp' | 'outbound' | 'http' | 'udp'
  readonly address: string
  readonly url: string
  /** Empty when open. */
  readonly error: string
  readonly caller: string
  readonly service: string
  /** `backplane.yaml:3` or 'default'. */
  readonly source: string
}

export type ServiceState =
  | 'healthy'
  | 'starting'
  | 'degraded'
  | 'down'
  | 'stopped'
  | 'waiting'
  | 'finished'
  | 'empty'

export interface ServiceView {
  readonly name: string
  readonly kind: 'run' | 'task' | 'at' | 'registered'
  readonly state: ServiceState
  /** One sentence when the state is not healthy: `orders-2 exits with code 1 again and again`. */
  readonly reason: string
  readonly source: string
  readonly command: string
  readonly after: readonly string[]
  readonly calls: readonly string[]
  readonly algorithm: string
  /** At most 200 of them, those that are not routable first where there are more. */
  readonly instances: readonly InstanceView[]
  readonly instanceCount: number
  readonly routableCount: number
  /** Number of instances wanted now, and what the file says. */
  readonly wanted: number
  readonly wantedByFile: number
  readonly scaleMax: number
  /** What was changed at run time and differs from the file. */
  readonly overrides: readonly {
    readonly setting: 'instances' | 'stopped'
    readonly value: string
    readonly file: string
  }[]
}

export interface InstanceView {
  readonly id: string
  readonly address: string
  /** `run`, `at`, or which protocol or registry it came from. */
  readonly source: string
  /** In rotation: a gateway worker may choose it. */
  readonly isRoutable: boolean
  readonly health: 'passing' | 'warning' | 'critical' | 'unknown' | 'draining'
  readonly checks: readonly {
    readonly name: string
    readonly status: 'passing' | 'warning' | 'critical' | 'unknown'
    readonly output: string
    readonly atMs: number
    readonly durationMs: number
  }[]
  readonly process: {
    readonly state: string
    readonly pid: number
    readonly startedAtMs: number
    readonly restarts: number
    readonly exit: string
    /** Stable error code of why there is no process; left out where there is or was one. */
    readonly code?: string
    /** It is not started again: it failed as often as it may. */
    readonly isGivenUp?: boolean
    /** Other ports that it listens on, while it does not listen on its own. */
    readonly listensOn?: readonly number[]
    /** Another program that listens on its fixed port. */
    readonly portTakenBy?: { readonly pid: number; readonly name: string }
    readonly lastLines: readonly string[]
  } | null
  readonly ejectedUntilMs: number
}

export interface ProblemView {
  readonly id: string
  readonly severity: 'error' | 'warning'
  readonly service: string
  readonly instance: string
  readonly code: string
  readonly text: string
  readonly sinceMs: number
}

export interface Tick {
  readonly atMs: number
  /** Edges with traffic in the last ten seconds. */
  readonly edges: readonly EdgeTick[]
  /** What flows into each service from all of its callers; percentiles are those of all requests together. */
  readonly services: readonly ServiceTick[]
  readonly instances: readonly InstanceTick[]
}

/** Rates and latencies over the last second with traffic smoothing over ten seconds. */
export interface EdgeTick {
  /** Calling service, '' for clients at the gateway, `CALLER_SHARED` where services share a listener. */
  readonly caller: string
  readonly service: string
  readonly requestsPerSecond: number
  /** Share of 5xx and of requests without an answer, 0 to 1. */
  readonly errorRatio: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly retriesPerSecond: number
}

export type ServiceTick = Omit<EdgeTick, 'caller'>

export interface InstanceTick {
  readonly service: string
  readonly id: string
  readonly requestsPerSecond: number
  readonly errorRatio: number
  readonly p95Ms: number
  readonly inFlight: number
  /** Share of one core, 0 to n. */
  readonly cpuRatio: number
  readonly residentBytes: number
}
