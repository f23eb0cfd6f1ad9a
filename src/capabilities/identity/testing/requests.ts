import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import * as client from 'openid-client'
import { TestBrowser } from './browser.ts'
import { startTestIssuer, testClient, type TestIssuer } from './house.ts'
import { BACK, PASSWORD, signIn } from './sign-in.ts'

/** An issuer with a client of every kind, and Ada. */
export async function startWithClients(
  t: TestContext,
): Promise<TestIssuer & { readonly accountId: string }> {
  const web = {
    redirectUris: [BACK, 'https://app.example/cb'],
    grants: ['authorization_code', 'refresh_token'],
    scopes: ['orders:read'],
  } as const
  const issuer = await startTestIssuer(t, {
    clients: [
      testClient('spa', web),
      testClient('web', { ...web, secret: 'secret of web', auth: 'client_secret_basic' }),
      testClient('post', { ...web, secret: 'secret of post', auth: 'client_secret_post' }),
      testClient('asks', { ...web, needsConsent: true }),
      testClient('other', { ...web, redirectUris: ['https://other.example/cb'] }),
      testClient('api', { secret: 'secret of api', scopes: ['orders:read'] }),
    ],
    resources: [{ id: 'https://orders.example', scopes: ['orders:read'], lifetimeMs: 60_000 }],
  })
  const account = await issuer.house.accounts.add({
    login: 'ada@example.com',
    name: 'Ada',
    email: 'ada@example.com',
    password: PASSWORD,
  })
  return { ...issuer, accountId: account?.id ?? assert.fail() }
}

/** The S256 challenge of a verifier. */
export const challenge = (verifier: string) => client.calculatePKCECodeChallenge(verifier)

/** The URL of a request, with a challenge unless it is taken away. */
export async function requestUrl(it: TestIssuer, parameters: Record<string, string | undefined>) {
  const url = new URL(`${it.issuer}/auth`)
  const all = {
    client_id: 'spa',
    response_type: 'code',
    redirect_uri: BACK,
    scope: 'openid',
    code_challenge: await challenge('v'.repeat(43)),
    code_challenge_method: 'S256',
    ...parameters,
  }
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  return url
}

/** One request at the token endpoint: a code of the public client, unless the fields say something else. */
export function redeem(
  it: TestIssuer,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'spa',
    redirect_uri: BACK,
    code_verifier: 'v'.repeat(43),
    ...fields,
  })
  return fetch(`${it.issuer}/token`, { method: 'POST', body, headers })
}

/** The error code in an answer. */
export const errorIn = async (response: Response) =>
  ((await response.json()) as { readonly error?: string }).error

/** Signs Ada in, for a code. */
export const codeFrom = async (
  it: TestIssuer,
  parameters: Record<string, string | undefined> = {},
) => {
  const back = await signIn(new TestBrowser(), await requestUrl(it, parameters))
  return back.searchParams.get('code') ?? assert.fail(back.href)
}
