import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TOKEN_FAULTS } from '../../mechanisms/jwt/faults.ts'
import { systemClock } from '../../platform/clock.ts'
import { bearerOf, judgeBearer } from './bearer.ts'
import { createAuthGround } from './ground.ts'
import {
  asEc,
  claims,
  ec,
  ec384,
  ed,
  good,
  groundAt,
  header,
  hmacKey,
  ISSUER,
  judge,
  NOW,
  rsa,
  way,
} from './testing/bearer-scene.ts'
import { base64url, createSigner, makeToken } from './testing/signer.ts'

const [goodHeader = ''] = good.split('.')
const withHeader = (more: object): string => makeToken({ ...header, ...more }, claims, asEc)
const withClaims = (more: object): string => makeToken(header, { ...claims, ...more }, asEc)

test('good tokens of every algorithm pass, and say who calls', () => {
  const ps = createSigner('RSA', 'ps-1', 'PS256')
  const ec521 = createSigner('P-521', 'ec-521')
  const ground = groundAt({ now: NOW })
  const keys = [...ec.keys, ...rsa.keys, ...ed.keys, ...ec384.keys, ...ps.keys, ...ec521.keys]
  ground.apply({ op: 'issuer', issuer: { name: 'main', issuer: ISSUER, keys, asked: 2 } })
  const all: readonly (readonly [string, ReturnType<typeof createSigner>])[] = [
    ['ES256', ec],
    ['ES384', ec384],
    ['ES512', ec521],
    ['RS256', rsa],
    ['PS256', ps],
    ['EdDSA', ed],
    ['Ed25519', ed],
  ]
  for (const [alg, { kid, privateKey }] of all) {
    const token = makeToken({ alg, kid, typ: 'application/AT+jwt' }, claims, {
      alg,
      key: privateKey,
    })
    for (const turn of ['verified', 'remembered']) {
      const outcome = judge(token, ground)
      assert.equal(outcome.kind, 'granted', `${alg}, ${turn}`)
      if (outcome.kind !== 'granted') continue
      assert.equal(outcome.identity.subject, 'u1')
      assert.deepEqual(outcome.identity.scopes, ['orders:read', 'orders:write'])
    }
  }
  const shared = makeToken(
    { alg: 'HS256', typ: 'at+jwt' },
    { ...claims, iss: 'https://hs.example.com' },
    { alg: 'HS256', key: hmacKey },
  )
  assert.equal(judge(shared, ground).kind, 'granted')
  assert.equal(ground.tokens.count, 8)
})

test('a token without a kid is tried with few keys only', () => {
  const ground = groundAt({ now: NOW })
  const token = makeToken({ alg: 'ES256', typ: 'at+jwt' }, claims, asEc)
  assert.equal(judge(token, ground).kind, 'granted')
  const many = Array.from({ length: 6 }, (_, at) => createSigner('P-256', `k${at}`))
  const keys = [...ec.keys, ...many.flatMap((signer) => signer.keys)]
  ground.apply({ op: 'issuer', issuer: { name: 'main', issuer: ISSUER, keys, asked: 2 } })
  const outcome = judge(token, ground)
  assert.ok(outcome.kind === 'refused')
  assert.equal(outcome.why, TOKEN_FAULTS['key-missing'])
})

test('a remembered token ends with its exp, and is forgotten when the keys of an issuer change', () => {
  const time = { now: NOW }
  const ground = groundAt(time)
  assert.equal(judge(good, ground).kind, 'granted')
  time.now = NOW + 629
  assert.equal(judge(good, ground).kind, 'granted')
  time.now = NOW + 630
  assert.equal(judge(good, ground).kind, 'refused')
  time.now = NOW
  assert.equal(judge(good, ground).kind, 'granted')
  const main = { name: 'main', issuer: ISSUER, asked: 9 }
  ground.apply({ op: 'issuer', issuer: { ...main, keys: [...ed.keys] } })
  assert.equal(ground.tokens.count, 0)
  assert.equal(judge(good, ground).kind, 'refused')
  ground.apply({ op: 'issuer', issuer: { ...main, keys: [] } })
  ground.apply({ op: 'issuer-gone', name: 'main' })
  assert.equal(judge(good, ground).kind, 'unavailable')
})

test('a token that is remembered for one route is judged anew for another', () => {
  const ground = groundAt({ now: NOW })
  const strict = { ...way, scopes: ['orders:delete'] }
  const elsewhere = { ...way, audiences: ['payments'] }
  const others = { ...way, issuers: ['other'] }
  for (const turn of [1, 2]) {
    assert.equal(judge(good, ground).kind, 'granted', `turn ${turn}`)
    assert.equal(judge(good, ground, strict).kind, 'forbidden')
    assert.equal(judge(good, ground, elsewhere).kind, 'refused')
    assert.equal(judge(good, ground, others).kind, 'refused')
  }
})

test('whatever single character of a token is changed, it is refused', () => {
  const ground = groundAt({ now: NOW })
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n'
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.constantFrom(...characters.split('')),
      (at, character) => {
        if (good[at] === character) return
        const outcome = judge(good.slice(0, at) + character + good.slice(at + 1), ground)
        assert.notEqual(outcome.kind, 'granted')
      },
    ),
    { numRuns: 500 },
  )
})

test('no bytes throw, and none but a token of the issuer is let in', () => {
  const ground = groundAt({ now: NOW })
  const parts = fc.oneof(
    fc.string(),
    fc.json().map(base64url),
    fc.base64String(),
    fc.constant(goodHeader),
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 5 }), (all) => {
      assert.notEqual(judge(all.join('.'), ground).kind, 'granted')
    }),
    { numRuns: 500 },
  )
})

test('an unknown key is asked for once in a while, and the token looked at again', async () => {
  const wanted: string[] = []
  const ground = createAuthGround(
    { ...systemClock, nowMs: () => NOW * 1_000 },
    (name) => void wanted.push(name),
  )
  const issuer = { name: 'main', issuer: ISSUER, asked: 1 }
  ground.apply({ op: 'issuer', issuer: { ...issuer, keys: ed.keys } })
  const only = { ...way, issuers: ['main'] }
  const waits = judgeBearer(only, `Bearer ${good}`, ground)
  assert.ok(typeof waits === 'function')
  const later = waits()
  const another = judgeBearer(only, `Bearer ${withClaims({ sub: 'u2' })}`, ground)
  assert.ok(typeof another === 'function', 'waits for the same answer')
  assert.deepEqual(wanted, ['main'])
  ground.apply({ op: 'issuer', issuer: { ...issuer, keys: [...ed.keys, ...ec.keys], asked: 2 } })
  assert.equal((await later).kind, 'granted')
  const third = judgeBearer(only, `Bearer ${withHeader({ kid: 'nobody' })}`, ground)
  assert.ok(typeof third !== 'function' && third.kind === 'refused', 'asked a moment ago')
  assert.deepEqual(wanted, ['main'])
})

test('the scheme of the credentials', () => {
  assert.equal(bearerOf('Bearer abc'), 'abc')
  assert.equal(bearerOf('bearer   abc'), 'abc')
  assert.equal(bearerOf('Basic abc'), undefined)
  assert.equal(bearerOf('Bearerabc'), undefined)
  assert.equal(bearerOf(undefined), undefined)
})
