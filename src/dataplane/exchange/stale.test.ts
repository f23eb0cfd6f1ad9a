import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { PolicySpec } from '../../contracts/policies.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream } from '../testing/sockets.ts'
import { instanceSpec, routeSpec } from '../testing/specs.ts'

const stale = { ageMsMax: 60_000, bytesMax: 10_000, bodyBytesMax: 1_000 }

/** A service that answers what the test says, until it is taken away. */
async function house(t: Parameters<typeof startGateway>[0], answerTo: (head: string) => string) {
  const upstream = await startAnsweringUpstream(answerTo)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { fallback: { service: '', stale, answer } },
  })
  const { id } = instanceSpec(upstream.port)
  return {
    gateway,
    ask: async (bytes: string): Promise<string> => {
      const { reader, socket } = say(t, gateway, bytes)
      const got = await reader.until(/\r\n\r\n[^]*!/)
      socket.destroy()
      return got
    },
    leave: () => gateway.update([{ op: 'instance-gone', service: 'echo', id }]),
  }
}
const answer = { status: 202, contentType: 'text/plain', body: 'fixed!' }
const ok = (lines: string, body: string): string =>
  `HTTP/1.1 200 OK\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`

test('the last answer stands in, as it was, with its age and the reason', async (t) => {
  const world = await house(t, (head) =>
    head.includes('/chunked')
      ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "7"\r\n\r\n3\r\nab\xe9\r\n1\r\n!\r\n0\r\n\r\n'
      : ok('Content-Type: text/x\r\nX-Mine: 1\r\nVary: Accept\r\n', `it is ${head.slice(4, 8)}!`),
  )
  const one = get('/one', 'Accept: a\r\n')
  assert.match(await world.ask(one), /X-Mine: 1[^]*it is \/one!$/)
  await world.ask(get('/chunked'))
  await world.leave()
  const late = await world.ask(one)
  assert.match(late, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(late, /\r\nx-mine: 1\r\n[^]*\r\nage: \d+\r\n[^]*it is \/one!$/)
  assert.match(late, /\r\ncontent-type: text\/x\r\n/)
  assert.equal(reasonIn(late), 'ERR_GATEWAY_NO_INSTANCE')
  assert.match(await world.ask(get('/chunked')), /\r\netag: "7"\r\n[^]*\r\n\r\nab\xe9!$/)
  const [record] = world.gateway.recent(1)
  assert.ok(record!.policies.some(({ decision }) => decision === 'its last answer'))
  assert.match(await world.ask(get('/one', 'Accept: b\r\n')), /^HTTP\/1\.1 202 [^]*fixed!$/)
  assert.match(await world.ask(get('/two')), /fixed!$/)
  const post = 'POST /one HTTP/1.1\r\nHost: shop.example\r\nAccept: a\r\nContent-Length: 0\r\n\r\n'
  assert.match(await world.ask(post), /fixed!$/)
})

for (const [what, request, lines, body] of [
  ['forbidden by Cache-Control', get(), 'Cache-Control: private\r\n', 'mine!'],
  ['for a caller that says who it is', get('/', 'Authorization: Bearer x\r\n'), '', 'mine!'],
  ['for a caller with a cookie', get('/', 'Cookie: a=b\r\n'), '', 'mine!'],
  ['too large', get(), '', `${'x'.repeat(1_000)}!`],
  ['a part of something', get('/', 'Range: bytes=0-4\r\n'), '', 'mine!'],
] as const) {
  test(`nothing is kept that is ${what}`, async (t) => {
    const world = await house(t, () => ok(lines, body))
    assert.ok((await world.ask(request)).endsWith(body))
    await world.leave()
    assert.match(await world.ask(request), /fixed!$/)
  })
}

test('half an answer is none', async (t) => {
  const world = await house(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf!')
  await world.ask(get())
  await world.leave()
  assert.match(await world.ask(get()), /fixed!$/)
})

test('the answer to one caller is not given to another whose credentials stay at the gateway', async (t) => {
  const upstream = await startAnsweringUpstream((head) => {
    const user = /x-user: (\w+)/.exec(head)?.[1] ?? 'nobody'
    const cache = head.includes('/public') ? 'Cache-Control: public\r\n' : ''
    return ok(cache, `mail of ${user}!`)
  })
  t.after(() => upstream.close())
  const keys = ['alice', 'bob'].map((id) => ({
    id,
    sha256: createHash('sha256').update(id).digest('hex'),
    scopes: [],
    roles: [],
  }))
  const auth: PolicySpec = {
    kind: 'auth',
    source: 'backplane.yaml:9',
    spec: {
      needs: 'any',
      ways: [{ way: 'key', header: 'x-api-key', keys, scopes: [], roles: [], claims: [] }],
      realm: 'shop',
      forward: [['sub', 'x-user']],
      passesCredentials: false,
    },
  }
  const gateway = await startGateway(t, [upstream.port], {
    service: { fallback: { service: '', stale, answer } },
    gateway: { routes: [routeSpec({ policies: [auth] })] },
  })
  const ask = async (path: string, key: string): Promise<string> => {
    const { reader, socket } = say(t, gateway, get(path, `X-Api-Key: ${key}\r\n`))
    const got = await reader.until(/\r\n\r\n[^]*!/)
    socket.destroy()
    return got
  }
  assert.match(await ask('/mail', 'alice'), /mail of alice!$/)
  assert.match(await ask('/public', 'alice'), /mail of alice!$/)
  await gateway.update([
    { op: 'instance-gone', service: 'echo', id: instanceSpec(upstream.port).id },
  ])
  assert.match(await ask('/mail', 'bob'), /fixed!$/)
  assert.match(await ask('/public', 'bob'), /mail of alice!$/)
})

test('what policies say of answers holds for the last one, too', async (t) => {
  const lines = 'X-Secret: s\r\nX_Secret: s\r\nX-Mine: 1\r\n'
  const upstream = await startAnsweringUpstream(() => ok(lines, 'it!'))
  t.after(() => upstream.close())
  const none = { set: [], add: [], remove: [] }
  const headers: PolicySpec = {
    kind: 'headers',
    source: 'backplane.yaml:9',
    spec: {
      request: none,
      response: { ...none, set: [['x-frame', 'deny']], remove: ['x-secret'] },
    },
  }
  const gateway = await startGateway(t, [upstream.port], {
    service: { fallback: { service: '', stale, answer } },
    gateway: { routes: [routeSpec({ policies: [headers] })] },
  })
  const ask = async (): Promise<string> => {
    const { reader, socket } = say(t, gateway, get())
    const got = await reader.until(/it!$/)
    socket.destroy()
    return got.toLowerCase()
  }
  const told = (got: string): readonly (readonly string[] | null)[] =>
    [/x-frame: deny/g, /secret/g, /x-mine: 1/g].map((line) => got.match(line))
  const first = told(await ask())
  assert.equal(first[1], null)
  await gateway.update([
    { op: 'instance-gone', service: 'echo', id: instanceSpec(upstream.port).id },
  ])
  assert.deepEqual(told(await ask()), first)
})
