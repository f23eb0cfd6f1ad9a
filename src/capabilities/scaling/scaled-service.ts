import type { ScaleTerms } from '../../mechanisms/autoscale/decide.ts'

/** What one service is scaled by: at least one target. */
export interface ScaleTargets {
  /** Requests a second that one instance should carry. */
  readonly requestsPerSecond: number | undefined
  /** Requests in flight that one instance should have. */
  readonly concurrency: number | undefined
  /** Percent of one core that one instance should use. */
  readonly cpuPercent: number | undefined
  /** Latencies below which these shares of requests should stay. */
  readonly latencies: readonly { readonly share: number; readonly ms: number }[]
}

/** The settings of one scaled service. */
export interface ScaleSpec {
  readonly terms: ScaleTerms
  readonly targets: ScaleTargets
  /** A turn so often. */
  readonly everyMs: number
}

/** One instance as its driver knows it. */
export interface ScaledInstance {
  readonly id: string
  readonly phase: 'pending' | 'running' | 'failed'
  /** On its way out. */
  readonly isLeaving: boolean
  /** In rotation. */
  readonly isReady: boolean
  /** Seconds of processor time since it started. */
  readonly cpuSeconds: number
}

/** A service as its driver knows it. The process driver is the capability `processes`. */
export interface ScaledService {
  readonly name: string
  /** How many should run now, by whoever said it last. */
  readonly wantedCount: number
  /** The operator has set a number, or stopped it: that stands above the scaler. */
  readonly override: 'none' | 'scaled' | 'stopped'
  /** A new version replaces an old one. */
  readonly isReplacing: boolean
  /** An instance crashes again and again, or cannot be started. */
  readonly isCrashing: boolean
  readonly instances: readonly ScaledInstance[]
}

/** Why the scaler does not touch a service now, for people; undefined: it may. */
export function holdReasonOf(service: ScaledService): string | undefined {
  switch (service.override) {
    case 'stopped':
      return 'an operator has stopped it'
    case 'scaled':
      return `an operator has scaled it to ${service.wantedCount}`
    case 'none':
      break
    default:
      return service.override satisfies never
  }
  if (service.isReplacing) return 'a new version replaces an old one'
  if (service.isCrashing) return 'an instance crashes: more of them would crash too'
  return undefined
}
