import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openssl, temporaryFolder } from '../testing.ts'
import { makeKey, openAccountKey } from './account-key.ts'
import { errorOfProblem, problemText } from './acme-error.ts'
import { acmeHosts } from './hosts.ts'
import { makeProof, makeRequest, renewalName } from './proof.ts'

/** RFC 9773, appendix A. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`

test('a certificate is named as the standard names its example', () => {
  assert.equal(renewalName(EXAMPLE), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
})

test('OpenSSL reads the request, and finds it signed with its key', async (t) => {
  const folder = await temporaryFolder(t)
  const request = await makeRequest('shop.example.com', await makeKey())
  await writeFile(join(folder, 'request.der'), Buffer.from(request, 'base64url'))
  const text = await openssl(
    folder,
    'req',
    '-inform',
    'der',
    '-in',
    'request.der',
    '-verify',
    '-noout',
    '-text',
  )
  assert.match(text, /DNS:shop\.example\.com/)
  assert.match(text, /ASN1 OID: prime256v1/)
})

test('the proof for tls-alpn-01 carries the digest in a critical extension', async (t) => {
  const folder = await temporaryFolder(t)
  const { chain, key } = await makeProof('shop.example.com', 'token.print', Date.now())
  await writeFile(join(folder, 'proof.pem'), chain)
  await writeFile(join(folder, 'proof.key'), key)
  const text = await openssl(folder, 'x509', '-in', 'proof.pem', '-noout', '-text')
  assert.match(text, /1\.3\.6\.1\.5\.5\.7\.1\.31: critical/)
  assert.match(text, /DNS:shop\.example\.com/)
  const digest = createHash('sha256').update('token.print').digest('hex')
  const der = await openssl(folder, 'asn1parse', '-in', 'proof.pem')
  assert.ok(der.toLowerCase().includes(`0420${digest}`), der)
  assert.match(await openssl(folder, 'pkey', '-in', 'proof.key', '-noout', '-text'), /prime256v1/)
})

test('an account signs with ES256, and has the thumbprint of its public key', async () => {
  const key = openAccountKey(await makeKey())
  const { crv, kty, x, y } = key.jwk
  const digest = createHash('sha256').update(
    `{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`,
  )
  assert.equal(key.thumbprint, digest.digest('base64url'))
  const signed = JSON.parse(key.signed({ url: 'u' }, '')) as Record<string, string>
  assert.equal(Buffer.from(signed['signature']!, 'base64url').length, 64)
  assert.equal(signed['payload'], '')
})

test('what an authority says is told in one bounded line', () => {
  const type = 'urn:ietf:params:acme:error:malformed'
  assert.equal(problemText({ type, detail: 'a\nb\u0007c' }), 'a b c (malformed)')
  assert.equal(problemText(undefined), 'no reason was given')
  assert.ok(problemText({ detail: 'x'.repeat(10_000) }).length < 320)
  const subproblems = [{ detail: 'first' }, 7, null, { detail: 'second' }]
  assert.equal(problemText({ detail: 'both', subproblems }), 'both; first; second')
  assert.equal(errorOfProblem(429, {}, 5).code, 'ERR_CERTIFICATE_ACME_LIMITED')
  assert.equal(errorOfProblem(503, undefined, 0).code, 'ERR_CERTIFICATE_ACME_UNREACHABLE')
  assert.equal(errorOfProblem(403, { type }, 0).code, 'ERR_CERTIFICATE_ACME_REFUSED')
})

test('hosts that nobody could find are not asked for, unless they are named', () => {
  const known = ['shop.example.com', '*.shop.example.com', 'localhost', 'a.internal', 'b.local']
  assert.deepEqual(acmeHosts([], known), ['shop.example.com'])
  assert.deepEqual(acmeHosts(['A.Internal', 'a.internal'], known), ['a.internal'])
})
