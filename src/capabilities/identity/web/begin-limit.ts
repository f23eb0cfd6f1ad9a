import {
  momentOf,
  takeToken,
  unitsPerToken,
} from '../../../mechanisms/token-bucket/token-bucket.ts'
import { networkOf } from '../accounts/network.ts'

/** What stores something for whoever comes, without credentials: sign-ins that begin, pushed requests, device codes; and where codes of devices can be guessed. */
const BEGINNING: ReadonlySet<string> = new Set([
  '/auth',
  '/request',
  '/device/auth',
  '/device',
  '/reg',
  '/session/end',
])
/** A challenge for a passkey. */
const CHALLENGE = /^\/interaction\/[^/]*\/passkey\/options$/
/** Of one network, a second and at once. What they store lives for minutes, so this bounds it. */
export const BEGIN_RATE = 20
export const BEGIN_BURST = 400
/** Networks that are remembered; the one that came first goes first, and begins anew. */
const NETWORKS_MAX = 20_000

const UNITS = unitsPerToken(BEGIN_RATE)

/** Bounds what one network can make us store. */
export interface BeginLimit {
  mayBegin(path: string, address: string): boolean
}

/** @param nowMs monotonic. */
export function createBeginLimit(nowMs: () => number): BeginLimit {
  const fullAt = new Map<string, number>()
  return {
    mayBegin(path, address) {
      if (!isBeginning(path)) return true
      const network = networkOf(address)
      const now = momentOf(nowMs(), BEGIN_RATE, UNITS)
      const next = takeToken(fullAt.get(network) ?? 0, now, UNITS, BEGIN_BURST)
      if (next === -1) return false
      fullAt.set(network, next)
      const oldest = fullAt.keys().next().value
      if (fullAt.size > NETWORKS_MAX && oldest !== undefined) fullAt.delete(oldest)
      return true
    },
  }
}

/** The server behind takes every spelling for the same: capitals, and one slash at the end. */
function isBeginning(path: string): boolean {
  const plain = path.toLowerCase().replace(/\/$/, '')
  return BEGINNING.has(plain) || CHALLENGE.test(plain)
}
