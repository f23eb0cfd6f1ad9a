import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Fewer connections than this are no crowd: what they leave behind is little. */
export const CROWD_MIN = 256
/** Only when the crowd has been away for this long, so that a burst between two others is not cleaned up behind. */
export const CROWD_AWAY_MS = 2_000

/**
 * Decides when a worker collects: after at least half of a crowd of connections has left. The engine collects when it needs room, and a worker that
 * nobody asks much needs none: it would keep for ever what thousands of slow readers had waiting.
 */
export class Crowd {
  #most = 0
  #leftAtMs = Infinity

  /** To be called now and then. True: collect now; it is said once for each crowd that has left. */
  look(count: number, nowMs: number): boolean {
    this.#most = Math.max(this.#most, count)
    if (this.#most < CROWD_MIN || count * 2 > this.#most) {
      this.#leftAtMs = Infinity
      return false
    }
    this.#leftAtMs = Math.min(this.#leftAtMs, nowMs)
    if (nowMs - this.#leftAtMs < CROWD_AWAY_MS) return false
    this.#most = count
    this.#leftAtMs = Infinity
    return true
  }
}

/**
 * Frees what this thread does not use any more; some ten milliseconds. The flag is set here and not on the command line, where it would make the engine
 * refuse the code that the installation has compiled.
 */
export function collectNow(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  collect()
}
