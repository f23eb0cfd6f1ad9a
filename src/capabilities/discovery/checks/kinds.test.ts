import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../../platform/clock.ts'
import type { CheckSpec } from '../check-spec.ts'
import { oneCheck } from '../testdata/ground.ts'
import { runCheck } from './run.ts'

const ask = (spec: CheckSpec, signal = new AbortController().signal) =>
  runCheck(spec, { host: '127.0.0.1', port: 1 }, signal, systemClock)
const url = (address: string, more: object = {}): CheckSpec => ({
  kind: 'http',
  url: address,
  ...oneCheck,
  ...more,
})

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function listenHttp(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createHttpServer(answer)
  t.after(() => server.closeAllConnections())
  return `http://127.0.0.1:${await listen(t, server)}`
}

test('url: only 2xx passes, 429 warns, and the output says what came', async (t) => {
  let code = 200
  const base = await listenHttp(t, (_request, response) => {
    response.statusCode = code
    response.end('hello')
  })
  const expected = {
    200: 'passing',
    204: 'passing',
    304: 'critical',
    429: 'warning',
    500: 'critical',
  }
  for (const [given, wanted] of Object.entries(expected)) {
    code = Number(given)
    assert.equal((await ask(url(`${base}/x?y=1`))).status, wanted, given)
  }
  assert.match(
    (await ask(url(`${base}/x?y=1`))).output,
    /^HTTP GET http.*\/x\?y=1: 500 .* Output: hello$/,
  )
})

test('url: method, headers with several values, and body arrive', async (t) => {
  const seen: unknown[] = []
  const base = await listenHttp(t, (request, response) => {
    void request.toArray().then((chunks) => {
      const { method, headers, rawHeaders } = request
      const twice = rawHeaders.filter((name) => name.toLowerCase() === 'x-two').length
      seen.push([
        method,
        headers['authorization'],
        headers.host,
        twice,
        Buffer.concat(chunks).toString(),
      ])
      response.end()
    })
  })
  const headers = { Authorization: ['Bearer x'], Host: ['shop.example'], 'X-Two': ['a', 'b'] }
  await ask(url(`${base}/`, { method: 'POST', headers, body: '{"deep":true}' }))
  assert.deepEqual(seen, [['POST', 'Bearer x', 'shop.example', 2, '{"deep":true}']])
})

test('url: redirects are followed ten times, 303 with GET and 307 as it was, or not at all', async (t) => {
  const seen: string[] = []
  const base = await listenHttp(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const next = { '/303': '/ok', '/307': '/ok', '/ring': '/ring' }[request.url ?? '']
    if (next === undefined) return response.end('fine')
    response.writeHead(request.url === '/303' ? 303 : 307, { location: next }).end()
    return undefined
  })
  assert.equal((await ask(url(`${base}/303`, { method: 'PUT' }))).status, 'passing')
  assert.equal((await ask(url(`${base}/307`, { method: 'PUT' }))).status, 'passing')
  assert.deepEqual(seen.splice(0), ['PUT /303', 'GET /ok', 'PUT /307', 'PUT /ok'])
  assert.equal((await ask(url(`${base}/ring`))).status, 'critical')
  assert.equal(seen.splice(0).length, 11)
  assert.equal((await ask(url(`${base}/303`, { disableRedirects: true }))).status, 'critical')
})

test('TLS: the certificate counts unless that is off, and its name may be another one', async (t) => {
  const { key, cert } = selfSigned(t)
  const server = createHttpsServer({ key, cert }, (_request, response) => response.end('secret'))
  t.after(() => server.closeAllConnections())
  const port = await listen(t, server)
  const https = `https://127.0.0.1:${port}/`
  await assert.rejects(ask(url(https)), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  assert.equal((await ask(url(https, { tls: { skipVerify: true } }))).status, 'passing')
  const address = `127.0.0.1:${port}`
  const tcp = { kind: 'tcp', address, ...oneCheck } as const
  assert.equal((await ask(tcp)).status, 'passing')
  assert.equal((await ask({ ...tcp, tls: {} })).status, 'critical')
  assert.equal(
    (await ask({ ...tcp, tls: { skipVerify: true, serverName: 'x' } })).status,
    'passing',
  )
})

test('gRPC: SERVING passes, and everything else says what came', async (t) => {
  const answers: Record<string, (stream: ServerHttp2Stream) => void> = {
    '': (stream) => serve(stream, Buffer.from([0, 0, 0, 0, 2, 8, 1])),
    down: (stream) => serve(stream, Buffer.from([0, 0, 0, 0, 2, 8, 2])),
    none: (stream) => serve(stream, Buffer.from([0, 0, 0, 0, 0])),
    odd: (stream) => serve(stream, Buffer.from([1, 2, 3])),
    unknown: (stream) =>
      stream.respond(
        { ':status': 200, 'grpc-status': '5', 'grpc-message': 'unknown service' },
        { endStream: true },
      ),
    proxy: (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
    endless: (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      stream.write(Buffer.alloc(10_000))
    },
  }
  const server = createHttp2Server()
  const paths = new Set<string>()
  server.on('sessionError', () => {})
  server.on('stream', (stream, headers) => {
    paths.add([headers[':path'], headers['content-type'], headers['te']].map(String).join(' '))
    stream.on('error', () => {})
    const whole = stream.toArray() as Promise<Buffer[]>
    void whole.then((chunks) => {
      const frame = Buffer.concat(chunks)
      assert.equal(frame.readUInt32BE(1), frame.length - 5)
      answers[frame.subarray(7).toString()]?.(stream)
    })
  })
  const port = await listen(t, server)
  const of = (grpcService?: string): CheckSpec => ({
    kind: 'grpc',
    address: `127.0.0.1:${port}`,
    ...(grpcService === undefined ? {} : { grpcService }),
    ...oneCheck,
  })
  assert.deepEqual(await statusOf(of()), ['passing', 'gRPC: SERVING'])
  assert.deepEqual(await statusOf(of('down')), ['critical', 'gRPC down: NOT_SERVING'])
  assert.deepEqual(await statusOf(of('none')), ['critical', 'gRPC none: UNKNOWN'])
  assert.deepEqual(await statusOf(of('odd')), ['critical', 'gRPC odd: no status'])
  assert.deepEqual(await statusOf(of('unknown')), [
    'critical',
    'gRPC unknown: grpc-status 5 unknown service',
  ])
  assert.deepEqual(await statusOf(of('proxy')), ['critical', 'gRPC proxy: HTTP status 503'])
  await assert.rejects(ask(of('endless')), /too long/)
  await assert.rejects(ask(of('silent'), AbortSignal.timeout(50)), /aborted/)
  assert.deepEqual([...paths], ['/grpc.health.v1.Health/Check application/grpc trailers'])
})

async function statusOf(spec: CheckSpec): Promise<unknown> {
  const { status, output } = await ask(spec)
  return [status, output]
}

function serve(stream: ServerHttp2Stream, frame: Buffer): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(frame)
}

function selfSigned(t: TestContext): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-checks-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=localhost', '-days', '1', '-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', ...curve, ...names], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

test('grpc and h2ping: given up before the connection is begun, they end', async (t) => {
  const port = await listen(
    t,
    createTcpServer(() => {}),
  )
  for (const kind of ['grpc', 'h2ping'] as const) {
    const abort = new AbortController()
    const asked = ask({ kind, address: `127.0.0.1:${port}`, ...oneCheck }, abort.signal)
    abort.abort()
    await assert.rejects(asked, /aborted/)
  }
})
