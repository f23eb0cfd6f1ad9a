import { decodeBase64url } from './base64url.ts'

/** Algorithms that a token may be signed with (RFC 7518 section 3.1, RFC 8037, RFC 9864). `none` is not among them and never will be. */
export const JWS_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'HS256',
  'HS384',
  'HS512',
] as const
export type JwsAlgorithm = (typeof JWS_ALGORITHMS)[number]

/** Of a JWK (RFC 7517) what is looked at here: foreign data. */
export type ForeignJwk = Readonly<Record<string, unknown>>

/** A key that verifies, and nothing else: the one algorithm that it is for is part of it. Public, but for `oct`. */
export interface VerificationKey {
  /** '' where it has no name. */
  readonly kid: string
  readonly alg: JwsAlgorithm
  readonly jwk: Readonly<Record<string, string>>
}

const CURVES: ReadonlyMap<string, JwsAlgorithm> = new Map([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
])
/** Bytes of r and s together (RFC 7518 section 3.4), or of an Ed25519 signature. */
const SIGNATURE_BYTES: ReadonlyMap<JwsAlgorithm, number> = new Map([
  ['ES256', 64],
  ['ES384', 96],
  ['ES512', 132],
  ['EdDSA', 64],
  ['Ed25519', 64],
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
])
/** RFC 7518 section 3.3. Longer than 8,192 bits costs a verifier milliseconds. */
const RSA_BITS_MIN = 2_048
const RSA_BITS_MAX = 8_192
/** RFC 8725 section 3.5: a secret has at least as many bits as its hash. */
export const SECRET_BYTES_MIN = 32
const KID_LENGTH_MAX = 512

/** Whether a text names an algorithm that is taken. */
export function isJwsAlgorithm(name: string): name is JwsAlgorithm {
  return (JWS_ALGORITHMS as readonly string[]).includes(name)
}

/** Bytes that every signature of an algorithm has; 0: as many as the key. */
export function signatureBytes(alg: JwsAlgorithm): number {
  return SIGNATURE_BYTES.get(alg) ?? 0
}

/** `EdDSA` and its newer name mean the same, with the one curve that is taken here. */
export function isSameAlgorithm(one: string, other: string): boolean {
  return one === other || (isEd(one) && isEd(other))
}

function isEd(name: string): boolean {
  return name === 'EdDSA' || name === 'Ed25519'
}

/** Why a JWK of a key set is not used; the others of its set are. */
export type JwkFault =
  | 'kid'
  | 'use'
  | 'kty'
  | 'curve'
  | 'alg'
  | 'size'
  | 'shape'
  | 'secret-in-public-set'

/**
 * The keys of one JWK: one for each algorithm that it may be used with (a set of an issuer that says no `alg` has RSA keys for RS256 and PS256). Private parts
 * are left out; a symmetric key in a set that anybody can read is no secret and is refused.
 */
export function readPublicJwk(jwk: ForeignJwk): readonly VerificationKey[] | JwkFault {
  const { kid = '', use, key_ops: operations, kty } = jwk
  if (typeof kid !== 'string' || kid.length > KID_LENGTH_MAX) return 'kid'
  if (use !== undefined && use !== 'sig') return 'use'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return 'use'
  switch (kty) {
    case 'RSA':
      return readRsa(jwk, kid)
    case 'EC':
      return readEc(jwk, kid)
    case 'OKP':
      return readOkp(jwk, kid)
    case 'oct':
      return 'secret-in-public-set'
    default:
      return 'kty'
  }
}

function readRsa(jwk: ForeignJwk, kid: string): readonly VerificationKey[] | JwkFault {
  const { n, e, alg } = jwk
  if (typeof n !== 'string' || typeof e !== 'string') return 'shape'
  const modulus = decodeBase64url(n)
  const exponent = decodeBase64url(e)
  if (modulus === undefined || exponent === undefined || exponent.length > 4) return 'shape'
  const bits = (modulus.length - (modulus[0] === 0 ? 1 : 0)) * 8
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) return 'size'
  const exponentValue = exponent.reduce((sum, byte) => sum * 256 + byte, 0)
  if (exponentValue < 3 || exponentValue % 2 === 0) return 'shape'
  const names = alg === undefined ? (['RS256', 'PS256'] as const) : [alg]
  const keys = names.flatMap((name): VerificationKey[] =>
    typeof name === 'string' && isJwsAlgorithm(name) && /^[RP]S/.test(name)
      ? [{ kid, alg: name, jwk: { kty: 'RSA', n, e } }]
      : [],
  )
  return keys.length === 0 ? 'alg' : keys
}

function readEc(jwk: ForeignJwk, kid: string): readonly VerificationKey[] | JwkFault {
  const { crv, x, y, alg } = jwk
  const own = typeof crv === 'string' ? CURVES.get(crv) : undefined
  if (own === undefined) return 'curve'
  if (alg !== undefined && alg !== own) return 'alg'
  if (typeof x !== 'string' || typeof y !== 'string') return 'shape'
  const size = signatureBytes(own) / 2
  if (decodeBase64url(x)?.length !== size || decodeBase64url(y)?.length !== size) return 'shape'
  return [{ kid, alg: own, jwk: { kty: 'EC', crv: String(crv), x, y } }]
}

function readOkp(jwk: ForeignJwk, kid: string): readonly VerificationKey[] | JwkFault {
  const { crv, x, alg } = jwk
  if (crv !== 'Ed25519') return 'curve'
  if (alg !== undefined && !(typeof alg === 'string' && isEd(alg))) return 'alg'
  if (typeof x !== 'string' || decodeBase64url(x)?.length !== 32) return 'shape'
  return [{ kid, alg: 'EdDSA', jwk: { kty: 'OKP', crv, x } }]
}
