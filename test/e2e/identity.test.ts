import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { TestBrowser } from '../../src/capabilities/identity/testing/browser.ts'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'

const PASSWORD = 'a sentence is better than a word'
const BACK = 'http://localhost:9/back'

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

/** A system with an issuer; the console asks for a token, the issuer does not. */
async function start(
  more = '',
): Promise<Running & { readonly issuer: string; readonly token: string }> {
  const port = await freePort()
  const token = 'token-of-the-console-1'
  const issuer = `http://localhost:${port}/identity`
  const running = await startBackplane({
    env: { CONSOLE: token, NIGHTLY: 'secret-of-nightly' },
    config: `
listen: { default: off, console: ${port}, gateway: 0, identity: 0 }
admin: { token: { env: CONSOLE } }
identity:
  issuer: ${issuer}
  accounts: { memory: 8, passes: 1, register: true }
  lifetimes: { grace: 60s }
  clients:
    - { id: nightly, secret: { env: NIGHTLY }, scopes: [orders:read] }
    - { id: spa, redirectUris: ["${BACK}"], scopes: [orders:read] }
${more}`,
  })
  return Object.assign(running, { issuer, token })
}

const discover = (issuer: string, id: string, auth: client.ClientAuth = client.None()) =>
  client.discovery(new URL(issuer), id, undefined, auth, {
    execute: [client.allowInsecureRequests],
  })

/** Makes an account in the pages, and returns the tokens of the client. */
async function registerAndSignIn(config: client.Configuration, login: string) {
  const verifier = client.randomPKCECodeVerifier()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BACK,
    scope: 'openid orders:read',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const browser = new TestBrowser()
  const first = await browser.go(url.href)
  const page = await browser.go(`${first.at}/register`)
  const { away } = await browser.submit(
    { text: await page.response.text(), at: page.at },
    '/register',
    { login, password: PASSWORD },
  )
  return client.authorizationCodeGrant(config, new URL(away), { pkceCodeVerifier: verifier })
}

test('the issuer is on the console without the console token, its admin routes are not, and the command adds a client', async () => {
  await using it = await start()
  const nightly = await discover(
    it.issuer,
    'nightly',
    client.ClientSecretBasic('secret-of-nightly'),
  )
  const tokens = await client.clientCredentialsGrant(nightly, { scope: 'orders:read' })
  const keys = createRemoteJWKSet(new URL(nightly.serverMetadata().jwks_uri ?? ''))
  await jwtVerify(tokens.access_token, keys, { issuer: it.issuer, typ: 'at+jwt' })
  const metadata = new URL('/.well-known/oauth-authorization-server/identity', it.issuer)
  assert.equal(((await (await fetch(metadata)).json()) as { issuer: string }).issuer, it.issuer)
  assert.equal((await fetch(new URL('/api/v1/identity/clients', it.issuer))).status, 401)
  assert.equal((await fetch(new URL('/identity-other', it.issuer))).status, 401)
  // The listener for the gateway answers alike.
  const own = await fetch(`http://${it.ready.listen['identity']}/identity/jwks`)
  assert.equal(own.status, 200)

  const env = { BACKPLANE_TOKEN: it.token }
  const added = await runCli(['identity', 'client', 'add', 'batch', '--json'], it.folder, env)
  const { secret } = JSON.parse(added.stdout) as { secret: string }
  const batch = await discover(it.issuer, 'batch', client.ClientSecretBasic(secret))
  assert.ok((await client.clientCredentialsGrant(batch)).access_token)
  await runCli(['identity', 'client', 'remove', 'batch'], it.folder, env)
  await assert.rejects(client.clientCredentialsGrant(batch), { status: 401 })
  const bad = await runCli(
    ['identity', 'client', 'add', 'evil', '--redirect', 'http://evil.example/cb'],
    it.folder,
    env,
  )
  assert.match(bad.stderr, /https:\/\/ beyond loopback.*ERR_IDENTITY_CLIENT_INVALID/)
})

test('killed with -9 under load: what was acknowledged is there, nobody is signed out, and nothing secret is in logs or in the store', async () => {
  await using it = await start()
  const spa = await discover(it.issuer, 'spa')
  const first = await Promise.all(
    Array.from({ length: 6 }, (_, at) => registerAndSignIn(spa, `person-${at}`)),
  )
  const secrets = new Set([PASSWORD, 'secret-of-nightly'])
  const newest = first.map((tokens) => tokens.refresh_token ?? assert.fail())
  let isOver = false
  let refreshes = 0
  const work = newest.map(async (_, at) => {
    while (!isOver) {
      const token = newest[at] ?? ''
      secrets.add(token)
      try {
        const next = await client.refreshTokenGrant(spa, token)
        newest[at] = next.refresh_token ?? assert.fail()
        secrets.add(next.access_token)
        refreshes++
      } catch (error) {
        // An answer that says no would be a loss; one that does not come is a kill.
        assert.notEqual((error as { error?: string }).error, 'invalid_grant')
      }
    }
  })
  const pid = (it.ready.pids as unknown as Record<string, number>)['identity'] ?? 0
  await until(() => refreshes > 20, 'refreshes')
  process.kill(pid, 'SIGKILL')
  const before = refreshes
  await until(() => refreshes > before + 20, 'refreshes after the kill')
  isOver = true
  await Promise.all(work)
  for (const token of newest) {
    const next = await client.refreshTokenGrant(spa, token)
    assert.ok(next.access_token)
  }
  const files = filesIn(join(it.folder, '.backplane')).filter((file) => !file.endsWith('.sock'))
  assert.ok(files.some((file) => file.endsWith('identity.sqlite')))
  for (const file of files) {
    const text = readFileSync(file, 'latin1')
    for (const secret of secrets) assert.ok(!text.includes(secret), `${file} holds a secret`)
    if (/identity\/(master\.key|identity\.sqlite)$/.test(file)) {
      assert.equal(statSync(file).mode & 0o077, 0, file)
    }
  }
  for (const secret of secrets) assert.ok(!it.output().includes(secret))
})

test('the gateway trusts our tokens with no more said, through a rotation, and while identity and control are away', async () => {
  await using it = await start(`
services: {}
gateway:
  routes:
    - path: /orders
      auth: { jwt: { scopes: [orders:read] } }
      respond: { status: 200, body: orders }
`)
  const nightly = await discover(
    it.issuer,
    'nightly',
    client.ClientSecretBasic('secret-of-nightly'),
  )
  const ask = async (token: string) =>
    (await fetch(`${it.gateway}/orders`, { headers: { authorization: `Bearer ${token}` } })).status
  const fresh = async (scope = 'orders:read') =>
    (await client.clientCredentialsGrant(nightly, { scope })).access_token
  const first = await fresh()
  assert.equal(await ask(first), 200)
  assert.equal(await ask(await fresh('')), 403)
  assert.equal(await ask(`${first.slice(0, -4)}AAAA`), 401)
  assert.equal((await fetch(`${it.gateway}/orders`)).status, 401)

  const env = { BACKPLANE_TOKEN: it.token }
  const rotated = await runCli(['identity', 'key', 'rotate', '--json'], it.folder, env)
  const { keys } = JSON.parse(rotated.stdout) as { keys: { kid: string }[] }
  assert.equal(keys.length, 4)
  const next = await until(async () => {
    const token = await fresh()
    assert.equal(await ask(token), 200)
    return decodeProtectedHeader(token).kid === decodeProtectedHeader(first).kid ? false : token
  }, 'a token of the new key')
  assert.equal(await ask(first), 200)

  const pids = it.ready.pids as unknown as Record<string, number>
  process.kill(pids['identity'] ?? 0, 'SIGKILL')
  assert.deepEqual([await ask(first), await ask(next)], [200, 200])
  process.kill(it.ready.pids.control, 'SIGKILL')
  let asked = 0
  const isBack = until(
    async () => (await fetch(`${it.issuer}/jwks`)).status === 200,
    'control and identity to be back',
  )
  let isOver = false
  const load = (async () => {
    while (!isOver) {
      assert.equal(await ask(next), 200)
      asked++
    }
  })()
  await isBack.catch(() => undefined)
  await until(async () => fresh().catch(() => false as const), 'new tokens')
  isOver = true
  await load
  assert.ok(asked > 10)
  assert.equal(await ask(await fresh()), 200)
})

test('behind the gateway: people sign in there, and a changed file adds a client without a break', async () => {
  const [gateway, own] = [await freePort(), await freePort()]
  const issuer = `http://localhost:${gateway}/identity`
  const config = (clients: string) => `
listen: { default: off, console: 0, gateway: ${gateway}, identity: ${own} }
identity:
  issuer: ${issuer}
  accounts: { memory: 8, passes: 1, register: true }
  clients:
    - { id: spa, redirectUris: ["${BACK}"], scopes: [orders:read] }
${clients}
services:
  identity: { at: ["127.0.0.1:${own}"] }
gateway:
  routes:
    - { path: /identity/**, to: identity }
`
  await using it = await startBackplane({ config: config('') })
  const spa = await discover(issuer, 'spa')
  const tokens = await registerAndSignIn(spa, 'grace')
  assert.ok(tokens.claims()?.sub)
  const batch = '    - { id: batch, secret: { env: BATCH } }'
  await writeFile(join(it.folder, '.env'), 'BATCH=secret-of-batch\n')
  await it.configure(config(batch))
  const added = await discover(issuer, 'batch', client.ClientSecretBasic('secret-of-batch'))
  await until(
    async () => client.clientCredentialsGrant(added).catch(() => false as const),
    'the client of the changed file',
  )
  // The session of the person has survived the change of the server.
  assert.ok((await client.refreshTokenGrant(spa, tokens.refresh_token ?? '')).access_token)
})

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
