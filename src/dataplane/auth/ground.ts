import type { IssuerOp } from '../../contracts/issuers.ts'
import type { Clock } from '../../platform/capability.ts'
import { IssuerKeys } from './issuer-keys.ts'
import { TokenCache } from './token-cache.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Memory for verified tokens, a worker. */
export const TOKENS_BYTES_MAX = 32 * 1024 * 1024
/** Requests that wait for keys at a time, a worker; more are refused at once. */
const WAITING_MAX = 1_000
/** How long a request waits for them. */
const KEYS_WAIT_MS = 2_000
/** Between two wishes for the keys of one issuer, a worker; control has its own limit. */
const WISH_MS = 10_000

/** What policies of `auth` share in one worker. */
export interface AuthGround {
  readonly clock: Clock
  readonly issuerKeys: IssuerKeys
  readonly tokens: TokenCache<VerifiedToken>
  /** Resolves when control has asked these issuers again, or after two seconds; undefined: it was asked a moment ago, or too many wait. */
  askForKeys(issuers: readonly string[]): Promise<void> | undefined
  apply(op: IssuerOp): void
}

/** `want` tells control that a key of an issuer is not known. */
export function createAuthGround(clock: Clock, want: (issuer: string) => void): AuthGround {
  const tokens = new TokenCache<VerifiedToken>(TOKENS_BYTES_MAX)
  const waiting = new Map<string, Set<() => void>>()
  const wishedMs = new Map<string, number>()
  let waitingCount = 0
  const issuerKeys = new IssuerKeys(
    () => tokens.clear(),
    (name) => {
      for (const wake of waiting.get(name) ?? []) wake()
    },
  )

  function wishFor(issuer: string): boolean {
    const nowMs = clock.monotonicMs()
    if ((waiting.get(issuer)?.size ?? 0) > 0) return true
    if (nowMs - (wishedMs.get(issuer) ?? -Infinity) < WISH_MS) return false
    wishedMs.set(issuer, nowMs)
    want(issuer)
    return true
  }

  async function waitFor(issuers: readonly string[]): Promise<void> {
    const woken = Promise.withResolvers<void>()
    const cancel = clock.after(KEYS_WAIT_MS, woken.resolve)
    waitingCount++
    for (const issuer of issuers) {
      const ofIssuer = waiting.get(issuer) ?? new Set()
      waiting.set(issuer, ofIssuer.add(woken.resolve))
    }
    await woken.promise
    waitingCount--
    cancel()
    for (const issuer of issuers) waiting.get(issuer)?.delete(woken.resolve)
  }

  return {
    clock,
    issuerKeys,
    tokens,
    askForKeys(issuers) {
      if (waitingCount >= WAITING_MAX) return undefined
      const isAsked = issuers.map(wishFor).includes(true)
      return isAsked ? waitFor(issuers) : undefined
    },
    apply: (op) => issuerKeys.apply(op),
  }
}
