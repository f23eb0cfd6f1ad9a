import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { TOKEN_FAULTS, type TokenFault } from '../../mechanisms/jwt/faults.ts'
import {
  asEc,
  claims,
  ec,
  good,
  header,
  ISSUER,
  judge,
  NOW,
  other,
  rsa,
  SECRET,
  stranger,
  way,
} from './testing/bearer-scene.ts'
import { base64url, makeToken } from './testing/signer.ts'

const [goodHeader, goodPayload, goodSignature] = good.split('.') as [string, string, string]
function faultOf(token: string, given = way): string {
  const outcome = judge(token, undefined, given)
  if (outcome.kind !== 'refused') return outcome.kind
  const found = Object.entries(TOKEN_FAULTS).find(([, why]) => why === outcome.why)
  return found?.[0] ?? outcome.why
}

/** The last character stands for four bits that must be 0: another one of the same bytes. */
function otherSpelling(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(text.at(-1)!)
  return text.slice(0, -1) + alphabet[last + 1]!
}

function deep(levels: number): string {
  return `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
}

const publicPem = ec.publicKey.export({ type: 'spki', format: 'pem' })
const rsaPem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
const rsaDer = rsa.publicKey.export({ type: 'spki', format: 'der' })

function hs(secret: string | Buffer, kid: string, alg = 'HS256'): string {
  return makeToken({ ...header, alg, kid }, claims, {
    alg,
    key: createSecretKey(Buffer.from(secret)),
  })
}

const unsigned = (alg: string): string =>
  `${base64url(JSON.stringify({ ...header, alg }))}.${goodPayload}.${goodSignature}`
const withHeader = (more: object): string => makeToken({ ...header, ...more }, claims, asEc)
const withClaims = (more: object): string => makeToken(header, { ...claims, ...more }, asEc)
const without = (name: keyof typeof claims): string =>
  makeToken(
    header,
    Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)),
    asEc,
  )
const rawClaims = (text: string): string => makeToken(header, text, asEc)
const rawHeader = (text: string): string => makeToken(text, claims, asEc)
const json = JSON.stringify

/** Each forgery, and the reason for which it must be refused. */
const FORGED: readonly (readonly [string, string, TokenFault])[] = [
  ['alg none, no signature', `${base64url('{"alg":"none"}')}.${goodPayload}.`, 'alg-none'],
  ['alg none, a signature', unsigned('none'), 'alg-none'],
  ['alg None', unsigned('None'), 'alg-none'],
  ['alg NONE', unsigned('NONE'), 'alg-none'],
  ['alg nOnE', unsigned('nOnE'), 'alg-none'],
  ['no alg', makeToken({ kid: 'ec-1', typ: 'at+jwt' }, claims, asEc), 'alg-missing'],
  ['alg is a number', withHeader({ alg: 7 }), 'alg-unknown'],
  ['alg is a list', withHeader({ alg: ['ES256'] }), 'alg-unknown'],
  ['alg in lower case', unsigned('es256'), 'alg-unknown'],
  ['alg ES256K', unsigned('ES256K'), 'alg-unknown'],
  ['alg of an encryption', unsigned('RSA-OAEP'), 'alg-unknown'],
  ['alg dir', unsigned('dir'), 'alg-unknown'],
  ['HS256 with the public PEM', hs(String(rsaPem), 'rsa-1'), 'alg-key'],
  ['HS256 with the PEM of an EC key', hs(String(publicPem), 'ec-1'), 'alg-key'],
  ['HS256 with the public DER', hs(rsaDer, 'rsa-1'), 'alg-key'],
  ['HS256 with the public JWK', hs(json(rsa.jwk), 'rsa-1'), 'alg-key'],
  ['HS256 with an empty secret', hs('', 'ec-1'), 'alg-key'],
  ['HS384 with the secret of HS256', hs(SECRET, 'hs-1', 'HS384'), 'alg-key'],
  ['HS256 with another secret', hs('another secret of 32 bytes and more', 'hs-1'), 'signature'],
  ['ES256 for an RSA key', withHeader({ kid: 'rsa-1' }), 'alg-key'],
  [
    'RS512 for a key of RS256',
    makeToken({ ...header, alg: 'RS512', kid: 'rsa-1' }, claims, {
      alg: 'RS512',
      key: rsa.privateKey,
    }),
    'alg-key',
  ],
  [
    'PS256 for a key of RS256',
    makeToken({ ...header, alg: 'PS256', kid: 'rsa-1' }, claims, {
      alg: 'PS256',
      key: rsa.privateKey,
    }),
    'alg-key',
  ],
  ['ES384 for a key of P-256', unsigned('ES384'), 'alg-key'],
  ['its own jwk', withHeader({ jwk: stranger.jwk }), 'embedded-key'],
  ['its own jku', withHeader({ jku: 'https://evil.example/jwks' }), 'embedded-key'],
  ['its own x5u', withHeader({ x5u: 'https://evil.example/x' }), 'embedded-key'],
  ['its own x5c', withHeader({ x5c: ['AA=='] }), 'embedded-key'],
  ['kid is a path', withHeader({ kid: '../../../../dev/null' }), 'key-unknown'],
  ['kid is SQL', withHeader({ kid: "x' UNION SELECT 'key" }), 'key-unknown'],
  ['kid is a command', withHeader({ kid: '|whoami' }), 'key-unknown'],
  ['kid is __proto__', withHeader({ kid: '__proto__' }), 'key-unknown'],
  ['kid is constructor', withHeader({ kid: 'constructor' }), 'key-unknown'],
  ['kid is an object', withHeader({ kid: { $ne: '' } }), 'kid'],
  ['kid is a list', withHeader({ kid: ['ec-1'] }), 'kid'],
  ['kid without end', withHeader({ kid: 'k'.repeat(600) }), 'kid'],
  [
    'kid of a key of another issuer',
    makeToken({ ...header, kid: 'other-1' }, claims, { alg: 'ES256', key: other.privateKey }),
    'iss-key',
  ],
  [
    'the key of a stranger, a known kid',
    makeToken(header, claims, { alg: 'ES256', key: stranger.privateKey }),
    'signature',
  ],
  ['r and s are 0', `${goodHeader}.${goodPayload}.${base64url(new Uint8Array(64))}`, 'signature'],
  [
    'r and s are the order',
    `${goodHeader}.${goodPayload}.${base64url(Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.repeat(2), 'hex'))}`,
    'signature',
  ],
  [
    'a signature in DER',
    `${goodHeader}.${goodPayload}.${base64url(Buffer.concat([Buffer.from([0x30, 0x44, 2, 32]), Buffer.alloc(66)]))}`,
    'signature-length',
  ],
  [
    'a signature cut short',
    `${goodHeader}.${goodPayload}.${base64url(Buffer.from(goodSignature, 'base64url').subarray(0, 60))}`,
    'signature-length',
  ],
  ['a signature of one byte', `${goodHeader}.${goodPayload}.AA`, 'signature-length'],
  [
    'a signature that is too long',
    `${goodHeader}.${goodPayload}.${goodSignature}AAAA`,
    'signature-length',
  ],
  [
    'the signature of another token',
    `${goodHeader}.${goodPayload}.${withClaims({ sub: 'x' }).split('.')[2]}`,
    'signature',
  ],
  [
    'other claims',
    `${goodHeader}.${base64url(json({ ...claims, sub: 'admin' }))}.${goodSignature}`,
    'signature',
  ],
  [
    'another header',
    `${base64url(json({ ...header, x: 1 }))}.${goodPayload}.${goodSignature}`,
    'signature',
  ],
  [
    'another spelling of the signature',
    `${goodHeader}.${goodPayload}.${otherSpelling(goodSignature)}`,
    'encoding',
  ],
  ['padding behind the signature', `${good}==`, 'not-compact'],
  ['a line end behind it', `${good}\n`, 'not-compact'],
  ['a space in it', good.replace('.', '. '), 'not-compact'],
  ['plain base64', `${goodHeader}.${goodPayload}.${goodSignature.slice(0, -2)}+/`, 'not-compact'],
  ['two parts', `${goodHeader}.${goodPayload}`, 'not-compact'],
  ['four parts', `${good}.AA`, 'not-compact'],
  ['five parts, as an encrypted token', 'AA.AA.AA.AA.AA', 'encrypted'],
  ['no payload', `${goodHeader}..${goodSignature}`, 'signature'],
  ['no header', `.${goodPayload}.${goodSignature}`, 'not-compact'],
  ['a zero byte in it', `${goodHeader}.${goodPayload}\0.${goodSignature}`, 'not-compact'],
  ['longer than any', `${goodHeader}.${'A'.repeat(9_000)}.${goodSignature}`, 'too-long'],
  ['crit that nobody knows', withHeader({ crit: ['x'], x: 1 }), 'crit'],
  ['crit that is empty', withHeader({ crit: [] }), 'crit'],
  ['b64 false', withHeader({ b64: false, crit: ['b64'] }), 'crit'],
  ['b64 without crit', withHeader({ b64: false }), 'crit'],
  ['compressed', withHeader({ zip: 'DEF' }), 'encrypted'],
  ['typ of an ID token', withHeader({ typ: 'JWT' }), 'typ'],
  ['no typ', makeToken({ alg: 'ES256', kid: 'ec-1' }, claims, asEc), 'typ'],
  ['typ of a logout token', withHeader({ typ: 'logout+jwt' }), 'typ'],
  ['typ is a number', withHeader({ typ: 1 }), 'typ'],
  ['the header is a list', rawHeader('[]'), 'header-json'],
  ['the header is no JSON', rawHeader('{"alg":'), 'header-json'],
  [
    'the header is no UTF-8',
    `${base64url(Buffer.from([0x7b, 0xff, 0x7d]))}.${goodPayload}.${goodSignature}`,
    'header-json',
  ],
  [
    'alg stands twice',
    rawHeader('{"alg":"none","alg":"ES256","kid":"ec-1","typ":"at+jwt"}'),
    'duplicate-name',
  ],
  [
    'alg stands twice, once escaped',
    rawHeader('{"alg":"ES256","\\u0061lg":"none","kid":"ec-1","typ":"at+jwt"}'),
    'duplicate-name',
  ],
  ['the header is a bomb', rawHeader(deep(1_500)), 'too-deep'],
  ['the claims are a bomb', rawClaims(deep(2_000)), 'too-deep'],
  [
    'the claims have too many values',
    rawClaims(json({ ...claims, list: Array.from({ length: 2_000 }, () => 1) })),
    'payload-json',
  ],
  ['the claims are a text', rawClaims('"admin"'), 'payload-json'],
  ['the claims are no JSON', rawClaims('foo'), 'payload-json'],
  ['behind the claims is more', rawClaims(`${json(claims)}{}`), 'payload-json'],
  [
    'sub stands twice',
    rawClaims(json(claims).replace('"sub"', '"sub":"u2","sub"')),
    'duplicate-name',
  ],
  [
    'a claim below stands twice',
    rawClaims(json({ ...claims, x: 1 }).replace('"x":1', '"x":{"a":1,"a":2}')),
    'duplicate-name',
  ],
  ['no issuer', without('iss'), 'iss-missing'],
  ['another issuer', withClaims({ iss: 'https://evil.example' }), 'iss-unknown'],
  ['an issuer with a slash more', withClaims({ iss: `${ISSUER}/` }), 'iss-unknown'],
  ['an issuer in capitals', withClaims({ iss: ISSUER.toUpperCase() }), 'iss-unknown'],
  ['the issuer is a list', withClaims({ iss: [ISSUER] }), 'iss-unknown'],
  ['another known issuer, this key', withClaims({ iss: 'https://other.example.com' }), 'iss-key'],
  ['no audience', without('aud'), 'aud-missing'],
  ['another audience', withClaims({ aud: 'payments' }), 'aud-other'],
  ['an audience that begins alike', withClaims({ aud: 'orders2' }), 'aud-other'],
  ['the audience is an object', withClaims({ aud: { orders: true } }), 'claim-shape'],
  ['the audience is a list of numbers', withClaims({ aud: [1] }), 'claim-shape'],
  [
    'audiences without end',
    withClaims({ aud: Array.from({ length: 100 }, () => 'a') }),
    'claim-shape',
  ],
  ['an empty list of audiences', withClaims({ aud: [] }), 'aud-missing'],
  ['no end', without('exp'), 'exp-missing'],
  ['ended', withClaims({ exp: NOW - 31 }), 'expired'],
  ['ended just now, with the skew', withClaims({ exp: NOW - 30 }), 'expired'],
  ['the end is a text', withClaims({ exp: '9999999999' }), 'exp-shape'],
  ['the end is null', withClaims({ exp: null }), 'exp-shape'],
  ['the end is 1e400', rawClaims(json(claims).replace(String(NOW + 600), '1e400')), 'payload-json'],
  ['the end is in milliseconds', withClaims({ exp: (NOW + 600) * 1_000 }), 'exp-shape'],
  ['the end is negative', withClaims({ exp: -1 }), 'exp-shape'],
  ['too early', withClaims({ nbf: NOW + 31 }), 'early'],
  ['the begin is a text', withClaims({ nbf: '0' }), 'nbf-shape'],
  ['issued in the future', withClaims({ iat: NOW + 31 }), 'iat-future'],
  ['the issue is a boolean', withClaims({ iat: true }), 'iat-shape'],
  ['issued too long ago', withClaims({ iat: NOW - 3_631 }), 'too-old'],
  ['no time of issue, where the age counts', without('iat'), 'too-old'],
  ['the subject is an object', withClaims({ sub: {} }), 'sub-shape'],
  ['a subject without end', withClaims({ sub: 's'.repeat(2_000) }), 'sub-shape'],
]

test(`${FORGED.length} forged tokens, each refused for its own reason`, () => {
  assert.ok(FORGED.length >= 64)
  const wrong = FORGED.flatMap(([name, token, expected]) => {
    const found = faultOf(token)
    return found === expected ? [] : [`${name}: ${found}, not ${expected}`]
  })
  assert.deepEqual(wrong, [])
  const reasons = new Set(FORGED.map(([, , fault]) => fault))
  // What these tokens cannot show is shown below.
  const elsewhere = ['key-missing']
  const missing = Object.keys(TOKEN_FAULTS).filter(
    (fault) => !reasons.has(fault as TokenFault) && !elsewhere.includes(fault),
  )
  assert.deepEqual(missing, [])
})
