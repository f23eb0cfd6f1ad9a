/** Algorithms that tokens may be signed with. */
export type SigningAlg = 'ES256' | 'EdDSA' | 'RS256'

/** When a key is what. Times are Unix milliseconds, in this order. */
export interface KeyTimes {
  /** From here on it is published, so that caches know it before it signs. */
  readonly createdMs: number
  readonly signsFromMs: number
  readonly signsUntilMs: number
  /** From here on nothing that it signed is valid any more, and it is gone. */
  readonly removedMs: number
}

/** A key without its secret. */
export interface KnownKey extends KeyTimes {
  readonly kid: string
  readonly alg: SigningAlg
}

/** How keys follow each other. */
export interface KeyPolicy {
  readonly algs: readonly SigningAlg[]
  /** How long a key signs. */
  readonly rotationMs: number
  /** How long it is published before. */
  readonly overlapMs: number
  /** How long it is published afterwards: the longest life of what it signed. */
  readonly keptMs: number
}

/** What is to be done now. */
export interface KeyPlan {
  readonly add: readonly ({ readonly alg: SigningAlg } & KeyTimes)[]
  readonly remove: readonly string[]
  /** When to look again, at the latest. */
  readonly nextMs: number
}

/**
 * Which keys come and go. After any pause (a machine that slept for a month) there is one that signs: a new key is published `overlapMs` before
 * the last one ends, or signs at once where that one has ended already.
 */
export function planKeys(
  keys: readonly KnownKey[],
  nowMs: number,
  { algs, rotationMs, overlapMs, keptMs }: KeyPolicy,
): KeyPlan {
  const remove = keys.filter(({ removedMs }) => removedMs <= nowMs).map(({ kid }) => kid)
  const add = algs.flatMap((alg) => {
    const untilMs = Math.max(...keys.filter((key) => key.alg === alg).map(lastMs), 0)
    if (untilMs - overlapMs > nowMs) return []
    const signsFromMs = Math.max(untilMs, nowMs)
    const signsUntilMs = signsFromMs + rotationMs
    return [{ alg, createdMs: nowMs, signsFromMs, signsUntilMs, removedMs: signsUntilMs + keptMs }]
  })
  const times = [...keys, ...add].flatMap((key) => [
    key.signsFromMs,
    key.signsUntilMs - overlapMs,
    key.signsUntilMs,
    key.removedMs,
  ])
  return { add, remove, nextMs: Math.min(...times.filter((ms) => ms > nowMs)) }
}

function lastMs({ signsUntilMs }: KnownKey): number {
  return signsUntilMs
}

/**
 * In the order in which the server wants them: first those that sign, one of each algorithm, in the order of `algs`; then the others that are
 * published, the newest first.
 */
export function orderKeys<Key extends KnownKey>(
  keys: readonly Key[],
  nowMs: number,
  algs: readonly SigningAlg[],
): readonly Key[] {
  const living = keys
    .filter(({ removedMs }) => removedMs > nowMs)
    .toSorted((a, b) => b.signsFromMs - a.signsFromMs || (a.kid < b.kid ? -1 : 1))
  const signing = algs.flatMap((alg) => {
    const key = living.find((one) => one.alg === alg && one.signsFromMs <= nowMs)
    return key === undefined ? [] : [key]
  })
  return [...signing, ...living.filter((key) => !signing.includes(key))]
}
