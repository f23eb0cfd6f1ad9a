import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { request, type IncomingMessage } from 'node:http'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { ask, connectHttp2 } from '../testing/http2-peer.ts'
import { startHttp2Upstream } from '../testing/http2-upstream.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream } from '../testing/sockets.ts'

const h2c: Partial<ServiceSpec> = { protocol: 'h2c' }
const WEB = 'application/grpc-web+proto'
const TEXT = 'application/grpc-web-text+proto'
const message = (text: string): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(text.length, 1)
  return Buffer.concat([head, Buffer.from(text)])
}
const trailers = (lines: string): Buffer => {
  const frame = message(lines)
  frame[0] = 0x80
  return frame
}

/** Answers with what it was asked, message by message, and trailers behind it. */
function echo(stream: ServerHttp2Stream): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc+proto', 'x-meta': 'a' },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine', 'x-tail': 'b' }),
  )
  stream.on('data', (bytes: Buffer) => stream.write(bytes))
  stream.on('end', () => stream.end())
}
const TAIL = trailers('grpc-status: 0\r\ngrpc-message: fine\r\nx-tail: b\r\n')

interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** One request over HTTP/1.1, its body in these pieces. */
async function post(
  t: TestContext,
  gateway: LocalWorker,
  type: string,
  pieces: readonly (string | Buffer)[],
  more: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const asked = request({
    port: gateway.port('gateway'),
    host: '127.0.0.1',
    agent: false,
    method: 'POST',
    path: '/shop.Stock/Get',
    headers: { 'content-type': type, 'x-grpc-web': '1', ...more },
  })
  t.after(() => asked.destroy())
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>
  const body = answered.then(async ([response]) => {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  })
  for (const piece of pieces) {
    if (!asked.write(piece)) await once(asked, 'drain')
  }
  asked.end()
  const [{ statusCode = 0, headers }] = await answered
  return { status: statusCode, headers, body: await body }
}

const fromText = (body: Buffer): Buffer =>
  Buffer.concat(
    (body.toString('latin1').match(/[^=]+={0,2}/g) ?? []).map((part) =>
      Buffer.from(part, 'base64'),
    ),
  )

test('binary: messages as they are, trailers as the last frame; the instance sees a call of gRPC', async (t) => {
  const instance = await startHttp2Upstream(t, echo)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const asked = message('hello')
  const reply = await post(t, gateway, WEB, [asked], { 'grpc-timeout': '5S' })
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['content-type'], WEB)
  assert.equal(reply.headers['x-meta'], 'a')
  assert.deepEqual(reply.body, Buffer.concat([asked, TAIL]))
  const [head] = instance.heads
  assert.equal(head?.['content-type'], 'application/grpc+proto')
  assert.equal(head?.['te'], 'trailers')
  assert.match(String(head?.['grpc-timeout']), /^\d+u$/)
})

test('over HTTP/2 too, binary and text, and no trailers of HTTP', async (t) => {
  const instance = await startHttp2Upstream(t, echo)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  const asked = message('hello')
  const call = { ':method': 'POST', ':path': '/shop.Stock/Get' }
  const binary = await ask(client, { ...call, 'content-type': WEB }, asked)
  assert.equal(binary.headers['content-type'], WEB)
  assert.deepEqual(Buffer.from(binary.body, 'latin1'), Buffer.concat([asked, TAIL]))
  assert.equal(binary.trailers['grpc-status'], undefined)
  const text = Buffer.from(asked.toString('base64'))
  const answered = await ask(client, { ...call, 'content-type': TEXT }, text)
  assert.equal(answered.headers['content-type'], TEXT)
  assert.deepEqual(fromText(Buffer.from(answered.body, 'latin1')), Buffer.concat([asked, TAIL]))
})

test('text, padded and cut anywhere: the same bytes as binary, both ways', async (t) => {
  const instance = await startHttp2Upstream(t, echo)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 17 }), { maxLength: 12 }),
      async (texts, cuts) => {
        const frames = texts.map((one) => message(Buffer.from(one).toString('latin1')))
        // Each message in base64 of its own, as clients of streams write it.
        const text = frames.map((frame) => frame.toString('base64')).join('')
        const pieces: string[] = []
        let at = 0
        for (const cut of cuts) {
          if (at >= text.length) break
          pieces.push(text.slice(at, at + cut))
          at += cut
        }
        if (at < text.length) pieces.push(text.slice(at))
        const reply = await post(t, gateway, TEXT, pieces)
        assert.equal(reply.status, 200)
        assert.deepEqual(fromText(reply.body), Buffer.concat([...frames, TAIL]))
      },
    ),
    { numRuns: 60 },
  )
})

test('a large text goes through with back-pressure', async (t) => {
  const instance = await startHttp2Upstream(t, echo)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const frames = Array.from({ length: 40 }, (_, at) => message(String(at % 10).repeat(100_000)))
  const reply = await post(
    t,
    gateway,
    TEXT,
    frames.map((frame) => frame.toString('base64')),
  )
  const got = fromText(reply.body)
  const wanted = Buffer.concat([...frames, TAIL])
  assert.equal(got.length, wanted.length)
  assert.ok(got.equals(wanted))
})

test('a message of a stream leaves when it is there, and not with the end', async (t) => {
  let go = Promise.withResolvers<void>()
  const instance = await startHttp2Upstream(t, (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.write(message('one'))
    void go.promise.then(() => stream.end(message('two')))
  })
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  for (const [type, read] of [
    ['application/grpc-web', (bytes: Buffer) => bytes],
    ['application/grpc-web-text', fromText],
  ] as const) {
    const asked = request({
      port: gateway.port('gateway'),
      host: '127.0.0.1',
      agent: false,
      method: 'POST',
      path: '/shop.Stock/Watch',
      headers: { 'content-type': type },
    })
    asked.end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    const rest: Buffer[] = []
    for await (const chunk of response) {
      rest.push(chunk as Buffer)
      if (rest.length > 1) continue
      assert.deepEqual(read(rest.shift()!), message('one'))
      rest.push(Buffer.alloc(0))
      go.resolve()
    }
    go = Promise.withResolvers()
    const tail = [message('two'), trailers('grpc-status: 0\r\n')]
    assert.deepEqual(read(Buffer.concat(rest)), Buffer.concat(tail))
  }
})

test('a call that ends with nothing but a head says so in the head; so do answers of our own', async (t) => {
  const instance = await startHttp2Upstream(t, (stream) =>
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' },
      { endStream: true },
    ),
  )
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  for (const [type, body] of [
    ['application/grpc-web', message('')],
    ['application/grpc-web-text', message('').toString('base64')],
  ] as const) {
    const reply = await post(t, gateway, type, [body])
    assert.equal(reply.headers['grpc-status'], '5')
    assert.equal(reply.headers['content-type'], type)
    assert.equal(reply.body.length, 0)
  }
  const without = await startGateway(t, [], { service: h2c })
  const own = await post(t, without, TEXT, [message('').toString('base64')])
  assert.equal(own.status, 200)
  assert.equal(own.headers['grpc-status'], '14')
  assert.equal(own.headers['content-type'], 'application/grpc-web-text')
  assert.equal(own.headers['backplane-reason'], 'ERR_GATEWAY_NO_INSTANCE')
})

test('text that is none is refused, and its connection carries the next request', async (t) => {
  const instance = await startHttp2Upstream(t, echo)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  for (const body of ['AAA*', 'AAAAA', '====', `${message('x').toString('base64')}A`]) {
    const reply = await post(t, gateway, TEXT, [body])
    assert.equal(reply.headers['backplane-reason'], 'ERR_GATEWAY_GRPC_WEB_TEXT', body)
    assert.equal(reply.headers['grpc-status'], '13')
  }
  assert.equal((await post(t, gateway, TEXT, [message('x').toString('base64')])).status, 200)
})

test('what is no answer of gRPC, and what a service of HTTP/1.1 says, is passed on as it is', async (t) => {
  const page = await startHttp2Upstream(t, (stream) => {
    stream.respond({ ':status': 404, 'content-type': 'text/html' })
    stream.end('<p>no</p>')
  })
  const gateway = await startGateway(t, [page.port], { service: h2c })
  const reply = await post(t, gateway, TEXT, [message('x').toString('base64')])
  assert.equal(reply.status, 404)
  assert.equal(reply.headers['content-type'], 'text/html')
  assert.equal(reply.body.toString(), '<p>no</p>')
  const plain = await startAnsweringUpstream(OK)
  t.after(() => plain.close())
  const http1 = await startGateway(t, [plain.port])
  assert.equal((await post(t, http1, WEB, [message('x')])).body.toString(), 'ok')
  assert.match(plain.heads[0]!, /^content-type: application\/grpc-web\+proto\r$/m)
})
