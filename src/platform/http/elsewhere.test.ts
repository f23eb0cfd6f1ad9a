import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { serveAdminSocket } from './admin-socket.ts'
import { openEvents } from './events.ts'
import { createListenerApp, openListener } from './listener.ts'

const options = { name: 'console', host: '127.0.0.1', port: 0, hosts: [], log: () => {} }
const token = 'a-token-that-is-long-enough'

/** Control's listener, and another process whose socket may be there or not. */
async function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-elsewhere-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'telemetry.sock')
  let events: ServerResponse | undefined
  const seen: Record<string, unknown>[] = []
  const serve = async () => {
    const app = createListenerApp({ ...options, token: undefined })
    app.post('/api/v1/logs/:name', { schema: { summary: 'Takes logs.' } }, (asked, reply) => {
      seen.push({ ...asked.headers })
      return reply.code(201).send({ name: asked.url, body: asked.body })
    })
    app.get('/api/v1/logs/feed', (_asked, reply) => {
      openEvents(reply)
      events = reply.raw
    })
    app.get('/other', { schema: { summary: 'Not below the prefix.' } }, () => '')
    return serveAdminSocket(
      socketPath,
      () => {},
      async () => app,
    )
  }
  const elsewhere = [{ process: 'telemetry', prefix: 'logs', socketPath }]
  const control = createListenerApp({ ...options, token, elsewhere })
  const listener = await openListener(control, { ...options, token })
  t.after(() => listener.close())
  const open = async (method: string, path: string, body?: string, sent = token) => {
    const asked = request({
      port: listener.port,
      path,
      method,
      agent: false,
      headers: {
        authorization: `Bearer ${sent}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    }).end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return response
  }
  return { serve, open, seen, socketPath, events: () => events }
}

test('admin routes of another process: one login, one description, 503 while it is away', async (t) => {
  const { serve, open, seen, socketPath } = await start(t)
  const away = await open('POST', '/api/v1/logs/x', '{}')
  assert.equal(away.statusCode, 503)
  assert.match(
    await text(away),
    /ERR_HTTP_PROCESS_AWAY.*telemetry|telemetry.*ERR_HTTP_PROCESS_AWAY/,
  )
  assert.doesNotMatch(await text(await open('GET', '/openapi.json')), /Takes logs/)
  const end = await serve()
  t.after(end)
  assert.equal(statSync(socketPath).mode & 0o777, 0o600)
  const answer = await open('POST', '/api/v1/logs/x?y=1', '{"a":[1]}')
  assert.equal(answer.statusCode, 201)
  assert.deepEqual(JSON.parse(await text(answer)), { name: '/api/v1/logs/x?y=1', body: { a: [1] } })
  assert.equal(seen[0]?.['authorization'], undefined, 'the login stays here')
  const stranger = await open('POST', '/api/v1/logs/x', '{}', 'wrong')
  assert.equal(stranger.statusCode, 401)
  assert.equal(seen.length, 1)
  const refused = await open('POST', '/api/v1/logs/x', '{')
  assert.deepEqual(
    [refused.statusCode, refused.headers['content-type']],
    [400, 'application/problem+json; charset=utf-8'],
    'its errors are passed on as they are',
  )
  const document = JSON.parse(await text(await open('GET', '/openapi.json'))) as { paths: object }
  assert.deepEqual(Object.keys(document.paths), ['/openapi.json', '/api/v1/logs/{name}'])
})

test('events come as they are told, and end with the reader', async (t) => {
  const { serve, open, events } = await start(t)
  t.after(await serve())
  const feed = await open('GET', '/api/v1/logs/feed')
  assert.equal(feed.headers['content-type'], 'text/event-stream')
  for (const message of ['data: 1\n\n', 'data: 2\n\n']) {
    events()?.write(message)
    assert.equal(String((await once(feed, 'data'))[0]), message)
  }
  const closed = once(events() ?? assert.fail('it was opened'), 'close')
  feed.destroy()
  await closed
})

test('a body that a GET brings in pieces stays a body: no request hides in it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-elsewhere-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'identity.sock')
  const hidden: string[] = []
  const seen: string[] = []
  const stop = await serveAdminSocket(
    socketPath,
    () => {},
    async () => {
      const app = createListenerApp({ ...options, token: undefined })
      app.post('/api/v1/identity/accounts', () => hidden.push('made'))
      app.get('/identity/x', async (asked) => {
        seen.push(await text(asked.raw))
        return 'x'
      })
      return app
    },
  )
  t.after(stop)
  const elsewhere = [
    { process: 'identity', prefix: 'identity', socketPath, publicPaths: ['/identity'] },
  ]
  const control = createListenerApp({ ...options, token, elsewhere })
  const listener = await openListener(control, { ...options, token })
  t.after(() => listener.close())
  const inside =
    'POST /api/v1/identity/accounts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'
  for (const headers of [
    { 'transfer-encoding': 'chunked' },
    { 'content-length': String(inside.length), connection: 'keep-alive, content-length' },
  ]) {
    const asked = request({ port: listener.port, path: '/identity/x', agent: false, headers })
    asked.end(inside)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    assert.equal(await text(response), 'x')
    assert.equal(seen.pop(), inside)
    // What hid behind it would have been answered on the same connection by now.
    await fetch(`http://127.0.0.1:${listener.port}/identity/y`)
  }
  assert.deepEqual(hidden, [])
})
