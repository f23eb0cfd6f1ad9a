import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createSigner, makeToken } from '../../src/dataplane/auth/testing/signer.ts'
import { startBackplane, until } from '../harness/backplane.ts'

type Signer = ReturnType<typeof createSigner>

/** What control has stored of the one quota. */
function storedQuota(folder: string): number {
  const database = new DatabaseSync(join(folder, '.backplane/state.sqlite'), { readOnly: true })
  try {
    return Number(database.prepare('SELECT used FROM quotas').get()?.['used'] ?? 0)
  } catch {
    return 0
  } finally {
    database.close()
  }
}

test('keys of an issuer are found, followed, kept while it is away and over restarts; quotas go on', async (t) => {
  const first = createSigner('P-256', 'first')
  const second = createSigner('P-256', 'second')
  let published: readonly Signer[] = [first]
  let isAway = false
  const identity = createServer((request, response) => {
    if (isAway) return void request.socket.destroy()
    const document = { issuer: origin, jwks_uri: `${origin}/keys` }
    const keys = published.map(({ jwk }) => jwk)
    response.end(JSON.stringify(request.url === '/keys' ? { keys } : document))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => void identity.once('listening', resolve))
  t.after(() => {
    identity.closeAllConnections()
    identity.close()
  })
  const origin = `http://127.0.0.1:${(identity.address() as AddressInfo).port}`
  const config = `listen: { default: off, gateway: 0, console: 0 }
services: {}
gateway:
  issuers: { shop: { issuer: "${origin}", refresh: 10s, cooldown: 1s } }
  routes:
    - path: /me
      auth: { jwt: { audience: orders } }
      quota: { requests: 5, per: month }
      respond: { body: "welcome" }
`
  const tokenOf = ({ privateKey, kid }: Signer): string => {
    const claims = {
      iss: origin,
      aud: 'orders',
      sub: 'ann',
      exp: Math.floor(Date.now() / 1_000) + 600,
    }
    return makeToken({ alg: 'ES256', kid, typ: 'at+jwt' }, claims, {
      alg: 'ES256',
      key: privateKey,
    })
  }
  const ask = async (gateway: string, signer: Signer): Promise<Response> =>
    fetch(`${gateway}/me`, { headers: { authorization: `Bearer ${tokenOf(signer)}` } })
  let folder = ''
  {
    await using backplane = await startBackplane({ config, keepFolder: true })
    ;({ folder } = backplane)
    const statusOf = async (signer: Signer): Promise<number> =>
      (await ask(backplane.gateway, signer)).status
    await until(async () => (await statusOf(first)) === 200, 'the first key', 30_000)
    assert.equal(await statusOf(second), 401)
    published = [first, second]
    // The first request with the new key asks for it and waits, as soon as the issuer may be asked again.
    await until(async () => (await statusOf(second)) === 200, 'the second key', 30_000)
    isAway = true
    const { gateway } = backplane
    process.kill(backplane.ready.pids.control, 'SIGKILL')
    assert.equal((await ask(gateway, second)).status, 200)
    // The last second of a quota may be lost with a process: wait for what is told.
    await until(() => storedQuota(folder) === 3, 'the quota to be stored', 30_000)
    await backplane.stop()
  }
  await using again = await startBackplane({ config, folder })
  const answers: number[] = []
  for (let turn = 0; turn < 3; turn++) answers.push((await ask(again.gateway, second)).status)
  assert.deepEqual(answers, [200, 200, 429])
  const problems = await fetch(`${again.admin}/api/v1/problems`)
  if (problems.ok) assert.match(await problems.text(), /ERR_GATEWAY_ISSUER_FETCH/)
})
