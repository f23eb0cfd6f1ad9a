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

interface Failures {
  count: number
  lastMs: number
}

/**
 * Slows down who guesses, by account **and** network together, and by network: an account is never locked, so nobody can shut its owner out from
 * elsewhere. Kept in memory: a restart forgives.
 */
export interface Throttle {
  /** How long this one has to wait before the next try; 0: not at all. */
  waitMs(login: string, address: string): number
  failed(login: string, address: string): void
  succeeded(login: string, address: string): void
}

/** @param nowMs monotonic. */
export function createThrottle(nowMs: () => number): Throttle {
  const remembered = new Map<string, Failures>()

  function waitOf(key: string, free: number): number {
    const failures = remembered.get(key)
    if (failures === undefined) return 0
    const since = nowMs() - failures.lastMs
    if (since > FORGET_MS || failures.count < free) return 0
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
    failed(login, address) {
      note(pairOf(login, address))
      note(networkOf(address))
    },
    succeeded: (login, address) => void remembered.delete(pairOf(login, address)),
  }
}

function pairOf(login: string, address: string): string {
  return `${networkOf(address)} ${login.toLowerCase()}`
}
