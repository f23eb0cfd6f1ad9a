import * as client from 'openid-client'
import { TestBrowser } from './browser.ts'
import type { TestIssuer } from './house.ts'

/** Where clients of tests are answered: nobody is there. */
export const BACK = 'http://localhost:9/back'
/** Of the people of tests. */
export const PASSWORD = 'a sentence is better'

/** The client's view of the issuer. */
export function discover(
  { issuer }: Pick<TestIssuer, 'issuer'>,
  id: string,
  auth: client.ClientAuth = client.None(),
): Promise<client.Configuration> {
  return client.discovery(new URL(issuer), id, undefined, auth, {
    execute: [client.allowInsecureRequests],
  })
}

/** Through the pages of sign-in and consent, to where the client is answered. */
export async function signIn(
  browser: TestBrowser,
  url: URL,
  login = 'ada@example.com',
): Promise<URL> {
  const page = await browser.go(url.href)
  if (page.away !== '') return new URL(page.away)
  const markup = await page.response.text()
  const { away, response, at } = await browser.submit({ text: markup, at: page.at }, '/login', {
    login,
    password: PASSWORD,
  })
  if (away !== '') return new URL(away)
  const consent = await response.text()
  return new URL((await browser.submit({ text: consent, at }, '/consent', {})).away)
}

/** The whole code flow: the answer of the token endpoint, and what led to it. */
export async function authorize(
  config: client.Configuration,
  browser: TestBrowser,
  parameters: Readonly<Record<string, string>>,
  options: client.DPoPOptions & { readonly push?: true } = {},
) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const asked = {
    redirect_uri: BACK,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...parameters,
  }
  const url =
    options.push === true
      ? await client.buildAuthorizationUrlWithPAR(config, asked, options)
      : client.buildAuthorizationUrl(config, asked)
  const back = await signIn(browser, url)
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, options)
  return { back, checks, tokens }
}
