/**
 * A token bucket as one number: the generic cell rate algorithm (ATM Forum, I.371). The number is the moment at which the bucket will be full again,
 * counted in units of tokens: a bucket that fills with `perSecond` gains `perSecond x unitsPerToken` units a second, and one token is a whole number of
 * units, so that nothing is rounded when one is taken.
 */

/** A token is at most that many units, so that a slow rate gains a unit often enough. */
const UNITS_PER_TOKEN_LOG2_MAX = 20
/** A second is about that many units: 52 bits then last for 17 years. */
const UNITS_PER_SECOND_LOG2 = 22

/** Units in one token: a power of two, the finer the slower the rate. `perSecond` is at most two million. */
export function unitsPerToken(perSecond: number): number {
  const rateLog2 = 31 - Math.clz32(perSecond)
  return 1 << Math.min(UNITS_PER_TOKEN_LOG2_MAX, UNITS_PER_SECOND_LOG2 - rateLog2)
}

/** A moment in units, rounded down. `sinceMs` is the time since a fixed moment. */
export function momentOf(sinceMs: number, perSecond: number, tokenUnits: number): number {
  return Math.floor((sinceMs * (perSecond * tokenUnits)) / 1000)
}

/**
 * The new `fullAt` after one token was taken at `now`, or -1 if none is there. All in units; a bucket whose `fullAt` has passed is full.
 */
export function takeToken(fullAt: number, now: number, tokenUnits: number, burst: number): number {
  const next = (fullAt > now ? fullAt : now) + tokenUnits
  return next <= now + burst * tokenUnits ? next : -1
}

/** Whole tokens in a bucket. */
export function tokensLeft(fullAt: number, now: number, tokenUnits: number, burst: number): number {
  return fullAt <= now ? burst : Math.floor((now + burst * tokenUnits - fullAt) / tokenUnits)
}
