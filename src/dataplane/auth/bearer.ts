import type { BearerWay } from '../../contracts/auth.ts'
import { isSameAlgorithm, signatureBytes } from '../../mechanisms/jwt/algorithms.ts'
import { checkClaims, readRegisteredClaims } from '../../mechanisms/jwt/claims.ts'
import { parseCompactJws, readClaims, TOKEN_LENGTH_MAX } from '../../mechanisms/jwt/compact.ts'
import { TOKEN_FAULTS, type TokenFault } from '../../mechanisms/jwt/faults.ts'
import type { AuthGround } from './ground.ts'
import { identityOfClaims, missingOf } from './identity.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { ABSENT, type Deferred, type Outcome, refused } from './outcome.ts'
import { TokenCache } from './token-cache.ts'
import type { VerifiedToken } from './verified-token.ts'
import { isSignedBy } from './verify-signature.ts'

const SCHEME = /^bearer +/i

/** The token of a request (RFC 6750 section 2.1: the header, and no other place); undefined: there is none of this scheme. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  // Nearly all write it so.
  if (authorization.startsWith('Bearer ') && authorization.charCodeAt(7) !== 0x20)
    return authorization.slice(7)
  const scheme = SCHEME.exec(authorization)?.[0]
  return scheme === undefined ? undefined : authorization.slice(scheme.length)
}

/** Judges the bearer token of a request; a function where it has to be waited for a key. */
export function judgeBearer(
  way: BearerWay,
  authorization: string | undefined,
  ground: AuthGround,
): Outcome | Deferred {
  const token = bearerOf(authorization)
  if (token === undefined) return ABSENT
  if (token.length > TOKEN_LENGTH_MAX) return refused(TOKEN_FAULTS['too-long'])
  const nowMs = ground.clock.nowMs()
  const name = TokenCache.nameOf(token)
  const known = ground.tokens.get(name, nowMs)
  if (known !== undefined) return outcomeFor(way, known, nowMs)
  const fault = verifyNew(way, token, name, ground, nowMs)
  if (typeof fault !== 'string') return fault
  const away = awayIssuer(way, ground)
  if (away !== undefined && (fault === 'key-unknown' || fault === 'key-missing'))
    return { kind: 'unavailable', why: `there are no keys of the issuer ${away} yet` }
  if (fault !== 'key-unknown') return refused(TOKEN_FAULTS[fault])
  return askForKey(way, token, name, ground)
}

/** An issuer of this way of which there is no key at all. */
function awayIssuer({ issuers }: BearerWay, { issuerKeys }: AuthGround): string | undefined {
  return issuers.find((name) => (issuerKeys.of(name)?.keys.length ?? 0) === 0)
}

/** Issuers rotate their keys: control asks again, as often as it may, and the token is looked at once more. */
function askForKey(
  way: BearerWay,
  token: string,
  name: string,
  ground: AuthGround,
): Outcome | Deferred {
  const unknown = refused(TOKEN_FAULTS['key-unknown'])
  const asked = ground.askForKeys(way.issuers)
  if (asked === undefined) return unknown
  return async () => {
    await asked
    const fault = verifyNew(way, token, name, ground, ground.clock.nowMs())
    return typeof fault === 'string' ? refused(TOKEN_FAULTS[fault]) : fault
  }
}

/** A token that was not seen before: what it is, kept for the next time, or its fault. */
function verifyNew(
  way: BearerWay,
  token: string,
  name: string,
  ground: AuthGround,
  nowMs: number,
): Outcome | TokenFault {
  const verified = verifyToken(token, way.issuers, ground.issuerKeys)
  if (typeof verified === 'string') return verified
  const { expires } = verified.claims
  const untilMs = (expires + way.skewSeconds) * 1_000
  const outcome = outcomeFor(way, verified, nowMs)
  // What is refused now for its time will be asked again rarely, and what has expired never counts again.
  if (nowMs < untilMs) ground.tokens.set(name, verified, token.length * 4, untilMs)
  return outcome
}

/** Form, key and signature, then the claims: nothing of a token is believed before its signature (RFC 8725). */
export function verifyToken(
  token: string,
  issuers: readonly string[],
  keys: IssuerKeys,
): VerifiedToken | TokenFault {
  const jws = parseCompactJws(token)
  if (typeof jws === 'string') return jws
  const candidates = keys.candidates(issuers, jws.kid, jws.alg)
  if (candidates.length === 0) return 'key-unknown'
  if (candidates.length > keys.candidatesMax) return 'key-missing'
  const usable = candidates.filter(({ alg }) => isSameAlgorithm(alg, jws.alg))
  if (usable.length === 0) return 'alg-key'
  const bytes = signatureBytes(jws.alg)
  if (bytes !== 0 && jws.signature.length !== bytes) return 'signature-length'
  const signed = token.slice(0, jws.signedLength)
  const signer = usable.find((key) => isSignedBy(key, signed, jws.signature))
  if (signer === undefined) return 'signature'
  const members = readClaims(jws.payload)
  if (typeof members === 'string') return members
  const claims = readRegisteredClaims(members)
  if (typeof claims === 'string') return claims
  const own = keys.of(signer.issuer)?.spec.issuer
  if (claims.issuer !== own) {
    const isOther = issuers.some((name) => keys.of(name)?.spec.issuer === claims.issuer)
    return isOther ? 'iss-key' : 'iss-unknown'
  }
  return {
    issuer: signer.issuer,
    typ: jws.typ,
    claims,
    identity: identityOfClaims(`jwt of ${signer.issuer}`, signer.issuer, claims.subject, members),
    way: undefined,
    wayFromMs: 0,
    wayUntilMs: 0,
    outcome: ABSENT,
  }
}

/** What a route makes of a token that was verified before, perhaps for another route. */
function outcomeFor(way: BearerWay, token: VerifiedToken, nowMs: number): Outcome {
  if (token.way === way && nowMs < token.wayUntilMs && nowMs >= token.wayFromMs)
    return token.outcome
  const outcome = judgeClaims(way, token, nowMs)
  // Only what says yes is kept: what is too early now is right later.
  if (outcome.kind === 'granted') {
    const { expires, issuedAt } = token.claims
    const ageUntil = way.ageSecondsMax === 0 ? Infinity : issuedAt + way.ageSecondsMax
    token.way = way
    token.outcome = outcome
    token.wayFromMs = nowMs
    token.wayUntilMs = (Math.min(expires, ageUntil) + way.skewSeconds) * 1_000
  }
  return outcome
}

function judgeClaims(way: BearerWay, token: VerifiedToken, nowMs: number): Outcome {
  if (!way.issuers.includes(token.issuer)) return refused(TOKEN_FAULTS['iss-unknown'])
  if (way.typ !== '' && token.typ !== way.typ) return refused(TOKEN_FAULTS.typ)
  const fault = checkClaims(token.claims, way, nowMs / 1_000)
  if (fault !== undefined) return refused(TOKEN_FAULTS[fault])
  const missing = missingOf(token.identity, way)
  if (missing !== undefined) return { kind: 'forbidden', why: missing }
  return { kind: 'granted', identity: token.identity }
}
