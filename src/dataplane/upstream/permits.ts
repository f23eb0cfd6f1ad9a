import type { KeyedCounts } from '../shared/counts.ts'

/** A counting semaphore that nobody waits at: a limit on how many may be used at the same time. */
export interface Permits {
  /** Takes one; false: all are in use. */
  take(): boolean
  give(): void
  /** One could be taken now. */
  readonly hasRoom: boolean
  /** Another worker waits for one: what is not needed should be given back. */
  readonly isWantedElsewhere: boolean
  /** Nothing was free: asks to be told when something is. Holds for one time. With `urges` others are asked to give back what they hold and do not use. */
  waitForRoom(urges: boolean): void
  /** Changes the limit; what is taken stays taken. */
  setMax(max: number): void
}

/** Permits that all workers of the process share, at a place of their counts; the number of a place that could not be had is -1: then they are of this worker alone. */
export function createPermits(counts: KeyedCounts, place: number, first: number): Permits {
  let max = first
  if (place < 0) return createOwnPermits(first)
  return {
    take: () => counts.take(place, max),
    give: () => counts.give(place),
    get hasRoom() {
      return counts.total(place) < max
    },
    get isWantedElsewhere() {
      return counts.isWanted(place)
    },
    waitForRoom(urges) {
      counts.waitFor(place)
      if (urges && counts.own(place) < counts.total(place)) counts.wakeOthers()
    },
    setMax: (next) => void (max = next),
  }
}

function createOwnPermits(first: number): Permits {
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
    waitForRoom() {},
    setMax: (next) => void (max = next),
  }
}
