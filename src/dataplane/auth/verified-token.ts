import type { BearerWay } from '../../contracts/auth.ts'
import type { RegisteredClaims } from '../../mechanisms/jwt/claims.ts'
import type { Identity } from './identity.ts'
import type { Outcome } from './outcome.ts'

/** A token whose signature was right, and what of it does not depend on the route. */
export interface VerifiedToken {
  /** Name of the issuer whose key it was. */
  readonly issuer: string
  readonly typ: string
  readonly claims: RegisteredClaims
  readonly identity: Identity
  /** What the last route made of it, and until when that holds: the next request of the same token is most often of the same route. */
  way: BearerWay | undefined
  wayFromMs: number
  wayUntilMs: number
  outcome: Outcome
}
