/** What a receiver was told last of a group. */
export interface Told {
  readonly atMs: number
  /** Fingerprints of alerts that it knows to fire. */
  readonly firing: readonly string[]
}

/** What there is to tell now. */
export interface ToTell {
  readonly firing: readonly string[]
  /** Of those that it knows to fire: the ones that are over. */
  readonly resolved: readonly string[]
}

/**
 * Whether a receiver is told of its group now: something new fires, something that it knows of is over, or it was told long ago. Nobody is told
 * of the end of what he was never told of.
 */
export function isDue(
  told: Told | undefined,
  { firing, resolved }: ToTell,
  options: { readonly sendsResolved: boolean; readonly repeatIntervalMs: number },
  nowMs: number,
): boolean {
  if (told === undefined) return firing.length > 0
  const known = new Set(told.firing)
  if (firing.some((one) => !known.has(one))) return true
  if (options.sendsResolved && resolved.some((one) => known.has(one))) return true
  return firing.length > 0 && nowMs - told.atMs >= options.repeatIntervalMs
}
