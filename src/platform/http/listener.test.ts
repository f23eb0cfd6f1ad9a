import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'
import type { Log } from '../capability.ts'
import { ListenerTakenError } from '../listeners/taken-error.ts'
import { ProblemError } from '../problem.ts'
import {
  createListenerApp,
  openListener,
  REQUEST_BODY_BYTES_MAX,
  type ListenerOptions,
} from './listener.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}

async function start(t: TestContext, more: Partial<ListenerOptions> = {}) {
  const logged: string[] = []
  const log: Log = (level, message) => void logged.push(`${level} ${message}`)
  const options: ListenerOptions = {
    name: 'console',
    host: '127.0.0.1',
    port: 0,
    hosts: [],
    token: undefined,
    log,
    ...more,
  }
  const app = createListenerApp(options)
  const body = {
    type: 'object',
    required: ['n'],
    properties: { n: { type: 'integer' } },
    additionalProperties: false,
  }
  app.put<{ Body: { n: number } }>(
    '/numbers/:name',
    { schema: { summary: 'Puts one.', body } },
    (got) => got.body,
  )
  app.get('/fails', () => {
    throw new Error('the secret of the house')
  })
  app.get('/refuses', () => {
    throw new ProblemError(409, 'ERR_TEST_REFUSED', 'No.', { version: 7 })
  })
  const listener = await openListener(app, options)
  t.after(() => listener.close())
  const call = (
    method: string,
    path: string,
    sent: { headers?: Record<string, string>; body?: string } = {},
  ) =>
    new Promise<Answer>((resolve, reject) => {
      const outgoing = request(
        { port: listener.port, method, path, headers: sent.headers ?? {} },
        (response) => {
          text(response)
            .then((content) =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: JSON.parse(content) as Answer['body'],
              }),
            )
            .catch(reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.end(sent.body)
    })
  return { listener, call, logged, options }
}

function assertProblem(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status)
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  const { type, title, detail, ...rest } = answer.body
  assert.equal(type, `urn:backplane:error:${code}`)
  assert.ok(typeof title === 'string' && title !== '')
  assert.ok(typeof detail === 'string' && detail !== '')
  assert.equal(rest['status'], status)
  assert.equal(rest['code'], code)
}

const json = { 'content-type': 'application/json' }

test('each mistake of a client is a problem with a code', async (t) => {
  const { call } = await start(t)
  assertProblem(await call('GET', '/nothing?x=1'), 404, 'ERR_HTTP_NOT_FOUND')
  assertProblem(await call('DELETE', '/openapi.json'), 404, 'ERR_HTTP_NOT_FOUND')
  const put = (body: string, headers: Record<string, string> = json) =>
    call('PUT', '/numbers/one', { headers, body })
  assert.deepEqual((await put('{"n":1}')).body, { n: 1 })
  assertProblem(await put('{"n":'), 400, 'ERR_HTTP_BAD_REQUEST')
  assertProblem(await put('{"m":1}'), 400, 'ERR_HTTP_BAD_REQUEST')
  assertProblem(await put('n=1', { 'content-type': 'text/csv' }), 415, 'ERR_HTTP_CONTENT_TYPE')
  assertProblem(
    await put(JSON.stringify({ n: 'x'.repeat(REQUEST_BODY_BYTES_MAX) })),
    413,
    'ERR_HTTP_BODY_TOO_LARGE',
  )
  assertProblem(await call('GET', '/%zz'), 400, 'ERR_HTTP_BAD_REQUEST')
  assert.equal((await call('GET', '/refuses')).body['version'], 7)
  assertProblem(await call('GET', '/refuses'), 409, 'ERR_TEST_REFUSED')
})

test('a defect of ours is logged and not told', async (t) => {
  const { call, logged } = await start(t)
  const answer = await call('GET', '/fails')
  assertProblem(answer, 500, 'ERR_HTTP_INTERNAL')
  assert.ok(!JSON.stringify(answer.body).includes('secret'))
  assert.deepEqual(logged, ['error a request failed'])
})

test('the guard stands before every path, also before those that do not exist', async (t) => {
  const { call } = await start(t, { token: 'sesame' })
  for (const path of ['/openapi.json', '/nothing', '/numbers/one', '/%zz']) {
    const foreign = { headers: { host: 'rebind.attacker.example' } }
    assertProblem(await call('GET', path, foreign), 421, 'ERR_HTTP_HOST_UNKNOWN')
    const origin = { headers: { origin: 'null', authorization: 'Bearer sesame' } }
    assertProblem(await call('GET', path, origin), 403, 'ERR_HTTP_ORIGIN_FOREIGN')
    const answer = await call('GET', path)
    assertProblem(answer, 401, 'ERR_HTTP_CREDENTIALS')
    assert.match(String(answer.headers['www-authenticate']), /^Basic /)
  }
  const allowed = await call('GET', '/openapi.json', {
    headers: { authorization: 'Bearer sesame' },
  })
  assert.equal(allowed.status, 200)
})

test('a refused request does not have its body read', async (t) => {
  const { call } = await start(t, { token: 'sesame' })
  const body = 'x'.repeat(REQUEST_BODY_BYTES_MAX + 1)
  assertProblem(
    await call('PUT', '/numbers/one', { headers: json, body }),
    401,
    'ERR_HTTP_CREDENTIALS',
  )
})

test('the OpenAPI document has what the routes say', async (t) => {
  const { call } = await start(t)
  const { body } = await call('GET', '/openapi.json')
  assert.equal(body['openapi'], '3.1.0')
  const paths = body['paths'] as Record<string, Record<string, Record<string, unknown>>>
  assert.deepEqual(Object.keys(paths).sort(), ['/numbers/{name}', '/openapi.json'])
  const put = paths['/numbers/{name}']?.['put']
  assert.equal(put?.['summary'], 'Puts one.')
  assert.deepEqual(Object.keys(paths['/numbers/{name}'] ?? {}), ['put'])
  assert.ok(JSON.stringify(put?.['requestBody']).includes('"required":["n"]'))
  assert.ok(JSON.stringify(put?.['responses']).includes('application/problem+json'))
  // OpenAPI 3.1: each template parameter of a path must be declared.
  assert.ok(
    JSON.stringify(put?.['parameters']).includes('"name":"name","in":"path","required":true'),
  )
})

test('a taken port is an error with listener, address and setting', async (t) => {
  const { listener, options } = await start(t)
  const second = { ...options, port: listener.port }
  await assert.rejects(openListener(createListenerApp(second), second), (error) => {
    assert.ok(error instanceof ListenerTakenError)
    assert.equal(error.code, 'ERR_LISTENER_TAKEN')
    assert.match(
      error.message,
      new RegExp(
        `'console'.*127\\.0\\.0\\.1:${listener.port} \\(TCP, EADDRINUSE\\).*listen\\.console`,
      ),
    )
    return true
  })
})

test('bytes that are not HTTP are refused and the listener stays open', async (t) => {
  const { listener, call } = await start(t)
  const socket = connect(listener.port, '127.0.0.1')
  socket.end('\0\0\0\r\n\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 400 /)
  assert.equal((await call('GET', '/openapi.json')).status, 200)
})
