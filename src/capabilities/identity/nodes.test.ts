import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import * as client from 'openid-client'
import { TestBrowser } from './testing/browser.ts'
import { startTestIssuer, testClient } from './testing/house.ts'
import { startTestPostgres } from './testing/postgres.ts'
import { authorize, BACK, discover, PASSWORD } from './testing/sign-in.ts'

const ROUNDS = 20

test('two nodes share one PostgreSQL: keys, accounts, sessions, and single use that is single over both', async (t) => {
  const server = await startTestPostgres()
  if (server === undefined) return t.skip("SKIPPED: Debian's postgresql is missing (npm run peers)")
  t.after(() => server.stop())
  const shared = {
    postgres: server.database('shared'),
    masterKey: 'one key for both, of at least 32 characters',
    clients: [
      testClient('spa', {
        redirectUris: [BACK],
        grants: ['authorization_code', 'refresh_token'],
        scopes: ['orders:read'],
      }),
    ],
  }
  const first = await startTestIssuer(t, shared)
  const second = await startTestIssuer(t, { ...shared, issuer: first.issuer })
  assert.deepEqual(
    first.house.keeper.keys().map(({ kid }) => kid),
    second.house.keeper.keys().map(({ kid }) => kid),
  )
  await second.house.accounts.add({ login: 'ada@example.com', password: PASSWORD })
  const config = await discover(first, 'spa')
  const { tokens } = await authorize(config, new TestBrowser(), { scope: 'openid orders:read' })
  const kids = first.house.keeper.keys().map(({ kid }) => kid)
  assert.ok(kids.includes(decodeProtectedHeader(tokens.access_token).kid ?? ''))

  const refresh = async (origin: string, token: string) => {
    const response = await fetch(`${origin}/identity/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'spa',
        refresh_token: token,
      }),
    })
    return (await response.json()) as { readonly refresh_token?: string; readonly error?: string }
  }
  const origins = [new URL(first.issuer).origin, second.origin]
  let token = tokens.refresh_token ?? assert.fail()
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await Promise.all(
      [...origins, ...origins].map((origin) => refresh(origin, token)),
    )
    const successors = new Set(answers.map((answer) => answer.refresh_token ?? answer.error))
    assert.equal(successors.size, 1, JSON.stringify(answers))
    token = [...successors][0] ?? assert.fail()
  }
  const [grant] = await second.house.entries.list('Grant')
  await Promise.all([
    ...origins.map((origin) => refresh(origin, token)),
    first.house.entries.revokeGrant(grant?.id ?? ''),
  ])
  for (const origin of origins) assert.equal((await refresh(origin, token)).error, 'invalid_grant')
  await assert.rejects(client.refreshTokenGrant(config, token), { error: 'invalid_grant' })
})
