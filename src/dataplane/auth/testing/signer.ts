import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { readPublicJwk, type VerificationKey } from '../../../mechanisms/jwt/algorithms.ts'

/** Signs tokens as issuers, and those who are none, do. */
export interface Signer {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
  readonly keys: readonly VerificationKey[]
}

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | 'RSA'

/** A pair that nobody else has. */
export function createSigner(kind: KeyKind, kid: string, alg?: string): Signer {
  const { privateKey, publicKey } = pairOf(kind)
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, ...(alg && { alg }) }
  const keys = readPublicJwk(jwk)
  if (typeof keys === 'string') throw new TypeError(`a key that is not taken: ${keys}`)
  return { kid, privateKey, publicKey, jwk, keys }
}

function pairOf(kind: KeyKind): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kind === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2_048 })
  if (kind === 'Ed25519') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('ec', { namedCurve: kind })
}

export function base64url(value: string | Uint8Array): string {
  return Buffer.from(value).toString('base64url')
}

/** The signature of `text` as RFC 7518 wants it. */
export function signText(alg: string, key: KeyObject, text: string): Buffer {
  const bits = alg.slice(2)
  if (alg.startsWith('HS')) return createHmac(`sha${bits}`, key).update(text).digest()
  const bytes = Buffer.from(text)
  if (alg === 'EdDSA' || alg === 'Ed25519') return sign(null, bytes, key)
  if (alg.startsWith('PS')) {
    const padding = constants.RSA_PKCS1_PSS_PADDING
    return sign(`sha${bits}`, bytes, {
      key,
      padding,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    })
  }
  return sign(`sha${bits}`, bytes, { key, dsaEncoding: 'ieee-p1363' })
}

/** A token of parts that may be any text: a forger writes what he likes. */
export function makeToken(
  header: object | string,
  claims: object | string,
  signer: { readonly alg: string; readonly key: KeyObject },
): string {
  const [first, second] = [header, claims].map((part) =>
    base64url(typeof part === 'string' ? part : JSON.stringify(part)),
  )
  const signed = `${first}.${second}`
  return `${signed}.${base64url(signText(signer.alg, signer.key, signed))}`
}
