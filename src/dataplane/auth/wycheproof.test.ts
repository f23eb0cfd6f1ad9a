import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import {
  isJwsAlgorithm,
  isSameAlgorithm,
  readPublicJwk,
  signatureBytes,
  type VerificationKey,
} from '../../mechanisms/jwt/algorithms.ts'
import { decodeBase64url } from '../../mechanisms/jwt/base64url.ts'
import { parseCompactJws } from '../../mechanisms/jwt/compact.ts'
import { IssuerKeys } from './issuer-keys.ts'
import { isSignedBy } from './verify-signature.ts'

interface Group {
  readonly comment: string
  readonly public?: Readonly<Record<string, unknown>>
  readonly private: Readonly<Record<string, unknown>>
  readonly tests: readonly {
    readonly tcId: number
    readonly comment: string
    readonly jws: string
    readonly result: string
  }[]
}

const FILE = fileURLToPath(
  new URL('../../../../shared/data/wycheproof/json_web_signature_test.json', import.meta.url),
)

/** Vectors that are decided otherwise here, and why. */
const DIFFERENT: ReadonlyMap<number, string> = new Map([
  ...[346, 350].map(
    (id) => [id, 'PS384 with a key that says PS256: a key has one algorithm'] as const,
  ),
  ...[347, 351].map((id) => [id, 'the key says ES521, which is no algorithm'] as const),
  ...[367, 370].map((id) => [id, 'its text has no padding, and is a right token'] as const),
  ...[372, 373].map((id) => [id, 'a ? in the token, which a lenient reader would skip'] as const),
])

/** The one key of a group, as an operator would give it: a secret with its algorithm, or a public JWK. */
function keysOf(group: Group): readonly VerificationKey[] {
  const jwk = group.public ?? group.private
  if (jwk['kty'] !== 'oct') {
    const keys = readPublicJwk(jwk)
    return typeof keys === 'string' ? [] : keys
  }
  const { alg, k, kid } = jwk as Record<string, string>
  return alg !== undefined && isJwsAlgorithm(alg)
    ? [{ kid: kid ?? '', alg, jwk: { kty: 'oct', k: k ?? '' } }]
    : []
}

function isTaken(jws: string, keys: readonly VerificationKey[]): boolean {
  const parsed = parseCompactJws(jws)
  if (typeof parsed === 'string' || decodeBase64url(parsed.payload) === undefined) return false
  const ready = new IssuerKeys(
    () => {},
    () => {},
  )
  ready.apply({ op: 'issuer', issuer: { name: 'a', issuer: 'a', keys, asked: 1 } })
  const bytes = signatureBytes(parsed.alg)
  if (bytes !== 0 && parsed.signature.length !== bytes) return false
  const signed = jws.slice(0, parsed.signedLength)
  return ready
    .candidates(['a'], parsed.kid, parsed.alg)
    .filter(({ alg }) => isSameAlgorithm(alg, parsed.alg))
    .some((key) => isSignedBy(key, signed, parsed.signature))
}

test('Wycheproof: every signature is judged as it should be', { skip: !existsSync(FILE) }, (t) => {
  const { testGroups } = JSON.parse(readFileSync(FILE, 'utf8')) as { testGroups: readonly Group[] }
  let count = 0
  const wrong = testGroups.flatMap((group) =>
    group.tests.flatMap(({ tcId, comment, jws, result }) => {
      count++
      const name = `${tcId} ${group.comment} ${comment}`
      const found = isTaken(jws, keysOf(group)) ? 'valid' : 'invalid'
      const wanted = DIFFERENT.has(tcId) ? (result === 'valid' ? 'invalid' : 'valid') : result
      return found === wanted ? [] : [`${name}: ${found}, not ${result}`]
    }),
  )
  t.diagnostic(`${count} vectors, ${DIFFERENT.size} known differences`)
  assert.deepEqual(wrong, [])
})
