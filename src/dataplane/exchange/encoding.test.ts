import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import type { PolicySpec } from '../../contracts/policies.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, say, startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { routeSpec } from '../testing/specs.ts'

const compress: PolicySpec = {
  kind: 'compress',
  source: 'backplane.yaml:9',
  spec: { encodings: ['zstd', 'br', 'gzip'], types: ['text/*'], bytesMin: 10 },
}
const routes = [routeSpec({ policies: [compress] })]
const TEXT = 'All work and no play makes Jack a dull boy. '.repeat(200)

function answer(body: string, lines = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: "v1"\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`
}

async function start(t: TestContext, reply: string): Promise<LocalWorker> {
  const upstream = await startAnsweringUpstream(reply)
  t.after(() => upstream.close())
  return startGateway(t, [upstream.port], { gateway: { routes } })
}

async function ask(t: TestContext, gateway: LocalWorker, accepted: string, method = 'GET') {
  const lines = `Accept-Encoding: ${accepted}\r\nConnection: close\r\n`
  const { reader } = say(t, gateway, get('/', lines).replace('GET', method))
  const text = await reader.closed()
  const end = text.indexOf('\r\n\r\n')
  return { head: text.slice(0, end), body: Buffer.from(text.slice(end + 4), 'latin1') }
}

/** The payload of a body in chunks. */
function payloadOf(chunked: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const line = chunked.indexOf('\r\n', at)
    const size = Number.parseInt(chunked.toString('latin1', at, line), 16)
    if (size === 0) return Buffer.concat(parts)
    parts.push(chunked.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}

test('what the client likes best, weaker ETag, Vary, and the text as it was', async (t) => {
  const gateway = await start(t, answer(TEXT))
  for (const [accepted, name, decode] of [
    ['gzip', 'gzip', gunzipSync],
    ['gzip, br', 'br', brotliDecompressSync],
    ['gzip, br, zstd', 'zstd', zstdDecompressSync],
  ] as const) {
    const { head, body } = await ask(t, gateway, accepted)
    assert.match(head, new RegExp(`\r\ncontent-encoding: ${name}`, 'i'))
    assert.match(head, /\r\nETag: W\/"v1"/i)
    assert.match(head, /\r\nvary: accept-encoding/i)
    assert.doesNotMatch(head, /content-length/i)
    assert.equal(decode(payloadOf(body)).toString(), TEXT)
    assert.ok(body.length < TEXT.length / 10)
  }
  const { head, body } = await ask(t, gateway, 'identity')
  assert.match(head, /\r\nvary: accept-encoding/i)
  assert.match(head, /\r\nETag: "v1"/i)
  assert.equal(body.toString(), TEXT)
  const [record] = gateway.recent(1)
  assert.equal(record!.responseBytes, TEXT.length)
})

test('never twice, never a part, never what forbids it, and not what is short or no text', async (t) => {
  for (const reply of [
    answer(TEXT, 'Content-Encoding: br\r\n'),
    answer(TEXT, 'Cache-Control: public, no-transform\r\n'),
    answer(TEXT).replace('200 OK', '206 Partial Content'),
    answer(TEXT).replace('text/plain', 'image/png'),
    answer('short'),
  ]) {
    const gateway = await start(t, reply)
    const { head, body } = await ask(t, gateway, 'gzip')
    assert.match(head, /content-length/i)
    assert.equal(body.toString(), reply.slice(reply.indexOf('\r\n\r\n') + 4))
  }
})

test('the answer to HEAD has no body and keeps its length', async (t) => {
  const gateway = await start(t, answer(TEXT).slice(0, answer(TEXT).indexOf('\r\n\r\n') + 4))
  const { head, body } = await ask(t, gateway, 'gzip', 'HEAD')
  assert.match(head, new RegExp(`\r\nContent-Length: ${TEXT.length}`, 'i'))
  assert.equal(body.length, 0)
})

test('events are passed on one by one, and a body until the close ends with it', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { routes } })
  const { reader } = say(t, gateway, get('/', 'Accept-Encoding: gzip\r\nConnection: close\r\n'))
  const { socket, reader: asked } = await upstream.accept()
  await asked.until('\r\n\r\n')
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n')
  await reader.until('\r\n\r\n')
  const gunzip = createGunzip()
  let text = ''
  gunzip.on('data', (bytes: Buffer) => (text += bytes.toString()))
  let fed = 0
  const until = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) {
      const body = Buffer.from(reader.text.slice(reader.text.indexOf('\r\n\r\n') + 4), 'latin1')
      const payload = wholeChunks(body)
      if (payload.length > fed) gunzip.write(payload.subarray(fed))
      fed = payload.length
      await new Promise((resolve) => void setImmediate(resolve))
    }
  }
  await until('data: one')
  socket.write('data: two\n\n')
  await until('data: two')
  socket.end('data: three\n\n')
  await until('data: three')
  assert.match(await reader.closed(), /0\r\n\r\n$/)
})

/** Payload of the chunks that are there as a whole. */
function wholeChunks(chunked: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const line = chunked.indexOf('\r\n', at)
    if (line < 0) return Buffer.concat(parts)
    const size = Number.parseInt(chunked.toString('latin1', at, line), 16)
    if (size === 0 || line + 4 + size > chunked.length) return Buffer.concat(parts)
    parts.push(chunked.subarray(line + 2, line + 2 + size))
    at = line + 4 + size
  }
}

test('a client that does not read holds back the instance, and gets all of it in the end', async (t) => {
  // Noise: it does not become less by being encoded.
  const noise = Buffer.alloc(8 * 1024 * 1024)
  let seed = 7
  for (let at = 0; at < noise.length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    noise[at] = 32 + ((seed >> 16) % 90)
  }
  const upstream = await startAnsweringUpstream(answer(noise.toString('latin1')))
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { routes } })
  const socket = gateway.connect()
  t.after(() => socket.destroy())
  socket.pause()
  socket.write(get('/', 'Accept-Encoding: gzip\r\nConnection: close\r\n'))
  const chunks: Buffer[] = []
  while (!gateway.worker.context.exchanges.some(({ client }) => client.outlet.isClogged))
    await new Promise((resolve) => void setImmediate(resolve))
  socket.on('data', (bytes: Buffer) => chunks.push(bytes)).resume()
  await new Promise((resolve) => void socket.on('close', resolve))
  const all = Buffer.concat(chunks)
  const body = all.subarray(all.indexOf('\r\n\r\n') + 4)
  assert.deepEqual(gunzipSync(payloadOf(body)), noise)
})

test('a client that goes away, and an instance that breaks off, leave nothing behind', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { routes } })
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n'
  const { encoders } = gateway.worker.context
  for (const gone of ['client', 'instance']) {
    const { socket, reader } = say(t, gateway, get('/', 'Accept-Encoding: br\r\n'))
    const asked = await upstream.accept()
    await asked.reader.until('\r\n\r\n')
    asked.socket.write(head + TEXT)
    await reader.until('\r\n\r\n')
    assert.equal(encoders.count, 1)
    if (gone === 'client') socket.destroy()
    else asked.socket.destroy()
    while (encoders.count > 0) await new Promise((resolve) => void setImmediate(resolve))
    asked.socket.destroy()
  }
})

test('any text in any pieces comes out as it was', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { routes } })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1, maxLength: 3_000 }), { maxLength: 6 }),
      async (pieces) => {
        const { reader } = say(
          t,
          gateway,
          get('/', 'Accept-Encoding: zstd\r\nConnection: close\r\n'),
        )
        const { socket, reader: asked } = await upstream.accept()
        await asked.until('\r\n\r\n')
        socket.write(
          'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n',
        )
        for (const piece of pieces) {
          const bytes = Buffer.from(piece)
          socket.write(`${bytes.length.toString(16)}\r\n`)
          socket.write(bytes)
          socket.write('\r\n')
        }
        socket.end('0\r\n\r\n')
        const text = await reader.closed()
        const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1')
        assert.equal(zstdDecompressSync(payloadOf(body)).toString(), pieces.join(''))
      },
    ),
    { numRuns: 30 },
  )
})

test('a call is never encoded: how it ended stands in its trailers', async (t) => {
  const upstream = await startAnsweringUpstream(
    `HTTP/1.1 200 OK\r\nContent-Type: application/grpc+proto\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\ngrpc-status: 0\r\n\r\n`,
  )
  t.after(() => upstream.close())
  const policies: PolicySpec[] = [
    { ...compress, spec: { ...compress.spec, types: ['application/*'] } } as PolicySpec,
  ]
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies })] },
  })
  const lines = 'Accept-Encoding: identity, gzip\r\nTE: trailers\r\nConnection: close\r\n'
  const { reader } = say(t, gateway, get('/', lines))
  assert.match(await reader.closed(), /\r\n2\r\nhi\r\n0\r\ngrpc-status: 0\r\n\r\n$/)
})
