import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { AuthSpec } from '../../contracts/auth.ts'
import type { PolicySpec } from '../../contracts/policies.ts'
import { createSigner, makeToken } from '../auth/testing/signer.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { routeSpec } from '../testing/specs.ts'

const none = { scopes: [], roles: [], claims: [] }
const spec: AuthSpec = {
  needs: 'any',
  ways: [
    {
      way: 'jwt',
      issuers: ['shop'],
      audiences: [],
      typ: '',
      skewSeconds: 0,
      ageSecondsMax: 0,
      ...none,
    },
    {
      way: 'key',
      header: 'x-api-key',
      keys: [
        {
          id: 'partner',
          sha256: createHash('sha256').update('a key').digest('hex'),
          scopes: [],
          roles: [],
        },
      ],
      ...none,
    },
  ],
  realm: 'shop',
  forward: [['sub', 'x-user']],
  passesCredentials: false,
}
const auth: PolicySpec = { kind: 'auth', source: 'backplane.yaml:9', spec }
const issuer = 'https://id.example.com'

function tokenOf(signer: ReturnType<typeof createSigner>): string {
  const claims = { iss: issuer, sub: 'u1', exp: Math.floor(Date.now() / 1_000) + 60 }
  return makeToken({ alg: 'ES256', kid: signer.kid }, claims, {
    alg: 'ES256',
    key: signer.privateKey,
  })
}

test('who calls is known to the service, by headers that no client can send; keys change under way', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies: [auth] })] },
  })
  const first = createSigner('P-256', 'k1')
  const ask = async (lines: string): Promise<string> => {
    const { socket, reader } = say(t, gateway, get('/1', `${lines}Connection: close\r\n`))
    const answer = await reader.closed()
    socket.destroy()
    return answer
  }
  const bearer = (signer: typeof first): string => `Authorization: Bearer ${tokenOf(signer)}\r\n`
  assert.equal(reasonIn(await ask(bearer(first))), 'ERR_GATEWAY_AUTH_UNAVAILABLE')

  const keys = { name: 'shop', issuer, asked: 1 }
  await gateway.update([{ op: 'issuer', issuer: { ...keys, keys: first.keys } }])
  assert.match(await ask(`${bearer(first)}X-User: root\r\n`), /^HTTP\/1\.1 200 /)
  const head = upstream.heads.at(-1)!
  assert.match(head, /\r\nx-user: u1\r\n/)
  assert.doesNotMatch(head, /root|authorization/i)
  assert.match(await ask('X-Api-Key: a key\r\n'), /^HTTP\/1\.1 200 /)
  assert.match(upstream.heads.at(-1)!, /\r\nx-user: partner\r\n/)

  const refused = await ask('')
  assert.match(refused, /^HTTP\/1\.1 401 [^]*\r\nwww-authenticate: Bearer realm="shop"\r\n/i)
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_UNAUTHENTICATED')
  const forged = await ask(`${bearer(createSigner('P-256', 'k1'))}`)
  assert.doesNotMatch(forged, /signature/)
  const [record] = gateway.recent(1)
  assert.match(record!.detail, /signature of the token is not right/)
  assert.match(record!.policies[0]!.decision, /signature/)

  // A new key: the request waits for it, is served, and only one wish was told.
  const second = createSigner('P-256', 'k2')
  const waiting = ask(bearer(second))
  while (!gateway.said.some(({ type }) => type === 'key-wanted'))
    await new Promise((resolve) => void setImmediate(resolve))
  await gateway.update([{ op: 'issuer', issuer: { ...keys, keys: second.keys, asked: 2 } }])
  assert.match(await waiting, /^HTTP\/1\.1 200 /)
  assert.equal(reasonIn(await ask(bearer(first))), 'ERR_GATEWAY_UNAUTHENTICATED')
  assert.equal(gateway.said.filter(({ type }) => type === 'key-wanted').length, 1)
})

test('who calls cannot be said behind the body either, nor can an answer there what a policy removes', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const none = { set: [], add: [], remove: [] }
  const headers: PolicySpec = {
    kind: 'headers',
    source: 'backplane.yaml:10',
    spec: { request: none, response: { ...none, remove: ['x-secret'] } },
  }
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies: [auth, headers] })] },
  })
  const chunked = 'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n'
  const { reader } = say(
    t,
    gateway,
    `POST /1 HTTP/1.1\r\nHost: shop.example\r\nTE: trailers\r\nX-Api-Key: a key\r\n${chunked}X-User: root\r\nx_user: root\r\nX-Api-Key: a key\r\nX-Sum: 7\r\n\r\n`,
  )
  const there = await upstream.accept()
  const text = await there.reader.until(/\r\n0\r\n[^]*\r\n\r\n/)
  assert.match(text, /\r\nx-user: partner\r\n[^]*\r\nx-sum: 7\r\n\r\n$/i)
  assert.doesNotMatch(text, /root|a key/)
  there.socket.write(`HTTP/1.1 200 OK\r\n${chunked}X-Secret: s\r\nX-Sum: 8\r\n\r\n`)
  assert.match(await reader.until(/\r\n0\r\n[^]*\r\n\r\n/), /\r\n0\r\nX-Sum: 8\r\n\r\n$/)
})
