/** How much of each priority level, or of the own zone, is used: which group of candidates a request goes to. What happens within it is the balancer's. */

/** Envoy's overprovisioning factor: a level takes all of the load while 72 % of it is well. */
export const OVERPROVISIONING = 1.4

/**
 * Share of the load of each priority level, the first one preferred, into `loads`; the sum is 1, or 0 where nobody is well. `wellRatios` are shares of well
 * candidates (0 to 1). What a level cannot take goes to the next ones; where all together cannot take it, each has its part by its health. Envoy's "Priority levels".
 */
export function fillPriorityLoads(
  wellRatios: ArrayLike<number>,
  loads: Float64Array,
  factor = OVERPROVISIONING,
): void {
  let total = 0
  for (let level = 0; level < wellRatios.length; level++)
    total += Math.min(1, wellRatios[level]! * factor)
  const whole = Math.min(1, total)
  let left = 1
  for (let level = 0; level < wellRatios.length; level++) {
    const health = Math.min(1, wellRatios[level]! * factor)
    const load = whole === 0 ? 0 : Math.min(left, health / whole)
    loads[level] = load
    left -= load
  }
}

/** The level that a request goes to, by chance; -1: nobody is well. */
export function pickLevel(loads: Float64Array, chance: number): number {
  let point = chance
  let last = -1
  for (let level = 0; level < loads.length; level++) {
    if (loads[level] === 0) continue
    last = level
    point -= loads[level]!
    if (point < 0) return level
  }
  return last
}

/** What the preference for the own zone rests on. All are counts or weights of the same kind. */
export interface ZoneFacts {
  /** Capacity of the service in the own zone that is well, and everywhere. */
  readonly ownCapacity: number
  readonly allCapacity: number
  /** What the callers of the own zone ask for, and all callers. */
  readonly ownDemand: number
  readonly allDemand: number
}

/**
 * Share of the own zone's requests that stays in it, 0 to 1: all while the zone has at least its part of the capacity, else so much that its instances get no more
 * than those elsewhere; the rest spills over. Envoy's zone aware routing.
 */
export function ownZoneShare(facts: ZoneFacts): number {
  const { ownCapacity, allCapacity, ownDemand, allDemand } = facts
  if (ownCapacity <= 0 || allCapacity <= 0) return 0
  if (ownDemand <= 0 || allDemand <= 0) return 1
  return Math.min(1, ownCapacity / allCapacity / (ownDemand / allDemand))
}

/** Tags of a candidate or of a request: `version` to `v2`. */
export type Tags = ReadonlyMap<string, string>

/** What a request without a subset gets. */
export type SubsetFallback =
  /** No candidate. */
  | 'none'
  /** Any candidate. */
  | 'any'
  /** The candidates of the default subset. */
  | 'default'

/** Candidates by the values of some of their tags, looked up with one key. */
export class Subsets<C extends { readonly tags: Tags }> {
  readonly #names: readonly string[]
  readonly #fallback: SubsetFallback
  readonly #defaultKey: string
  readonly #byKey = new Map<string, C[]>()
  readonly #all: C[] = []

  /** `names` of the tags that make a subset; `defaults` are the tags of the default subset. */
  constructor(names: readonly string[], fallback: SubsetFallback, defaults: Tags = new Map()) {
    this.#names = names
    this.#fallback = fallback
    this.#defaultKey = this.keyOf(defaults)
  }

  /** The key of tags. A missing tag differs from an empty one. */
  keyOf(tags: Tags): string {
    return JSON.stringify(this.#names.map((name) => tags.get(name) ?? null))
  }

  add(candidate: C): void {
    this.#all.push(candidate)
    const key = this.keyOf(candidate.tags)
    const subset = this.#byKey.get(key)
    if (subset === undefined) this.#byKey.set(key, [candidate])
    else subset.push(candidate)
  }

  remove(candidate: C): void {
    drop(this.#all, candidate)
    const key = this.keyOf(candidate.tags)
    const subset = this.#byKey.get(key)
    if (subset === undefined) return
    drop(subset, candidate)
    if (subset.length === 0) this.#byKey.delete(key)
  }

  /** The candidates for a key, which may be none. */
  of(key: string): readonly C[] {
    const subset = this.#byKey.get(key)
    if (subset !== undefined) return subset
    if (this.#fallback === 'any') return this.#all
    return this.#fallback === 'default' ? (this.#byKey.get(this.#defaultKey) ?? []) : []
  }
}

function drop<C>(list: C[], candidate: C): void {
  const at = list.indexOf(candidate)
  if (at >= 0) list.splice(at, 1)
}
