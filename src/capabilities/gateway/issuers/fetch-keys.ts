import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { VerificationKey } from '../../../mechanisms/jwt/algorithms.ts'
import type { Clock } from '../../../platform/capability.ts'
import { type IssuerSettings, secretText } from '../auth-settings.ts'
import { type KeySet, readDiscovery, readKeySet } from './key-set.ts'
import { FetchError, fetchText, isInside } from './safe-fetch.ts'

/** Where relative files are, and the clock for deadlines. */
export interface FetchGround {
  readonly folder: string
  readonly clock: Clock
}

/** The keys of an issuer now. @throws FetchError with a sentence for the operator */
export async function fetchKeys(issuer: IssuerSettings, ground: FetchGround): Promise<KeySet> {
  const own = ownKeys(issuer)
  if (own !== undefined) return { keys: own, unused: [] }
  const { jwks, jwksFile } = issuer
  if (jwksFile !== undefined) return readKeySet(await readKeyFile(jwksFile, issuer.body, ground))
  const found =
    jwks === undefined ? await discover(issuer, ground) : { url: new URL(jwks), isForeign: false }
  return readKeySet(
    await fetchText({
      ...found,
      timeoutMs: issuer.timeout,
      bodyBytesMax: issuer.body,
      clock: ground.clock,
    }),
  )
}

/** Of a secret that issuer and gateway share: its holder can sign, so only the operator may say it. Undefined where there is none. */
export function ownKeys({ secret }: IssuerSettings): readonly VerificationKey[] | undefined {
  if (secret === undefined) return undefined
  const k = Buffer.from(secretText(secret), 'utf8').toString('base64url')
  return [{ kid: '', alg: 'HS256', jwk: { kty: 'oct', k } }]
}

async function readKeyFile(
  file: string,
  bytesMax: number,
  { folder }: FetchGround,
): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readFile(resolve(folder, file))
  } catch (error) {
    throw new FetchError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})`)
  }
  if (bytes.length > bytesMax) throw new FetchError(`${file} is larger than ${bytesMax} bytes`)
  return bytes.toString('utf8')
}

/** By the well-known address of OpenID Connect. Where the issuer is on the public network, its keys must be, too. */
async function discover(
  issuer: IssuerSettings,
  { clock }: FetchGround,
): Promise<{ readonly url: URL; readonly isForeign: boolean }> {
  const base = new URL(issuer.issuer)
  const place = new URL(`${base.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const text = await fetchText({
    url: place,
    timeoutMs: issuer.timeout,
    bodyBytesMax: issuer.body,
    isForeign: false,
    clock,
  })
  const url = readDiscovery(text, issuer.issuer)
  // What the operator has written himself may be anywhere; its own keys beside it, too.
  const isOwn = url.origin === base.origin
  return { url, isForeign: !isOwn && !isInside(base.hostname.replace(/^\[|\]$/g, '')) }
}
