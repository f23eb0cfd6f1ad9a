import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { createRemoteJWKSet, decodeJwt, exportJWK, jwtVerify } from 'jose'
import * as client from 'openid-client'
import type { IdentityClient, IdentityState } from '../../contracts/identity-state.ts'
import { TestBrowser } from './testing/browser.ts'
import { startTestIssuer, testClient } from './testing/house.ts'
import { authorize, BACK, discover, PASSWORD } from './testing/sign-in.ts'

function webClient(id: string, more: Parameters<typeof testClient>[1] = {}): IdentityClient {
  return testClient(id, {
    redirectUris: [BACK],
    logoutUris: ['http://localhost:9/bye'],
    grants: ['authorization_code', 'refresh_token'],
    scopes: ['orders:read', 'orders:write'],
    ...more,
  })
}

async function start(
  t: TestContext,
  clients: readonly IdentityClient[],
  more: Partial<IdentityState> = {},
) {
  const issuer = await startTestIssuer(t, { clients, ...more })
  const account = await issuer.house.accounts.add({
    login: 'Ada@Example.com',
    name: 'Ada',
    email: 'ada@example.com',
    password: PASSWORD,
    roles: ['admin'],
  })
  assert.ok(account)
  return { ...issuer, account }
}

test('code with PKCE: a person signs in, the API gets a JWT, the client an ID token, and refreshes rotate', async (t) => {
  const it = await start(t, [webClient('spa')])
  const config = await discover(it, 'spa')
  const browser = new TestBrowser()
  const { tokens, back } = await authorize(config, browser, {
    scope: 'openid profile roles orders:read',
  })
  assert.equal(back.searchParams.get('iss'), it.issuer)
  assert.equal(tokens.scope, 'orders:read')
  assert.equal(tokens.claims()?.sub, it.account.id)
  assert.equal(tokens.claims()?.['name'], 'Ada')
  assert.deepEqual(tokens.claims()?.['roles'], ['admin'])
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri ?? ''))
  const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
    issuer: it.issuer,
    audience: 'urn:backplane:shop',
    typ: 'at+jwt',
  })
  assert.equal(protectedHeader.alg, 'ES256')
  assert.equal(payload.sub, it.account.id)
  assert.equal(payload['client_id'], 'spa')
  assert.deepEqual(payload['roles'], ['admin'])

  const next = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
  assert.notEqual(next.refresh_token, tokens.refresh_token)
  // The answer was lost: the same token once more.
  const again = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
  assert.equal(again.refresh_token, next.refresh_token)
  const third = await client.refreshTokenGrant(config, next.refresh_token ?? '')
  // The answer was used: whoever has the first token is somebody else, and everything goes.
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), {
    error: 'invalid_grant',
  })
  await assert.rejects(client.refreshTokenGrant(config, third.refresh_token ?? ''), {
    error: 'invalid_grant',
  })
})

test('a mere sign-in gets an opaque token for userinfo, and a second one asks nobody again', async (t) => {
  const it = await start(t, [webClient('spa')])
  const config = await discover(it, 'spa')
  const browser = new TestBrowser()
  const { tokens } = await authorize(config, browser, { scope: 'openid email' })
  const info = await client.fetchUserInfo(config, tokens.access_token, it.account.id)
  assert.equal(info.email, 'ada@example.com')
  const { tokens: silent } = await authorize(config, browser, { scope: 'openid', prompt: 'none' })
  assert.equal(silent.claims()?.sub, it.account.id)
})

test('client credentials, introspection and revocation', async (t) => {
  const it = await start(t, [
    testClient('nightly', { secret: 'kept in the file', scopes: ['orders:read'] }),
    webClient('spa'),
  ])
  const config = await discover(it, 'nightly', client.ClientSecretBasic('kept in the file'))
  const tokens = await client.clientCredentialsGrant(config, { scope: 'orders:read admin' })
  assert.equal(tokens.scope, 'orders:read')
  assert.equal(decodeJwt(tokens.access_token).sub, 'nightly')
  const wrong = await discover(it, 'nightly', client.ClientSecretBasic('another'))
  await assert.rejects(client.clientCredentialsGrant(wrong), { status: 401 })

  const spa = await discover(it, 'spa')
  const { tokens: person } = await authorize(spa, new TestBrowser(), { scope: 'openid' })
  const refresh = person.refresh_token ?? ''
  const seen = await client.tokenIntrospection(config, refresh)
  assert.equal(seen.active, true)
  assert.equal(seen.sub, it.account.id)
  await client.tokenRevocation(spa, refresh)
  assert.equal((await client.tokenIntrospection(config, refresh)).active, false)
  assert.equal((await client.tokenIntrospection(config, person.access_token)).active, false)
})

test('a pushed request is good once; a client that must push cannot do without', async (t) => {
  const it = await start(t, [webClient('bank', { secret: 'secret of the bank', needsPush: true })])
  const config = await discover(it, 'bank', client.ClientSecretBasic('secret of the bank'))
  const { tokens } = await authorize(config, new TestBrowser(), { scope: 'openid' }, { push: true })
  assert.equal(tokens.claims()?.sub, it.account.id)
  const plain = client.buildAuthorizationUrl(config, { redirect_uri: BACK, scope: 'openid' })
  const { away } = await new TestBrowser().go(plain.href)
  assert.equal(new URL(away).searchParams.get('error'), 'invalid_request')
})

test('DPoP: tokens are bound to the key, a proof is good once, and another key cannot refresh', async (t) => {
  const it = await start(t, [webClient('spa', { needsDpop: true })])
  const config = await discover(it, 'spa')
  const key = await client.randomDPoPKeyPair('ES256')
  const DPoP = client.getDPoPHandle(config, key)
  const { tokens } = await authorize(
    config,
    new TestBrowser(),
    { scope: 'openid orders:read' },
    { DPoP },
  )
  assert.equal(tokens.token_type, 'dpop')
  const jkt = (decodeJwt(tokens.access_token)['cnf'] as { jkt?: string } | undefined)?.jkt
  assert.equal(jkt, await DPoP.calculateThumbprint())
  const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  await assert.rejects(
    client.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, { DPoP: other }),
    { error: 'invalid_grant' },
  )
  const next = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, {
    DPoP,
  })
  assert.ok(next.access_token)
})

test('private_key_jwt: an assertion is good once, also for two that come at once', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', use: 'sig', alg: 'ES256' }
  const it = await start(t, [
    testClient('batch', { auth: 'private_key_jwt', jwks: { keys: [jwk] }, scopes: ['a'] }),
  ])
  const { SignJWT } = await import('jose')
  const assertion = await new SignJWT({ jti: 'once' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer('batch')
    .setSubject('batch')
    .setAudience(it.issuer)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey)
  const ask = async () => {
    const response = await fetch(`${it.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      }),
    })
    return response.status
  }
  const statuses = await Promise.all([ask(), ask(), ask(), ask()])
  assert.deepEqual(statuses.toSorted(), [200, 401, 401, 401])
})

test('device: the code of the screen is typed elsewhere, and the device gets its tokens once', async (t) => {
  const it = await start(t, [
    testClient('tv', { grants: ['device_code', 'refresh_token'], isNative: true, scopes: ['a'] }),
  ])
  const config = await discover(it, 'tv')
  const begun = await client.initiateDeviceAuthorization(config, { scope: 'openid a' })
  const browser = new TestBrowser()
  let page = await browser.go(begun.verification_uri)
  let markup = await page.response.text()
  page = await browser.submit({ text: markup, at: page.at }, '/device', {
    user_code: begun.user_code,
  })
  markup = await page.response.text()
  assert.match(markup, new RegExp(begun.user_code))
  page = await browser.submit({ text: markup, at: page.at }, '/device', {})
  markup = await page.response.text()
  page = await browser.submit({ text: markup, at: page.at }, '/login', {
    login: 'ada@example.com',
    password: PASSWORD,
  })
  assert.match(await page.response.text(), /signed in/)
  const poll = () =>
    client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', {
      device_code: begun.device_code,
    })
  const both = await Promise.allSettled([poll(), poll()])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('token exchange: a service acts for a person, with no more than both have', async (t) => {
  const it = await start(
    t,
    [
      webClient('spa'),
      testClient('orders', {
        secret: 'secret of orders',
        grants: ['token_exchange', 'client_credentials'],
        scopes: ['orders:read', 'stock:read'],
      }),
    ],
    {
      resources: [{ id: 'https://stock.example', scopes: ['orders:read'], lifetimeMs: undefined }],
    },
  )
  const { tokens } = await authorize(await discover(it, 'spa'), new TestBrowser(), {
    scope: 'openid orders:read orders:write',
  })
  const orders = await discover(it, 'orders', client.ClientSecretBasic('secret of orders'))
  const exchange = (more: Record<string, string>) =>
    client.genericGrantRequest(orders, 'urn:ietf:params:oauth:grant-type:token-exchange', {
      subject_token: tokens.access_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      ...more,
    })
  const got = await exchange({ resource: 'https://stock.example' })
  const claims = decodeJwt(got.access_token)
  assert.equal(claims.sub, it.account.id)
  assert.equal(claims.aud, 'https://stock.example')
  assert.equal(claims['scope'], 'orders:read')
  assert.deepEqual(claims['act'], { sub: 'orders' })
  assert.ok(Number(claims.exp) <= Number(decodeJwt(tokens.access_token).exp))
  const deeper = await exchange({ subject_token: got.access_token })
  assert.deepEqual(decodeJwt(deeper.access_token)['act'], { sub: 'orders', act: { sub: 'orders' } })
  await assert.rejects(exchange({ scope: 'orders:write' }), { error: 'invalid_scope' })
  await assert.rejects(exchange({ resource: 'https://other.example' }), { error: 'invalid_target' })
  await assert.rejects(exchange({ subject_token: `${tokens.access_token}x` }), {
    error: 'invalid_request',
  })
  await it.house.accounts.change(it.account.id, { isDisabled: true })
  await assert.rejects(exchange({}), { error: 'invalid_request' })
})

test('a client that registers itself needs a token, gets no scope of an API, and its people are asked', async (t) => {
  const it = await start(t, [])
  const registered = { redirect_uris: [BACK], client_name: 'A stranger' }
  const post = (token: string, body: object) =>
    fetch(`${it.issuer}/reg`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  assert.equal((await post('nothing', registered)).status, 401)
  const provider = it.house.web?.provider
  const token = await new (provider?.InitialAccessToken ?? assert.fail())({ expiresIn: 60 }).save()
  assert.equal((await post(token, { ...registered, api_scopes: ['orders:read'] })).status, 400)
  const made = (await (await post(token, registered)).json()) as Record<string, string>
  const { client_id: id = '', client_secret: secret = '' } = made
  const config = await discover(it, id, client.ClientSecretBasic(secret))
  const { tokens } = await authorize(config, new TestBrowser(), { scope: 'openid email' })
  assert.equal(tokens.claims()?.['email'], 'ada@example.com')
  const stored = await it.house.clients.find(id)
  assert.ok(!JSON.stringify(stored).includes(secret))
  const read = await fetch(made['registration_client_uri'] ?? '', {
    headers: { authorization: `Bearer ${made['registration_access_token']}` },
  })
  assert.equal(read.status, 200)
  assert.equal(((await read.json()) as Record<string, string>)['client_secret'], undefined)
})

test('logout: the session ends, its tokens go, and the client is told behind its back', async (t) => {
  const told: string[] = []
  const listener = createServer((request, response) => {
    void text(request).then((body) => {
      told.push(body)
      response.end()
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => listener.close())
  const { port } = listener.address() as { port: number }
  const it = await start(t, [
    webClient('spa', { backchannelLogoutUri: `http://localhost:${port}/logout` }),
  ])
  const config = await discover(it, 'spa')
  const browser = new TestBrowser()
  const { tokens } = await authorize(config, browser, { scope: 'openid orders:read' })
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri: 'http://localhost:9/bye',
    state: 'x',
  })
  const page = await browser.go(url.href)
  const left = await browser.submit(
    { text: await page.response.text(), at: page.at },
    '/session/end/confirm',
    { logout: 'yes' },
  )
  assert.equal(left.away, 'http://localhost:9/bye?state=x')
  assert.equal(told.length, 1, it.logged.join('\n'))
  const logout = decodeJwt(new URLSearchParams(told[0]).get('logout_token') ?? '')
  assert.equal(logout.sub, it.account.id)
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), {
    error: 'invalid_grant',
  })
  assert.deepEqual(await it.house.entries.list('Session', it.account.id), [])
})
