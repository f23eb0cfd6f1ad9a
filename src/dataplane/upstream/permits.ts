/** A counting semaphore that nobody waits at: a limit on how many may be used at the same time. */
export interface Permits {
  /** Takes one; false: all are in use. */
  take(): boolean
  give(): void
  /** One could be taken now. */
  readonly hasRoom: boolean
  /** Another worker waits for one: what is not needed should be given back. */
  readonly isWantedElsewhere: boolean
  /** Changes the limit; what is taken stays taken. */
  setMax(max: number): void
}

/** Permits of one worker alone. */
export function createPermits(first: number): Permits {
  let max = first
  let used = 0
  return {
    take() {
      if (used >= max) return false
      used++
      return true
    },
    give: () => void used--,
    get hasRoom() {
      return used < max
    },
    isWantedElsewhere: false,
    setMax: (next) => void (max = next),
  }
}
