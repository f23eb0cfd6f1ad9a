import { createSecretKey } from 'node:crypto'
import type { BearerWay } from '../src/contracts/auth.ts'
import type { RouteSpec } from '../src/contracts/snapshot.ts'
import { judgeBearer } from '../src/dataplane/auth/bearer.ts'
import { createAuthGround, TOKENS_BYTES_MAX } from '../src/dataplane/auth/ground.ts'
import { createSigner, type KeyKind, makeToken } from '../src/dataplane/auth/testing/signer.ts'
import { compileRoutes, matchRoute } from '../src/mechanisms/routing/routing.ts'
import { systemClock } from '../src/platform/clock.ts'
import { machineLine, markdownTable } from './measure.ts'

/**
 * What a JWT costs a request on one thread: seen before (the cache) and new (the signature), and what a million different ones leave in memory; and what 5,000 routes cost over 10:
 * `node --expose-gc bench/jwt.ts [tokens]`. Times are of the processor, the least of several rounds.
 */
const TOKENS = Number(process.argv[2] ?? 1_000_000)
const ROUNDS = 9
const way: BearerWay = {
  way: 'jwt',
  issuers: ['shop'],
  audiences: ['orders'],
  typ: 'at+jwt',
  skewSeconds: 30,
  ageSecondsMax: 0,
  scopes: ['orders:read'],
  roles: [],
  claims: [],
}
const issuer = 'https://id.example.com'

/** Microseconds of the processor a run, the least of several rounds: what else the machine does counts little. */
function least(count: number, run: (turn: number) => void): number {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    for (let turn = 0; turn < count; turn++) run(turn)
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / count)
  }
  return best
}

function claimsOf(sub: string): object {
  const now = Math.floor(Date.now() / 1_000)
  const scope = 'orders:read orders:write'
  return { iss: issuer, aud: 'orders', sub, scope, iat: now, exp: now + 3_600, jti: sub }
}

function measureAlgorithm(alg: string, kind: KeyKind): readonly string[] {
  const signer = createSigner(kind, 'k1', alg)
  const ground = createAuthGround(systemClock, () => {})
  const keys = signer.keys
  ground.apply({ op: 'issuer', issuer: { name: 'shop', issuer, keys, asked: 1 } })
  const header = { alg, kid: 'k1', typ: 'at+jwt' }
  const lines = Array.from({ length: 300 }, (_, at) => {
    const key = { alg, key: signer.privateKey }
    return `Bearer ${makeToken(header, claimsOf(`user-${at}`), key)}`
  })
  const ask = (turn: number): void => {
    const outcome = judgeBearer(way, lines[turn % lines.length], ground)
    if (typeof outcome === 'function' || outcome.kind !== 'granted') throw new Error('was refused')
  }
  const miss = least(lines.length, (turn) => {
    if (turn === 0) ground.tokens.clear()
    ask(turn)
  })
  const hit = least(100_000, ask)
  return [alg, hit.toFixed(2), miss.toFixed(0), String(lines[0]!.length - 7)]
}

/** One key signs them all with HMAC, since making a million of others takes minutes; what is kept of them is the same. */
function fillMemory(): string {
  const secret = Buffer.alloc(32, 7)
  const ground = createAuthGround(systemClock, () => {})
  const jwk = { kty: 'oct', k: secret.toString('base64url') }
  const keys = [{ kid: '', alg: 'HS256' as const, jwk }]
  ground.apply({ op: 'issuer', issuer: { name: 'shop', issuer, keys, asked: 1 } })
  const key = createSecret(secret)
  const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
  collect()
  const before = process.memoryUsage()
  for (let at = 0; at < TOKENS; at++) {
    const token = makeToken({ alg: 'HS256', typ: 'at+jwt' }, claimsOf(`user-${at}`), key)
    const outcome = judgeBearer(way, `Bearer ${token}`, ground)
    if (typeof outcome === 'function' || outcome.kind !== 'granted') throw new Error('was refused')
  }
  collect()
  const after = process.memoryUsage()
  const mebibytes = (after.heapUsed + after.external - before.heapUsed - before.external) / 2 ** 20
  return `${TOKENS} different tokens: ${ground.tokens.count} are remembered, ${mebibytes.toFixed(1)} MiB more in use (limit ${TOKENS_BYTES_MAX / 2 ** 20} MiB)`
}

function createSecret(secret: Buffer) {
  return { alg: 'HS256', key: createSecretKey(secret) }
}

function routes(count: number): readonly RouteSpec[] {
  const base = { source: '', methods: [], headers: {}, query: {}, to: [], stripPrefix: '' }
  return Array.from({ length: count }, (_, at) => ({
    ...base,
    id: `r${at}`,
    hosts: at % 5 === 0 ? [`host${at}.example`] : [],
    path: at % 2 === 0 ? `/api/v1/resource${at}/{id}` : `/api/v1/resource${at}/**`,
    timeoutMs: 0,
    policies: [],
  }))
}

/** Many different requests, so that it is not one path that the processor has learnt by heart. */
function measureRoutes(count: number): number {
  const table = compileRoutes(routes(count))
  const fields = { header: () => undefined, query: '' }
  const paths = Array.from({ length: 1_000 }, (_, at) => `/api/v1/resource${at % count}/${at}`)
  return least(200_000, (turn) => {
    const path = paths[turn % paths.length]!
    matchRoute(table, 'shop.example', path, 'GET', fields)
  })
}

const rows = [
  measureAlgorithm('ES256', 'P-256'),
  measureAlgorithm('EdDSA', 'Ed25519'),
  measureAlgorithm('RS256', 'RSA'),
  measureAlgorithm('PS256', 'RSA'),
]
process.stdout.write(`${machineLine()}\n\n`)
process.stdout.write(
  `${markdownTable([['algorithm', 'seen before, us', 'new, us', 'characters'], ...rows])}\n\n`,
)
const few = measureRoutes(10)
const many = measureRoutes(5_000)
process.stdout.write(
  `matching: 10 routes ${(few * 1_000).toFixed(0)} ns, 5,000 routes ${(many * 1_000).toFixed(0)} ns\n\n`,
)
process.stdout.write(`${fillMemory()}\n`)
