import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  connect,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  performServerHandshake,
} from 'node:http2'
import { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { createResponseHead, parseResponseHead, type ResponseHead } from '../http1/response-head.ts'
import { composedRoom, createComposedRequest, writeComposedRequest } from './composed-request.ts'
import { ResponseText } from './response-text.ts'
import { Http2Session } from './session.ts'
import { createEchoSession, type EchoStream, echoOptions } from './testing/echo-session.ts'
import { MemoryOutput } from './testing/memory-output.ts'
import { clientStart, getBlock, wireFrame } from './testing/wire.ts'

/** Node's end of a connection whose other end is a session of ours. */
function wireOf(receive: (bytes: Buffer) => Buffer): Duplex {
  const wire: Duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const answer = receive(chunk)
      // Node's end does not take bytes in the middle of its own write.
      if (answer.length > 0) setImmediate(() => wire.push(answer))
      done()
    },
  })
  return wire
}

function nodeClient(t: TestContext): {
  client: ClientHttp2Session
  failures: unknown[]
  streams: EchoStream[]
} {
  const echo = createEchoSession()
  const wire = wireOf((bytes) => {
    echo.receive(bytes)
    return echo.output.take()
  })
  const client = connect('http://shop.example', {
    createConnection: () => wire,
    maxSessionMemory: 100,
  })
  client.on('error', () => {})
  t.after(() => client.destroy())
  return { client, failures: echo.failures, streams: echo.streams }
}

async function ask(
  client: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<{ head: IncomingHttpHeaders; body: Buffer }> {
  const stream = client.request({ ':method': 'POST', ...headers }, { endStream: body.length === 0 })
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => parts.push(part))
  const ended = once(stream, 'end')
  const answered = once(stream, 'response')
  if (body.length > 0) stream.end(body)
  const [head] = (await answered) as [IncomingHttpHeaders]
  await ended
  return { head, body: Buffer.concat(parts) }
}

test("Node's client speaks with our server: many streams, large bodies, any fields", async (t) => {
  const { client, failures } = nodeClient(t)
  const bodies = Array.from({ length: 90 }, (_, at) => randomBytes(at * 4_001))
  const answers = await Promise.all(
    bodies.map((body, at) => ask(client, { [`x-field-${at}`]: 'v'.repeat(at * 30) }, body)),
  )
  answers.forEach(({ head, body }, at) => {
    assert.equal(head['x-echo'], 'yes')
    assert.ok(body.equals(bodies[at]!))
  })
  assert.deepEqual(failures, [])
})

test("every byte that a value may have comes through Node's Huffman code", async (t) => {
  const { client, streams } = nodeClient(t)
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('')
  const value = all.slice(33, 127) + all.slice(128)
  for (let at = 0; at < value.length; at++) {
    await ask(client, { 'x-bytes': value.slice(at) + value.slice(0, at) }, Buffer.alloc(0))
  }
  streams.forEach(({ head }, at) => {
    const wanted = value.slice(at) + value.slice(0, at)
    assert.ok(head.includes(`\r\nx-bytes: ${wanted}\r\n`))
  })
  assert.equal(streams.length, value.length)
})

interface Answer {
  status: number
  fields: string
  body: string
  trailers: string
  readonly done: PromiseWithResolvers<void>
}

/** What was written is what the parser of HTTP/1.1 reads. */
function assertParsed(bytes: Buffer, head: ResponseHead): void {
  const parsed = createResponseHead(100)
  const limits = { headBytesMax: 16_384 }
  assert.equal(parseResponseHead(bytes, 0, head.end, limits, parsed, 'GET'), head.end)
  const { count } = parsed.fields
  assert.deepEqual(
    head.fields.offsets.slice(0, count * 4),
    parsed.fields.offsets.slice(0, count * 4),
  )
  assert.deepEqual(head.fields.ids.slice(0, count), parsed.fields.ids.slice(0, count))
  const told = ({
    status,
    reasonStart,
    reasonEnd,
    framing,
    contentLength,
    keepAlive,
    end,
  }: ResponseHead) => [status, reasonStart, reasonEnd, framing, contentLength, keepAlive, end]
  assert.deepEqual(told(head), told(parsed))
  assert.equal(head.fields.count, count)
}

/** A client session of ours against a server of Node. */
function ourClient(t: TestContext, listen: (server: ReturnType<typeof createServer>) => void) {
  const output = new MemoryOutput()
  const text = new ResponseText()
  const head = createResponseHead(100)
  const failures: string[] = []
  const session = new Http2Session<Answer>({ ...echoOptions, role: 'client' }, output, {
    head(stream, decoder, isEnd) {
      const end = text.read(decoder, 16_384, head, 'GET')
      assert.equal(end, text.end)
      assertParsed(text.bytes, head)
      if (head.status < 200) return 1
      stream.owner!.status = head.status
      stream.owner!.fields = text.bytes.toString('latin1', 0, text.end)
      if (isEnd) stream.owner!.done.resolve()
      return 0
    },
    trailers(stream, decoder) {
      assert.equal(text.readTrailers(decoder, 8_192), 0)
      stream.owner!.trailers = text.bytes.toString('latin1', 0, text.end)
      stream.owner!.done.resolve()
      return 0
    },
    data(stream, bytes, start, end, isEnd) {
      stream.owner!.body += bytes.toString('latin1', start, end)
      session.consumed(stream, end - start)
      if (isEnd) stream.owner!.done.resolve()
    },
    reset: (stream) => stream.owner!.done.reject(new Error('reset')),
    mistaken: (stream) => stream.owner!.done.reject(new Error('mistaken')),
    refused: (stream) => stream.owner!.done.reject(new Error('refused')),
    writable: () => {},
    settled: () => {},
    goingAway: () => {},
    failed: (_kind, _code, detail) => void failures.push(detail),
  })
  const server = createServer()
  listen(server)
  const wire = wireOf((bytes) => {
    session.receive(bytes, 0, bytes.length, 0)
    return output.take()
  })
  const serverSession = performServerHandshake(wire)
  serverSession.on('error', () => {})
  serverSession.on('stream', (stream, headers) => server.emit('stream', stream, headers, 0, []))
  t.after(() => serverSession.destroy())
  session.start()
  wire.push(output.take())
  const flush = (): void => void wire.push(output.take())
  return { session, output, flush, failures }
}

function request(peer: ReturnType<typeof ourClient>, lines: string, body: Buffer): Promise<Answer> {
  const bytes = Buffer.from(`POST /x HTTP/1.1\r\nhost: shop.example\r\n${lines}\r\n`, 'latin1')
  const answer: Answer = {
    status: 0,
    fields: '',
    body: '',
    trailers: '',
    done: Promise.withResolvers<void>(),
  }
  const { session, output } = peer
  const stream = session.open(answer)
  const at = session.sender.beginBlock(composedRoom(bytes.length))
  const composed = createComposedRequest()
  const end = writeComposedRequest(bytes, output.bytes, at, false, composed)
  assert.equal(composed.end, bytes.length)
  session.sender.endBlock(stream, end, false)
  session.sender.send(stream, body, 0, body.length, true)
  peer.flush()
  return answer.done.promise.then(() => answer)
}

test("our client speaks with Node's server: fields, bodies, trailers", async (t) => {
  const peer = ourClient(t, (server) => {
    server.on('stream', (stream, headers) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond(
        { ':status': 200, 'x-got': headers['x-mine'], 'x-path': headers[':path'] },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.pipe(stream)
    })
  })
  const sizes = [0, 1, 16_384, 16_385, 70_000, 300_000]
  const answers = await Promise.all(
    sizes.map((size, at) => request(peer, `x-mine: ${at}\r\nX-Upper: y\r\n`, randomBytes(size))),
  )
  answers.forEach((answer, at) => {
    assert.equal(answer.status, 200)
    assert.match(answer.fields, new RegExp(`\\r\\nx-got: ${at}\\r\\n`))
    assert.equal(answer.body.length, sizes[at])
    assert.equal(answer.trailers, 'grpc-status: 0\r\n\r\n')
  })
  assert.deepEqual(peer.failures, [])
  assert.equal(peer.session.streamCount, 0)
})

test('whatever bytes come, in whatever pieces: nothing throws, and what is kept is bounded', () => {
  const frames = fc.oneof(
    fc
      .tuple(
        fc.integer({ min: 0, max: 11 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 9 }),
        fc.uint8Array({ maxLength: 40 }),
      )
      .map(([type, flags, id, payload]) => wireFrame(type, flags, id, payload)),
    fc.constantFrom(1, 3, 5).map((id) => wireFrame(1, 5, id, getBlock)),
    fc.constantFrom(1, 3, 5).map((id) => wireFrame(1, 4, id, getBlock)),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(
      fc.array(frames, { maxLength: 30 }),
      fc.integer({ min: 1, max: 50 }),
      (some, size) => {
        const echo = createEchoSession()
        const bytes = Buffer.concat([clientStart, ...some])
        for (let at = 0; at < bytes.length; at += size) {
          echo.receive(bytes.subarray(at, at + size))
        }
        assert.ok(echo.session.streamCount <= 100)
        assert.ok(echo.output.end < 64 * 1_024)
        assert.ok(echo.failures.length <= 1)
        for (const { head } of echo.streams) {
          assert.ok(head.startsWith('error') || /^[A-Z_-]+ \S+ HTTP\/1\.1\r\n/.test(head))
        }
      },
    ),
    { numRuns: 1_000 },
  )
})
