import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import * as client from 'openid-client'
import { revokeAllOf } from './provider/consent.ts'
import { TestBrowser } from './testing/browser.ts'
import { startTestIssuer, testClient } from './testing/house.ts'
import { challenge, requestUrl, startWithClients } from './testing/requests.ts'
import { authorize, BACK, discover, signIn } from './testing/sign-in.ts'

/** Modules of the OpenID basic certification plan, by the names that docs/identity-conformance.md has in its table. */

test('every answer to a client names the issuer', async (t) => {
  const it = await startWithClients(t)
  const good = await signIn(new TestBrowser(), await requestUrl(it, {}))
  assert.equal(good.searchParams.get('iss'), it.issuer)
  const { away } = await new TestBrowser().go((await requestUrl(it, { prompt: 'none' })).href)
  assert.equal(new URL(away).searchParams.get('error'), 'login_required')
  assert.equal(new URL(away).searchParams.get('iss'), it.issuer)
})

test('access tokens are at+jwt with what RFC 9068 demands', async (t) => {
  const it = await startWithClients(t)
  const config = await discover(it, 'spa')
  const { tokens } = await authorize(config, new TestBrowser(), { scope: 'openid orders:read' })
  const header = decodeProtectedHeader(tokens.access_token)
  assert.equal(header.typ, 'at+jwt')
  assert.equal(header.alg, 'ES256')
  const claims = decodeJwt(tokens.access_token)
  for (const name of ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti', 'scope']) {
    assert.notEqual(claims[name], undefined, name)
  }
})

test('prompt none answers login_required, consent_required, or at once', async (t) => {
  const it = await startWithClients(t)
  const browser = new TestBrowser()
  const silent = async (id: string) => {
    const url = await requestUrl(it, { client_id: id, prompt: 'none' })
    return new URL((await browser.go(url.href)).away).searchParams
  }
  assert.equal((await silent('asks')).get('error'), 'login_required')
  await signIn(browser, await requestUrl(it, {}))
  assert.equal((await silent('asks')).get('error'), 'consent_required')
  assert.ok((await silent('spa')).get('code'))
})

test('consent is remembered in another browser, until it is taken away', async (t) => {
  const it = await startWithClients(t)
  const ask = async () => {
    const browser = new TestBrowser()
    await signIn(browser, await requestUrl(it, {}))
    const url = await requestUrl(it, { client_id: 'asks', prompt: 'none' })
    return new URL((await browser.go(url.href)).away).searchParams
  }
  assert.equal((await ask()).get('error'), 'consent_required')
  await signIn(new TestBrowser(), await requestUrl(it, { client_id: 'asks' }))
  assert.ok((await ask()).get('code'))
  await revokeAllOf(it.house.entries, it.accountId, 'asks')
  assert.equal((await ask()).get('error'), 'consent_required')
})

test('prompt login and max_age ask again, and the ID token says when', async (t) => {
  const it = await startWithClients(t)
  const config = await discover(it, 'spa')
  const browser = new TestBrowser()
  const { tokens } = await authorize(config, browser, { scope: 'openid', max_age: '15000' })
  assert.ok(Number(tokens.claims()?.auth_time) > 0)
  const again = await browser.go((await requestUrl(it, { prompt: 'login' })).href)
  assert.match(await again.response.text(), /current-password/)
})

test('behind TLS cookies are for TLS only, whatever is in front of us', async (t) => {
  const it = await startTestIssuer(t, {
    issuer: 'https://id.example/identity',
    clients: [testClient('spa', { redirectUris: [BACK], grants: ['authorization_code'] })],
  })
  const url = await requestUrl({ ...it, issuer: `${it.origin}/identity` }, {})
  const answer = await fetch(url, {
    redirect: 'manual',
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
  })
  const cookies = answer.headers.getSetCookie()
  assert.ok(cookies.length > 0)
  for (const cookie of cookies) assert.match(cookie, /; secure; httponly$/i)
  assert.ok(cookies.some((cookie) => cookie.includes('samesite=lax')))
  const metadata = await fetch(`${it.origin}/identity/.well-known/openid-configuration`)
  assert.ok(!(await metadata.text()).includes('evil'))
})

test('state and nonce come back as they were, and scopes give their claims', async (t) => {
  const it = await startWithClients(t)
  const config = await discover(it, 'spa')
  const nonce = client.randomNonce()
  const verifier = client.randomPKCECodeVerifier()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BACK,
    scope: 'openid profile email',
    nonce,
    state: 'a b&c',
    code_challenge: await challenge(verifier),
    code_challenge_method: 'S256',
  })
  const back = await signIn(new TestBrowser(), url)
  assert.equal(back.searchParams.get('state'), 'a b&c')
  const tokens = await client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier,
    expectedNonce: nonce,
    expectedState: 'a b&c',
  })
  const claims = tokens.claims()
  assert.deepEqual(
    [claims?.['name'], claims?.['email'], claims?.['preferred_username']],
    ['Ada', 'ada@example.com', 'ada@example.com'],
  )
  const info = await client.fetchUserInfo(config, tokens.access_token, it.accountId)
  assert.equal(info.name, 'Ada')
  for (const method of ['GET', 'POST']) {
    const response = await fetch(`${it.issuer}/me`, {
      method,
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    assert.equal(response.status, 200, method)
  }
})

test('clients prove themselves by Basic or in the body, and never in the URL', async (t) => {
  const it = await startWithClients(t)
  const basic = await discover(it, 'web', client.ClientSecretBasic('secret of web'))
  assert.ok((await authorize(basic, new TestBrowser(), { scope: 'openid' })).tokens.id_token)
  const post = await discover(it, 'post', client.ClientSecretPost('secret of post'))
  assert.ok((await authorize(post, new TestBrowser(), { scope: 'openid' })).tokens.id_token)
  const mixed = await discover(it, 'web', client.ClientSecretPost('secret of web'))
  assert.ok((await authorize(mixed, new TestBrowser(), { scope: 'openid' })).tokens.id_token)
  const url = `${it.issuer}/token?client_id=api&client_secret=secret+of+api`
  const query = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  assert.equal(query.status, 400)
})

test('a request object, a registration parameter or an unknown parameter changes nothing that it may not', async (t) => {
  const it = await startWithClients(t)
  const withObject = await new TestBrowser().go(
    (await requestUrl(it, { request: 'eyJhbGciOiJub25lIn0.e30.' })).href,
  )
  assert.equal(new URL(withObject.away).searchParams.get('error'), 'request_not_supported')
  const extra = await new TestBrowser().go((await requestUrl(it, { extra: 'foobar' })).href)
  assert.equal(extra.response.status, 200)
})
