/** How much of each priority level is used: which group of candidates a request goes to. What happens within it is the balancer's. */

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
