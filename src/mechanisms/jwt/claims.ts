import type { JsonMembers } from './compact.ts'
import type { TokenFault } from './faults.ts'

/** Registered claims (RFC 7519 section 4.1) that decide, in one shape. */
export interface RegisteredClaims {
  readonly issuer: string
  /** '' where none is said. */
  readonly subject: string
  readonly audiences: readonly string[]
  /** Unix seconds; `notBefore` and `issuedAt` are -1 where they are not said. */
  readonly expires: number
  readonly notBefore: number
  readonly issuedAt: number
}

const TEXT_LENGTH_MAX = 1_024
const AUDIENCES_MAX = 64
/** Unix seconds of the year 9999: what is beyond is milliseconds, or for ever. */
const SECONDS_MAX = 253_402_300_799

/** The registered claims of a token, or what is wrong with their shape. Absence of a claim that a route may demand is not judged here. */
export function readRegisteredClaims(claims: JsonMembers): RegisteredClaims | TokenFault {
  const issuer = claims.get('iss')
  if (issuer === undefined) return 'iss-missing'
  if (typeof issuer !== 'string' || issuer.length > TEXT_LENGTH_MAX) return 'iss-unknown'
  const subject = claims.get('sub') ?? ''
  if (typeof subject !== 'string' || subject.length > TEXT_LENGTH_MAX) return 'sub-shape'
  const audiences = readAudiences(claims.get('aud'))
  if (audiences === undefined) return 'claim-shape'
  if (!claims.has('exp')) return 'exp-missing'
  const expires = readSeconds(claims.get('exp'))
  if (expires < 0) return 'exp-shape'
  const notBefore = claims.has('nbf') ? readSeconds(claims.get('nbf')) : -1
  if (claims.has('nbf') && notBefore < 0) return 'nbf-shape'
  const issuedAt = claims.has('iat') ? readSeconds(claims.get('iat')) : -1
  if (claims.has('iat') && issuedAt < 0) return 'iat-shape'
  return { issuer, subject, audiences, expires, notBefore, issuedAt }
}

/** RFC 7519 section 2, NumericDate: seconds, perhaps with a fraction. -1 for what is none. */
function readSeconds(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= SECONDS_MAX ? value : -1
}

function readAudiences(value: unknown): readonly string[] | undefined {
  if (value === undefined) return []
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value) || value.length > AUDIENCES_MAX) return undefined
  return value.every((each) => typeof each === 'string') ? (value as string[]) : undefined
}

/** What a route demands of time and audience. */
export interface ClaimDemands {
  /** One of these; empty: any, also none. */
  readonly audiences: readonly string[]
  /** How far the clocks of issuer and gateway may differ. */
  readonly skewSeconds: number
  /** Since the time of issue; 0: as long as the token says. */
  readonly ageSecondsMax: number
}

/** Whether the token holds at this moment, for this route; undefined: it does. */
export function checkClaims(
  claims: RegisteredClaims,
  demands: ClaimDemands,
  nowSeconds: number,
): TokenFault | undefined {
  const { skewSeconds, ageSecondsMax, audiences } = demands
  // Section 4.1.4: on or after the moment it is not accepted.
  if (nowSeconds >= claims.expires + skewSeconds) return 'expired'
  if (claims.notBefore > nowSeconds + skewSeconds) return 'early'
  if (claims.issuedAt > nowSeconds + skewSeconds) return 'iat-future'
  if (ageSecondsMax > 0 && nowSeconds - claims.issuedAt > ageSecondsMax + skewSeconds)
    return 'too-old'
  if (audiences.length === 0) return undefined
  if (claims.audiences.length === 0) return 'aud-missing'
  return claims.audiences.some((each) => audiences.includes(each)) ? undefined : 'aud-other'
}
