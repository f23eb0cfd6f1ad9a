import { createSecretKey } from 'node:crypto'
import type { BearerWay } from '../../../contracts/auth.ts'
import { TOKEN_FAULTS } from '../../../mechanisms/jwt/faults.ts'
import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { judgeBearer } from '../bearer.ts'
import { type AuthGround, createAuthGround } from '../ground.ts'
import type { Outcome } from '../outcome.ts'
import { base64url, createSigner, makeToken } from './signer.ts'

// Issuers with their keys, a route that believes them, and a token that is good for it at the moment NOW.
export const NOW = 1_800_000_000
export const SECRET = 'a secret that has more than 32 bytes, so it is taken'
export const ISSUER = 'https://id.example.com'

export const ec = createSigner('P-256', 'ec-1')
export const rsa = createSigner('RSA', 'rsa-1', 'RS256')
export const ed = createSigner('Ed25519', 'ed-1')
export const ec384 = createSigner('P-384', 'ec-384')
export const stranger = createSigner('P-256', 'ec-1')
export const other = createSigner('P-256', 'other-1')
export const hmacKey = createSecretKey(Buffer.from(SECRET))

export const way: BearerWay = {
  way: 'jwt',
  issuers: ['main', 'other', 'shared'],
  audiences: ['orders'],
  typ: 'at+jwt',
  skewSeconds: 30,
  ageSecondsMax: 3_600,
  scopes: [],
  roles: [],
  claims: [],
}
export const claims = {
  iss: ISSUER,
  sub: 'u1',
  aud: 'orders',
  exp: NOW + 600,
  nbf: NOW - 10,
  iat: NOW - 10,
  scope: 'orders:read orders:write',
}
export const header = { alg: 'ES256', kid: 'ec-1', typ: 'at+jwt' }
export const asEc = { alg: 'ES256', key: ec.privateKey }

export function groundAt(time: { now: number }): AuthGround {
  const clock: Clock = { ...systemClock, nowMs: () => time.now * 1_000 }
  const ground = createAuthGround(clock, () => {})
  const keys = [...ec.keys, ...rsa.keys, ...ed.keys, ...ec384.keys]
  ground.apply({ op: 'issuer', issuer: { name: 'main', issuer: ISSUER, keys, asked: 1 } })
  const others = { name: 'other', issuer: 'https://other.example.com', keys: other.keys, asked: 1 }
  ground.apply({ op: 'issuer', issuer: others })
  const k = base64url(SECRET)
  const shared = [{ kid: 'hs-1', alg: 'HS256' as const, jwk: { kty: 'oct', k } }]
  ground.apply({
    op: 'issuer',
    issuer: { name: 'shared', issuer: 'https://hs.example.com', keys: shared, asked: 1 },
  })
  return ground
}

export function judge(token: string, ground = groundAt({ now: NOW }), given = way): Outcome {
  const outcome = judgeBearer(given, `Bearer ${token}`, ground)
  // A key that is not known is asked for: not in these tests.
  if (typeof outcome === 'function') return { kind: 'refused', why: TOKEN_FAULTS['key-unknown'] }
  return outcome
}

export const good = makeToken(header, claims, asEc)
