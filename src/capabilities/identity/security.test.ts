import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import * as client from 'openid-client'
import { TestBrowser } from './testing/browser.ts'
import { codeFrom, errorIn, redeem, requestUrl, startWithClients } from './testing/requests.ts'
import { testClient } from './testing/house.ts'
import { BACK, discover, PASSWORD } from './testing/sign-in.ts'

/** Rules of RFC 9700, by the names that docs/identity-conformance.md has in its table. */

test('redirect URIs are compared to the letter', async (t) => {
  const it = await startWithClients(t)
  const tricks = [
    `${BACK}/`,
    `${BACK}?x=1`,
    `${BACK}#x`,
    `${BACK}/../other`,
    'http://LOCALHOST:9/back',
    'http://localhost:9/back%2f',
    'http://localhost:9\\@evil.example/back',
    'http://localhost:9@evil.example/back',
    'https://app.example/cb/..;/x',
    'https://app.example.evil.example/cb',
    'javascript:alert(1)',
    '//evil.example/back',
    'https://other.example/cb',
  ]
  for (const uri of tricks) {
    const { response, away } = await new TestBrowser().go(
      (await requestUrl(it, { redirect_uri: uri })).href,
    )
    assert.equal(away, '', uri)
    assert.equal(response.status, 400, uri)
  }
})

test('a request without PKCE is refused, for every kind of client', async (t) => {
  const it = await startWithClients(t)
  for (const id of ['spa', 'web', 'asks']) {
    const { away } = await new TestBrowser().go(
      (
        await requestUrl(it, {
          client_id: id,
          code_challenge: undefined,
          code_challenge_method: undefined,
        })
      ).href,
    )
    assert.equal(new URL(away).searchParams.get('error'), 'invalid_request', id)
  }
})

test('the plain challenge method is refused', async (t) => {
  const it = await startWithClients(t)
  const url = await requestUrl(it, { code_challenge_method: 'plain' })
  const { away } = await new TestBrowser().go(url.href)
  assert.equal(new URL(away).searchParams.get('error'), 'invalid_request')
})

test('a code without its verifier, with another one, or of another client is refused', async (t) => {
  const it = await startWithClients(t)
  const code = await codeFrom(it)
  for (const fields of [
    { code, code_verifier: '' },
    { code, code_verifier: 'w'.repeat(43) },
    { code, client_id: 'other', redirect_uri: 'https://other.example/cb' },
    { code, redirect_uri: 'https://app.example/cb' },
  ]) {
    const response = await redeem(it, fields)
    assert.equal(response.status, 400)
    assert.match((await errorIn(response)) ?? '', /invalid_(grant|request)/)
  }
})

test('there is no implicit and no password grant', async (t) => {
  const it = await startWithClients(t)
  for (const type of ['token', 'id_token', 'id_token token', 'code token', 'code id_token']) {
    const url = await requestUrl(it, { response_type: type, nonce: 'n' })
    const { away, response } = await new TestBrowser().go(url.href)
    const error = away === '' ? '' : new URL(away.replace('#', '?')).searchParams.get('error')
    assert.ok(error === 'unsupported_response_type' || response.status === 400, `${type} ${away}`)
  }
  const password = await redeem(it, {
    grant_type: 'password',
    username: 'ada@example.com',
    password: PASSWORD,
  })
  assert.equal(await errorIn(password), 'unsupported_grant_type')
})

test('a code that is used again is refused, and later takes its tokens along', async (t) => {
  const it = await startWithClients(t)
  await it.apply({ lifetimes: { ...it.house.state.lifetimes, graceMs: 0 } })
  const code = await codeFrom(it)
  const first = await redeem(it, { code })
  const tokens = (await first.json()) as { refresh_token: string }
  assert.equal(await errorIn(await redeem(it, { code })), 'invalid_grant')
  const refreshed = await redeem(it, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
  })
  assert.equal(await errorIn(refreshed), 'invalid_grant')
})

test('of many requests with one code over the network one gets tokens', async (t) => {
  const it = await startWithClients(t)
  const code = await codeFrom(it)
  const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(it, { code })))
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, ...Array.from({ length: 7 }, () => 400)],
  )
})

test('access tokens are for one audience, and only for what was asked', async (t) => {
  const it = await startWithClients(t)
  const api = await discover(it, 'api', client.ClientSecretBasic('secret of api'))
  const one = await client.clientCredentialsGrant(api, {
    scope: 'orders:read',
    resource: 'https://orders.example',
  })
  const claims = decodeJwt(one.access_token)
  assert.equal(claims.aud, 'https://orders.example')
  assert.equal(Number(claims.exp) - Number(claims.iat), 60)
  await assert.rejects(
    client.clientCredentialsGrant(api, { resource: 'https://elsewhere.example' }),
    { error: 'invalid_target' },
  )
  const two = new URLSearchParams({ scope: 'orders:read' })
  two.append('resource', 'https://orders.example')
  two.append('resource', 'urn:backplane:shop')
  await assert.rejects(client.clientCredentialsGrant(api, two), { error: 'invalid_target' })
})

test('after a form the browser is sent on with 303', async (t) => {
  const it = await startWithClients(t)
  const browser = new TestBrowser()
  const page = await browser.go((await requestUrl(it, {})).href)
  const markup = await page.response.text()
  const token = /name="form_token" value="([^"]*)"/.exec(markup)?.[1] ?? ''
  const answer = await browser.request(`${page.at}/login`, {
    method: 'POST',
    headers: { origin: new URL(page.at).origin },
    body: new URLSearchParams({ form_token: token, login: 'ada@example.com', password: PASSWORD }),
  })
  assert.equal(answer.status, 303)
})

test('pages cannot be framed, run no foreign code, and are not kept', async (t) => {
  const it = await startWithClients(t)
  const browser = new TestBrowser()
  const { response, at } = await browser.go((await requestUrl(it, {})).href)
  for (const page of [response, (await browser.go(`${at}/register`)).response]) {
    assert.equal(page.status, 200)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.match(policy, /form-action 'self' http:\/\/localhost:9;/)
    assert.equal(page.headers.get('x-frame-options'), 'DENY')
    assert.equal(page.headers.get('cache-control'), 'no-store')
    assert.equal(page.headers.get('referrer-policy'), 'same-origin')
  }
})

test('a form that another page sends, or that lacks its token, is refused', async (t) => {
  const it = await startWithClients(t)
  const browser = new TestBrowser()
  const page = await browser.go((await requestUrl(it, {})).href)
  const markup = await page.response.text()
  const fields = { login: 'ada@example.com', password: PASSWORD }
  const send = (more: Record<string, string>, origin: string) =>
    browser.submit({ text: markup, at: page.at }, '/login', { ...fields, ...more }, { origin })
  const own = new URL(page.at).origin
  assert.equal((await send({ form_token: 'x' }, own)).response.status, 403)
  assert.equal((await send({}, 'https://evil.example')).response.status, 403)
  assert.equal((await send({}, 'null')).response.status, 403)
  const strange = await new TestBrowser().submit({ text: markup, at: page.at }, '/login', fields)
  assert.equal(strange.response.status, 400, 'another browser has no such sign-in')
  assert.notEqual((await send({}, own)).away, '')
})

test('other origins may call the token endpoint of their client, and never the authorization endpoint', async (t) => {
  const it = await startWithClients(t)
  const headers = { origin: 'https://app.example' }
  const token = await redeem(it, { code: 'x' }, headers)
  assert.equal(token.headers.get('access-control-allow-origin'), 'https://app.example')
  const evil = await redeem(it, { code: 'x' }, { origin: 'https://evil.example' })
  assert.equal(evil.headers.get('access-control-allow-origin'), null)
  const auth = await fetch(await requestUrl(it, {}), { headers, redirect: 'manual' })
  assert.equal(auth.headers.get('access-control-allow-origin'), null)
})

test('nothing on our pages leads to an address that a request names', async (t) => {
  const it = await startWithClients(t)
  const browser = new TestBrowser()
  const page = await browser.go((await requestUrl(it, { state: 'https://evil.example' })).href)
  const markup = await page.response.text()
  assert.ok(!markup.includes('evil.example'))
  const end = await browser.go(
    `${it.issuer}/session/end?post_logout_redirect_uri=https://evil.example/`,
  )
  assert.equal(end.away, '')
  const hinted = await browser.go(
    (await requestUrl(it, { login_hint: '"><script>alert(1)</script>' })).href,
  )
  assert.ok(!(await hinted.response.text()).includes('<script>alert'))
})

test('an unknown account and a wrong password are answered alike, and guessing is slowed down without locking', async (t) => {
  const it = await startWithClients(t)
  const attempt = async (login: string, password: string) => {
    const browser = new TestBrowser()
    const page = await browser.go((await requestUrl(it, {})).href)
    const text = await page.response.text()
    const { response, away } = await browser.submit({ text, at: page.at }, '/login', {
      login,
      password,
    })
    const said = /role="alert">([^<]*)</.exec(away === '' ? await response.text() : '')?.[1]
    return { status: response.status, said, isIn: away !== '' }
  }
  const unknown = await attempt('nobody@example.com', PASSWORD)
  const wrong = await attempt('ada@example.com', 'not this sentence')
  assert.deepEqual(unknown, wrong)
  for (let count = 0; count < 4; count++) await attempt('ada@example.com', 'wrong')
  assert.equal((await attempt('ada@example.com', PASSWORD)).status, 429)
  // From another network the owner comes in.
  const page = await new TestBrowser().go((await requestUrl(it, {})).href)
  assert.equal(page.response.status, 200)
})

test('what is oversized or deeply nested is refused and costs nobody else anything', async (t) => {
  const it = await startWithClients(t)
  const big = await redeem(it, { code: 'x'.repeat(2_000_000) })
  assert.ok(big.status === 400 || big.status === 413)
  const long = await fetch(`${it.issuer}/auth?state=${'x'.repeat(20_000)}`).then(
    ({ status }) => status,
    () => 431,
  )
  assert.ok([404, 414, 431].includes(long), String(long))
  const claims = `${'{"id_token":'.repeat(500)}null${'}'.repeat(500)}`
  const nested = await new TestBrowser().go((await requestUrl(it, { claims })).href)
  assert.notEqual(nested.response.status, 500)
  const browser = new TestBrowser()
  const page = await browser.go((await requestUrl(it, {})).href)
  const text = await page.response.text()
  const huge = await browser.submit({ text, at: page.at }, '/login', {
    login: 'x',
    password: 'x'.repeat(20_000),
  })
  assert.equal(huge.response.status, 413)
  assert.equal((await fetch(`${it.issuer}/jwks`)).status, 200)
  assert.deepEqual(
    it.logged.filter((line) => line.includes('"error"')),
    [],
  )
})

test('keys are rotated without a break: old tokens verify, new ones name the new key', async (t) => {
  const it = await startWithClients(t)
  const api = await discover(it, 'api', client.ClientSecretBasic('secret of api'))
  const before = decodeProtectedHeader((await client.clientCredentialsGrant(api)).access_token)
  await it.house.keeper.rotate()
  it.clock.shiftMs += 1_000
  await it.house.keeper.look()
  const after = decodeProtectedHeader((await client.clientCredentialsGrant(api)).access_token)
  assert.notEqual(before.kid, after.kid)
  const { keys } = (await (await fetch(`${it.issuer}/jwks`)).json()) as {
    keys: Record<string, string>[]
  }
  const kids = keys.map(({ kid }) => kid)
  assert.ok(kids.includes(before.kid) && kids.includes(after.kid))
  assert.ok(keys.every((key) => key['d'] === undefined))
})

test('what an unknown browser makes us store is gone within the hour', async (t) => {
  const it = await startWithClients(t)
  for (const path of ['/session/end', '/device']) {
    assert.equal((await fetch(`${it.issuer}${path}`)).status, 200)
  }
  it.clock.shiftMs += 3_601_000
  await it.house.entries.sweep()
  const [row] = await it.house.ledger.read('SELECT count(*) AS n FROM identity_entries')
  assert.equal(row?.['n'], 0)
})

test('a client whose tokens are bound to its key gets none that is not by an exchange', async (t) => {
  const it = await startWithClients(t)
  await it.apply({
    clients: [
      ...it.house.state.clients,
      testClient('bound', {
        secret: 'secret of bound',
        grants: ['token_exchange'],
        needsDpop: true,
      }),
    ],
  })
  const api = await discover(it, 'api', client.ClientSecretBasic('secret of api'))
  const subject = await client.clientCredentialsGrant(api)
  const bound = await discover(it, 'bound', client.ClientSecretBasic('secret of bound'))
  await assert.rejects(
    client.genericGrantRequest(bound, 'urn:ietf:params:oauth:grant-type:token-exchange', {
      subject_token: subject.access_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
    { error: 'invalid_grant' },
  )
})

test('a client that changes itself says its secret, and keeps it', async (t) => {
  const it = await startWithClients(t)
  const provider = it.house.web?.provider ?? assert.fail()
  const token = await new provider.InitialAccessToken({ expiresIn: 60 }).save()
  const send = (method: string, url: string, bearer: string, body: object) =>
    fetch(url, {
      method,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const registered = {
    redirect_uris: [BACK],
    grant_types: ['authorization_code', 'client_credentials'],
  }
  const made = (await (await send('POST', `${it.issuer}/reg`, token, registered)).json()) as Record<
    string,
    string
  >
  const { client_id: id = '', client_secret: secret = '' } = made
  let access = made['registration_access_token'] ?? ''
  const update = (more: object) =>
    send('PUT', `${it.issuer}/reg/${id}`, access, {
      ...registered,
      client_id: id,
      ...more,
    })
  assert.equal((await update({ client_secret: 'another one' })).status, 400)
  for (const more of [{ client_secret: secret }, {}]) {
    const changed = await update({ ...more, client_name: 'Another name' })
    assert.equal(changed.status, 200)
    const said = (await changed.json()) as Record<string, string>
    assert.equal(said['client_secret'], undefined)
    access = said['registration_access_token'] ?? ''
    const config = await discover(it, id, client.ClientSecretBasic(secret))
    assert.ok((await client.clientCredentialsGrant(config)).access_token)
  }
})

test('a key is published as long as the longest token of any audience lives', async (t) => {
  const it = await startWithClients(t)
  await it.apply({
    resources: [{ id: 'https://orders.example', scopes: [], lifetimeMs: 24 * 3_600_000 }],
  })
  await it.house.keeper.rotate()
  const [key] = it.house.keeper.keys()
  assert.ok(Number(key?.removedMs) - Number(key?.signsUntilMs) >= 24 * 3_600_000)
})

test('a recovery ends the sessions of whoever knew the old password', async (t) => {
  const it = await startWithClients(t)
  await codeFrom(it)
  const [before] = await it.house.entries.list('Session', it.accountId)
  assert.ok(before)
  const [code = ''] = await it.house.accounts.makeRecoveryCodes(it.accountId)
  const browser = new TestBrowser()
  const begun = await browser.go((await requestUrl(it, {})).href)
  const page = await browser.go(`${begun.at}/recover`)
  const text = await page.response.text()
  const fields = { login: 'ada@example.com', code, password: 'a sentence that is new' }
  const { away } = await browser.submit({ text, at: page.at }, '/recover', fields)
  assert.ok(new URL(away).searchParams.has('code'))
  const after = await it.house.entries.list('Session', it.accountId)
  assert.equal(after.length, 1)
  assert.notEqual(after[0]?.uid, before.uid)
})

test('a client that people are asked for learns roles only where they allowed it', async (t) => {
  const it = await startWithClients(t)
  await it.house.accounts.change(it.accountId, { roles: ['admin'], groups: ['staff'] })
  const claimsFor = async (id: string, scope: string) => {
    const fields = { client_id: id, scope, resource: 'urn:backplane:shop' }
    const code = await codeFrom(it, fields)
    const got = (await (await redeem(it, { code, client_id: id })).json()) as Record<string, string>
    return decodeJwt(got['access_token'] ?? '')
  }
  const { roles, groups } = await claimsFor('asks', 'openid')
  assert.deepEqual([roles, groups], [undefined, undefined])
  assert.deepEqual((await claimsFor('asks', 'openid roles'))['roles'], ['admin'])
  assert.deepEqual((await claimsFor('spa', 'openid'))['roles'], ['admin'])
})
