import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign,
} from 'node:crypto'
import { promisify } from 'node:util'

const generate = promisify(generateKeyPair)

/** A new ECDSA key on P-256, as PKCS #8 in PEM. */
export async function makeKey(): Promise<string> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** What signs the requests of one account (RFC 7515, RFC 8555 section 6.2). */
export interface AccountKey {
  /** Public, as a JWK with its members in the order of RFC 7638. */
  readonly jwk: Readonly<Record<string, string>>
  /** RFC 7638: SHA-256 of the public key, base64url. */
  readonly thumbprint: string
  /** A JWS in the flattened JSON form; a payload of '' is a POST-as-GET. */
  signed(header: Readonly<Record<string, unknown>>, payload: string): string
}

/** From a key in PEM. Throws for anything but an ECDSA key on P-256. */
export function openAccountKey(pem: string): AccountKey {
  const key = createPrivateKey(pem)
  const jwk = jwkOf(key)
  const digest = createHash('sha256').update(JSON.stringify(jwk))
  return {
    jwk,
    thumbprint: digest.digest('base64url'),
    signed(header, payload) {
      const head = base64url(JSON.stringify({ alg: 'ES256', ...header }))
      const body = base64url(payload)
      const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
        key,
        dsaEncoding: 'ieee-p1363',
      })
      return JSON.stringify({
        protected: head,
        payload: body,
        signature: signature.toString('base64url'),
      })
    },
  }
}

function jwkOf(key: KeyObject): Readonly<Record<string, string>> {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  if (crv !== 'P-256' || kty !== 'EC') throw new TypeError('is no ECDSA key on P-256')
  return { crv, kty, x: x!, y: y! }
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}
