import { normalizedLogin } from './login.ts'
import { networkOf } from './network.ts'

/** Failures that cost nothing. */
const FREE_FAILURES = 5
/** The first wait; each failure doubles it. */
const WAIT_MS = 1_000
const WAIT_MAX_MS = 60_000
/** A network with many people behind it may fail more often. */
const NETWORK_FREE_FAILURES = 50
/** Failures are forgotten after so long without another one. */
const FORGET_MS = 15 * 60_000
/** Pairs and networks that are remembered; the one that failed longest ago goes first. */
const REMEMBERED_MAX = 50_000
/** Longer than any login of an account. */
const LOGIN_LENGTH_MAX = 256

interface Failures {
  count: number
  lastMs: number
}

/**
 * Slows down who guesses, by account **and** network together, and by network: an account is never locked, so nobody can shut its owner out from
 * elsewhere. Kept in memory: a restart forgives.
 */
export interface Throttle {
  /** How long this one has to wait before the next try; 0: not at all. Tries under way count as failures: nobody guesses side by side. */
  waitMs(login: string, address: string): number
  /** A try begins; the returned function ends it, after `failed` or `succeeded`. */
  begin(login: string, address: string): () => void
  failed(login: string, address: string): void
  succeeded(login: string, address: string): void
}

/** @param nowMs monotonic. */
export function createThrottle(nowMs: () => number): Throttle {
  const remembered = new Map<string, Failures>()
  const underWay = new Map<string, number>()

  function waitOf(key: string, free: number): number {
    const tries = underWay.get(key) ?? 0
    const failures = remembered.get(key)
    const since = failures === undefined ? Infinity : nowMs() - failures.lastMs
    const count = failures === undefined || since > FORGET_MS ? 0 : failures.count
    if (tries > 0 && count + tries >= free) return WAIT_MS
    if (failures === undefined || count < free) return 0
    const waitMs = Math.min(WAIT_MAX_MS, WAIT_MS * 2 ** Math.min(failures.count - free, 10))
    return Math.max(0, waitMs - since)
  }

  function note(key: string): void {
    const before = remembered.get(key)
    const isFresh = before === undefined || nowMs() - before.lastMs > FORGET_MS
    remembered.delete(key)
    remembered.set(key, { count: isFresh ? 1 : before.count + 1, lastMs: nowMs() })
    const oldest = remembered.keys().next().value
    if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest)
  }

  return {
    waitMs: (login, address) =>
      Math.max(
        waitOf(pairOf(login, address), FREE_FAILURES),
        waitOf(networkOf(address), NETWORK_FREE_FAILURES),
      ),
    begin(login, address) {
      const keys = [pairOf(login, address), networkOf(address)]
      for (const key of keys) underWay.set(key, (underWay.get(key) ?? 0) + 1)
      return () => {
        for (const key of keys) {
          const left = (underWay.get(key) ?? 1) - 1
          if (left > 0) underWay.set(key, left)
          else underWay.delete(key)
        }
      }
    },
    failed(login, address) {
      note(pairOf(login, address))
      note(networkOf(address))
    },
    succeeded: (login, address) => void remembered.delete(pairOf(login, address)),
  }
}

/** All spellings of one login are one; of a login that is too long for any account, the beginning is remembered. */
function pairOf(login: string, address: string): string {
  return `${networkOf(address)} ${normalizedLogin(login.slice(0, LOGIN_LENGTH_MAX))}`
}
