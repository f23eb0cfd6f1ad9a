import { constants, createHmac, timingSafeEqual, verify } from 'node:crypto'
import type { JwsAlgorithm } from '../../mechanisms/jwt/algorithms.ts'
import type { ReadyKey } from './issuer-keys.ts'

/** Digest of an algorithm, as node:crypto names it; null: the signature has its own (Ed25519). */
const DIGESTS: Readonly<Record<JwsAlgorithm, string | null>> = {
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  EdDSA: null,
  Ed25519: null,
  RS256: 'sha256',
  RS384: 'sha384',
  RS512: 'sha512',
  PS256: 'sha256',
  PS384: 'sha384',
  PS512: 'sha512',
  HS256: 'sha256',
  HS384: 'sha384',
  HS512: 'sha512',
}

/** Whether `signature` is that of `signed` (ASCII) with this key, by the one algorithm that the key is for (RFC 7518 section 3). */
export function isSignedBy(
  { alg, key }: Pick<ReadyKey, 'alg' | 'key'>,
  signed: string,
  signature: Buffer,
): boolean {
  const digest = DIGESTS[alg]
  const bytes = Buffer.from(signed, 'latin1')
  switch (alg.charAt(0)) {
    case 'H': {
      const own = createHmac(digest ?? '', key)
        .update(bytes)
        .digest()
      return own.length === signature.length && timingSafeEqual(own, signature)
    }
    case 'P':
      return verify(
        digest,
        bytes,
        {
          key,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        },
        signature,
      )
    default:
      // r and s as two numbers of one length, not as DER (RFC 7518 section 3.4); other keys have no such choice.
      return verify(digest, bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
  }
}
