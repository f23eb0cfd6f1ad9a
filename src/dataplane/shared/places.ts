import { PLACES_FIXED, PLACES_MAX, type KeyedCounts } from './counts.ts'

/** Which place of the shared counts belongs to which key. Main thread only; workers are told the number. */
export interface Places {
  /** The place of a key, a new one if it has none; -1 when all are taken. */
  of(key: string): number
  /**
   * The key is gone. Call it when every worker has applied that; its place goes to another key once nothing is counted there any more.
   */
  drop(key: string): void
  readonly count: number
}

/** `counts` is the main thread's view of the same memory. */
export function createPlaces(counts: Pick<KeyedCounts, 'total'>, places = PLACES_MAX): Places {
  const byKey = new Map<string, number>()
  const free: number[] = []
  let dropped: number[] = []
  let next = PLACES_FIXED

  function unused(): number {
    if (free.length === 0 && dropped.length > 0) {
      free.push(...dropped.filter((place) => counts.total(place) === 0))
      dropped = dropped.filter((place) => counts.total(place) !== 0)
    }
    return free.pop() ?? (next < places ? next++ : -1)
  }

  return {
    of(key) {
      const known = byKey.get(key)
      if (known !== undefined) return known
      const place = unused()
      if (place >= 0) byKey.set(key, place)
      return place
    },
    drop(key) {
      const place = byKey.get(key)
      if (place === undefined) return
      byKey.delete(key)
      dropped.push(place)
    },
    get count() {
      return byKey.size
    },
  }
}
