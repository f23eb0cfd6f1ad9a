import { readPublicJwk, type VerificationKey } from '../../../mechanisms/jwt/algorithms.ts'
import {
  type JsonValue,
  parseStrictJson,
  StrictJsonError,
} from '../../../mechanisms/strict-json/strict-json.ts'
import { FetchError } from './safe-fetch.ts'

/** Keys of one set; more are not looked at. */
const KEYS_MAX = 100
const LIMITS = { depthMax: 8, valuesMax: 10_000 }

/** What of a set can be used, and what not. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** One word for each key that is not used. */
  readonly unused: readonly string[]
}

/** Reads a JWKS (RFC 7517 section 5). @throws FetchError for what is none, or has no key that can be used */
export function readKeySet(text: string): KeySet {
  const listed = membersOf(text).get('keys')
  if (!Array.isArray(listed)) throw new FetchError('the key set has no list named keys')
  if (listed.length > KEYS_MAX) throw new FetchError(`the key set has more than ${KEYS_MAX} keys`)
  const keys: VerificationKey[] = []
  const unused: string[] = []
  for (const jwk of listed as readonly JsonValue[]) {
    if (!(jwk instanceof Map)) {
      unused.push('shape')
      continue
    }
    const read = readPublicJwk(Object.fromEntries(jwk as ReadonlyMap<string, unknown>))
    if (typeof read === 'string') unused.push(read)
    else keys.push(...read)
  }
  if (keys.length === 0)
    throw new FetchError(
      `the key set has no key that can be used${unused.length > 0 ? ` (${unused.join(', ')})` : ''}`,
    )
  return { keys, unused }
}

/** `jwks_uri` of a discovery document (OpenID Connect Discovery 1.0 section 4, RFC 8414), which must speak of this issuer. @throws FetchError */
export function readDiscovery(text: string, issuer: string): URL {
  const document = membersOf(text)
  // Section 4.3: otherwise one issuer could speak for another.
  if (document.get('issuer') !== issuer)
    throw new FetchError(
      `the discovery document speaks of another issuer, ${JSON.stringify(document.get('issuer'))?.slice(0, 200)}`,
    )
  const uri = document.get('jwks_uri')
  if (typeof uri !== 'string' || !URL.canParse(uri))
    throw new FetchError('the discovery document has no jwks_uri')
  return new URL(uri)
}

function membersOf(text: string): ReadonlyMap<string, JsonValue> {
  try {
    const value = parseStrictJson(text, LIMITS)
    if (value instanceof Map) return value as ReadonlyMap<string, JsonValue>
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error
    throw new FetchError(`the answer is no JSON that is taken (${error.fault})`)
  }
  throw new FetchError('the answer is no JSON object')
}
