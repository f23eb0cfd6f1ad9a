import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { TestBrowser } from '../../src/capabilities/identity/testing/browser.ts'
import { startTestIssuer, testClient } from '../../src/capabilities/identity/testing/house.ts'
import { BACK, PASSWORD, signIn } from '../../src/capabilities/identity/testing/sign-in.ts'
import { findGo, findPythonFrom } from './harness/clients.ts'
import { runProgram } from './harness/programs.ts'

/** An issuer, and a server beside it that signs Ada in for whoever brings an authorization URL: programs have no browser. */
async function start(t: TestContext) {
  const it = await startTestIssuer(t, {
    clients: [
      testClient('nightly', { secret: 'secret of nightly', scopes: ['orders:read'] }),
      testClient('web', {
        secret: 'secret of web',
        redirectUris: [BACK],
        grants: ['authorization_code', 'refresh_token'],
        scopes: ['orders:read'],
      }),
    ],
  })
  await it.house.accounts.add({
    login: 'ada@example.com',
    email: 'ada@example.com',
    password: PASSWORD,
  })
  const pages = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost').searchParams.get('url') ?? ''
    void signIn(new TestBrowser(), new URL(url)).then(({ href }) =>
      response.end(JSON.stringify({ Away: href })),
    )
  })
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  t.after(() => {
    pages.closeAllConnections()
    pages.close()
  })
  const { port } = pages.address() as { port: number }
  return { issuer: it.issuer, pages: `http://localhost:${port}/` }
}

test('Go: x/oauth2 and go-oidc sign in, refresh, and verify our tokens', async (t) => {
  const program = await findGo(t, 'identity', 'go-oidc')
  if (program === undefined) return
  const { issuer, pages } = await start(t)
  assert.equal(await runProgram(program, { args: [issuer, pages] }), 'done')
})

test('Python: authlib signs in, refreshes, introspects and revokes', async (t) => {
  const program = await findPythonFrom(t, 'identity')
  if (program === undefined) return
  const { issuer, pages } = await start(t)
  const env = { AUTHLIB_INSECURE_TRANSPORT: '1' }
  assert.equal(await runProgram(program, { args: [issuer, pages], env }), 'done')
})

test('oauth4webapi checks every answer of the code flow, and jose verifies by our key set', async (t) => {
  const it = await start(t)
  const insecure = { [oauth.allowInsecureRequests]: true }
  const url = new URL(it.issuer)
  const server = await oauth.processDiscoveryResponse(
    url,
    await oauth.discoveryRequest(url, insecure),
  )
  const client = { client_id: 'web' }
  const auth = oauth.ClientSecretBasic('secret of web')
  const verifier = oauth.generateRandomCodeVerifier()
  const pushed = await oauth.processPushedAuthorizationResponse(
    server,
    client,
    await oauth.pushedAuthorizationRequest(
      server,
      client,
      auth,
      new URLSearchParams({
        response_type: 'code',
        redirect_uri: BACK,
        scope: 'openid orders:read',
        nonce: 'nonce',
        state: 'state',
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }),
      insecure,
    ),
  )
  const ask = new URL(server.authorization_endpoint ?? '')
  ask.searchParams.set('client_id', 'web')
  ask.searchParams.set('request_uri', pushed.request_uri)
  const back = await signIn(new TestBrowser(), ask)
  const answered = oauth.validateAuthResponse(server, client, back, 'state')
  const tokens = await oauth.processAuthorizationCodeResponse(
    server,
    client,
    await oauth.authorizationCodeGrantRequest(
      server,
      client,
      auth,
      answered,
      BACK,
      verifier,
      insecure,
    ),
    { expectedNonce: 'nonce', requireIdToken: true },
  )
  const keys = createRemoteJWKSet(new URL(server.jwks_uri ?? ''))
  await jwtVerify(tokens.access_token, keys, { audience: 'urn:backplane:shop', typ: 'at+jwt' })
  await jwtVerify(tokens.id_token ?? '', keys, { audience: 'web', issuer: it.issuer })
  // What was pushed is good once.
  const again = await new TestBrowser().go(ask.href)
  assert.equal(new URL(again.away).searchParams.get('error'), 'invalid_request_uri')
})
