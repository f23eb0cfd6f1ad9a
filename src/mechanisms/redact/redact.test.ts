import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSecretName, redactText } from './redact.ts'

test('secrets go, the rest stays', () => {
  for (const [text, clean] of [
    ['password=hunter2 user=ann', 'password=[redacted] user=ann'],
    ['{"password":"hun ter","n":1}', '{"password":"[redacted]","n":1}'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: [redacted]'],
    ['access_token: xyz, next', 'access_token: [redacted], next'],
    ['used eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl here', 'used [redacted] here'],
    ['key AKIAIOSFODNN7EXAMPLE', 'key [redacted]'],
    ['card 4111 1111 1111 1111 ok', 'card [redacted] ok'],
    ['card 4111-1111-1111-1112 fails the sum', 'card 4111-1111-1111-1112 fails the sum'],
    ['order 12345678901234567 at 1795983328763000', 'order 12345678901234567 at 1795983328763000'],
    ['the token bucket is full', 'the token bucket is full'],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----!', '[redacted]!'],
  ] as const) {
    assert.equal(redactText(text), clean)
  }
})

test('an attribute may be a secret by its name', () => {
  for (const name of ['password', 'db.password', 'x-api-key', 'access_token', 'client_secret']) {
    assert.ok(isSecretName(name), name)
  }
  for (const name of ['passenger', 'token_count', 'secretary']) assert.ok(!isSecretName(name), name)
})

test('hostile text costs no more than its length', () => {
  const startedMs = performance.now()
  for (const text of [
    'password='.repeat(30_000),
    '1 '.repeat(130_000),
    'eyJ'.repeat(80_000),
    'a_token'.repeat(30_000),
  ]) {
    redactText(text)
  }
  assert.ok(performance.now() - startedMs < 5_000)
})
