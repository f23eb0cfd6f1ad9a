/** How long one of ours may be silent. */
export interface HeartbeatLimits {
  /** From its start to the first sign of life: it loads its code. */
  readonly firstMs: number
  /** Between two signs of life. */
  readonly silenceMs: number
}

/** Each of ours says that it is alive every second: ten of them missing is no delay any more. */
export const HEARTBEAT_LIMITS: HeartbeatLimits = { firstMs: 30_000, silenceMs: 10_000 }
/** Between two looks at who is silent. */
export const HEARTBEAT_LOOK_MS = 1_000
/**
 * What one look counts at most: silence is counted in time in which the supervisor was awake. After a laptop slept, or the supervisor was
 * stopped, much time has passed at once, and what the others said meanwhile is read right after the look.
 */
export const HEARTBEAT_LOOK_COUNTS_MAX_MS = 2_000

/** Counts the silence of one life of one of ours. */
export interface HeartbeatWatch {
  heard(): void
  /** So much time has passed since the last look. Returns for how long it has been silent when that is too long, else 0. */
  look(passedMs: number): number
}

/** Begins with a life. */
export function createHeartbeatWatch({ firstMs, silenceMs }: HeartbeatLimits): HeartbeatWatch {
  let limitMs = firstMs
  let silentMs = 0
  return {
    heard() {
      limitMs = silenceMs
      silentMs = 0
    },
    look(passedMs) {
      silentMs += Math.min(passedMs, HEARTBEAT_LOOK_COUNTS_MAX_MS)
      return silentMs > limitMs ? silentMs : 0
    },
  }
}
