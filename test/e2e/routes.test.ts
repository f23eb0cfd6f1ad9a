import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runCli, startBackplane, type Running } from '../harness/backplane.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const config = `
name: routes
listen: { default: off, gateway: 0, console: 0 }
services:
  one: { run: node ${echo}, calls: [two], health: { http: /health } }
  two: { run: node ${echo}, calls: [], health: { http: /health } }
  many: { run: node ${echo}, instances: 3, calls: [], balance: { algorithm: sticky-cookie, cookie: stick }, health: { http: /health } }
gateway:
  trustedProxies: [127.0.0.0/8]
  routes:
    - { id: exact, path: /exact, methods: [GET], to: one }
    - { id: param, path: "/users/{id}/orders", to: one }
    - { id: segment, path: /files/*/raw, to: two }
    - { id: host, host: "*.shop.example", path: /**, to: two }
    - { id: header, path: /exact, headers: { x-canary: "1" }, to: two }
    - { id: query, path: /find, query: { beta: "*" }, to: two }
    - { id: find, path: /find, to: one }
    - { id: sticky, path: /sticky/**, to: many }
    - { id: split, path: /split, split: [{ to: one, weight: 50% }, { to: two, weight: 50% }] }
    - { id: strip, path: /api/one/**, to: one, strip: /api/one }
    - { id: raw, tcp: 0, to: two }
`

let backplane: Running
before(async () => void (backplane = await startBackplane({ config })))
after(() => backplane[Symbol.asyncDispose]())

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly service: string
  readonly body: {
    readonly instance: string
    readonly target: string
    readonly headers: Record<string, string>
  }
}

/** Unlike fetch it may set Host. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(backplane.gateway)
  return new Promise((done, fail) => {
    const outgoing = request(
      { host: hostname, port, path, headers, method, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => {
          const body = JSON.parse(text === '' ? '{}' : text) as Answer['body']
          const service = (body.instance ?? '').replace(/-\d+$/, '')
          done({ status: response.statusCode ?? 0, headers: response.headers, service, body })
        })
      },
    )
    outgoing.on('error', fail)
    outgoing.end()
  })
}

test('the most specific route wins', async () => {
  assert.equal((await ask('/exact')).service, 'one')
  assert.equal((await ask('/exact', { 'x-canary': '1' })).service, 'two')
  assert.equal((await ask('/users/7/orders')).service, 'one')
  assert.equal((await ask('/files/a/raw')).service, 'two')
  assert.equal((await ask('/find?beta=yes')).service, 'two')
  assert.equal((await ask('/find?alpha')).service, 'one')
  assert.equal((await ask('/anything', { host: 'eu.shop.example' })).service, 'two')
  assert.equal((await ask('/users/7')).status, 404)
})

test('a method that no route takes is 405 with Allow', async () => {
  const { status, headers } = await ask('/exact', {}, 'DELETE')
  assert.equal(status, 405)
  assert.match(String(headers['allow']), /GET/)
  assert.equal(headers['backplane-reason'], 'ERR_GATEWAY_METHOD_NOT_ALLOWED')
})

test('a prefix is removed, and the service learns of the client', async () => {
  const { body } = await ask('/api/one/x/y?z=1', { 'x-forwarded-for': '203.0.113.7' })
  assert.equal(body.target, '/x/y?z=1')
  assert.match(body.headers['x-forwarded-for'] ?? '', /^203\.0\.113\.7, ?127\.0\.0\.1$/)
  assert.match(body.headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
})

test('a sticky cookie keeps a client on its instance', async () => {
  const first = await ask('/sticky/a')
  const cookie = String(first.headers['set-cookie']).split(';', 1)[0] ?? ''
  assert.match(cookie, /^stick=/)
  for (let nth = 0; nth < 10; nth++) {
    assert.equal((await ask('/sticky/b', { cookie })).body.instance, first.body.instance)
  }
})

test('a split sends its share to each', async () => {
  const seen = { one: 0, two: 0 }
  for (let nth = 0; nth < 60; nth++) seen[(await ask('/split')).service as 'one']++
  assert.ok(seen.one >= 10 && seen.two >= 10, JSON.stringify(seen))
})

test('a TCP listener carries bytes', async () => {
  const listener = Object.entries(backplane.ready.listen).find(([name]) => name === 'raw')
  const [host = '', port = ''] = (listener?.[1] ?? '').split(':')
  const socket = connect(Number(port), host)
  socket.write('GET /through-tcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /"instance":"two-1".*"target":"\/through-tcp"/s)
})

test('an upgraded connection carries bytes both ways', async () => {
  const { hostname, port } = new URL(backplane.gateway)
  const socket = connect(Number(port), hostname)
  socket.write('GET /exact HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  const [head] = (await once(socket, 'data')) as [Buffer]
  assert.match(head.toString(), /^HTTP\/1\.1 101 /)
  socket.write('hello')
  const [back] = (await once(socket, 'data')) as [Buffer]
  assert.equal(back.toString(), 'hello')
  socket.destroy()
})

test('logs follow, and end with the reader', async () => {
  const { code, stdout } = await runCli(['logs', 'one', '--json', '--tail', '1'], backplane.folder)
  assert.equal(code, 0)
  for (const line of stdout.trim().split('\n').filter(Boolean)) JSON.parse(line)
})
