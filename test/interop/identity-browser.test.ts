import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import * as client from 'openid-client'
import { chromium, type Browser, type Page } from 'playwright-core'
import { startTestIssuer, testClient } from '../../src/capabilities/identity/testing/house.ts'
import { discover } from '../../src/capabilities/identity/testing/sign-in.ts'
import { CHROMIUM, FLAGS, reasonToSkip } from '../console/browser.ts'

const skip = reasonToSkip()
const PASSWORD = 'a sentence is better than a word'

/** An application that shows where it was answered. */
async function startApplication(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<title>app</title><h1>app</h1><p id="at">${encodeURI(request.url ?? '')}</p>`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://localhost:${(server.address() as { port: number }).port}`
}

async function startChromium(t: TestContext): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'backplane-identity-browser-'))
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: FLAGS,
    env: { ...process.env, HOME: profile },
  })
  t.after(async () => {
    await browser.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  return browser
}

async function setUp(t: TestContext, { javaScriptEnabled = true } = {}) {
  const app = await startApplication(t)
  const it = await startTestIssuer(t, {
    clients: [
      testClient('shop', {
        name: 'The shop',
        redirectUris: [`${app}/back`],
        logoutUris: [`${app}/bye`],
        grants: ['authorization_code', 'refresh_token'],
        needsConsent: true,
      }),
    ],
  })
  await it.house.accounts.add({ login: 'ada', name: 'Ada', password: PASSWORD })
  const browser = await startChromium(t)
  const context = await browser.newContext({ javaScriptEnabled })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  const config = await discover(it, 'shop')
  const begin = async (scope = 'openid profile') => {
    const verifier = client.randomPKCECodeVerifier()
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: `${app}/back`,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    await page.goto(url.href)
    return async () => {
      await page.waitForURL(`${app}/back?*`)
      return client.authorizationCodeGrant(config, new URL(page.url()), {
        pkceCodeVerifier: verifier,
      })
    }
  }
  return { app, it, page, begin, config, complaints, context }
}

async function typePassword(page: Page): Promise<void> {
  await page.getByLabel('Name or e-mail').fill('ada')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

test('Chromium without JavaScript: sign in, consent, account page, logout', { skip }, async (t) => {
  const { page, begin, app, it, config, complaints } = await setUp(t, { javaScriptEnabled: false })
  const finish = await begin()
  await page.getByLabel('Name or e-mail').fill('ada')
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  assert.equal(await page.getByRole('alert').textContent(), 'Name or password is wrong.')
  complaints.length = 0
  await typePassword(page)
  assert.equal(await page.getByRole('heading').textContent(), 'Allow access?')
  assert.match((await page.textContent('main')) ?? '', /The shop wants to:/)
  await page.getByRole('button', { name: 'Allow' }).click()
  const tokens = await finish()
  assert.equal(tokens.claims()?.['name'], 'Ada')

  await page.goto(`${it.issuer}/account`)
  assert.match((await page.textContent('main')) ?? '', /This browser, since/)
  await page.getByRole('button', { name: 'Take access away' }).click()
  await page.getByText('Nothing.').waitFor()
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? 'none'))

  await page.goto(
    client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: `${app}/bye`,
    }).href,
  )
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(`${app}/bye`)
  assert.deepEqual(complaints, [])
})

test(
  'Chromium with a passkey: added at the account page, then it signs in without a password',
  { skip },
  async (t) => {
    const { page, begin, it, context, complaints } = await setUp(t)
    const devtools = await context.newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    await page.goto(`${it.issuer}/account`)
    await typePassword(page)
    await page.getByRole('button', { name: 'Add a passkey' }).click()
    await page.getByText('A passkey, since').waitFor()
    await context.clearCookies()
    const finish = await begin('openid')
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    const tokens = await finish()
    assert.ok(tokens.claims()?.sub)
    assert.deepEqual(complaints, [])
  },
)
