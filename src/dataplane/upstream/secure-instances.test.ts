import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls'
import { type TestContext, test } from 'node:test'
import type { TrustSpec } from '../../contracts/certificates.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { makeCertificate } from '../testing/certificates.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, readFrom, startRawUpstream } from '../testing/sockets.ts'
import { instanceSpec, serviceSpec } from '../testing/specs.ts'

const orders = makeCertificate(['orders.internal', '127.0.0.1'])
const stranger = makeCertificate(['orders.internal', '127.0.0.1'])
const gatewayItself = makeCertificate(['gateway.internal'])

interface SecureInstance {
  readonly port: number
  /** Of each connection: the name that was asked for, whether a session was continued, who the client is. */
  readonly seen: { serverName: unknown; isReused: boolean; client: string; protocol: unknown }[]
}

/** Answers every request on every connection. */
async function startInstance(t: TestContext, options: TlsOptions = {}): Promise<SecureInstance> {
  const seen: SecureInstance['seen'] = []
  const sockets = new Set<TLSSocket>()
  const { chain: cert, key } = orders
  const server = createServer({ cert, key, ALPNProtocols: ['http/1.1'], ...options }, (socket) => {
    sockets.add(socket)
    const { servername, alpnProtocol } = socket as TLSSocket & { servername: unknown }
    const { CN } = socket.getPeerCertificate().subject ?? {}
    seen.push({
      serverName: servername,
      isReused: socket.isSessionReused(),
      client: String(CN ?? ''),
      protocol: alpnProtocol,
    })
    const reader = readFrom(socket)
    void (async () => {
      for (let count = 1; ; count++) {
        await reader.until(new RegExp(`(?:[^]*?\\r\\n\\r\\n){${count}}`))
        socket.write(OK)
      }
    })().catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as { port: number }).port, seen }
}

const trust = (change: Partial<TrustSpec> = {}): TrustSpec => ({
  service: 'echo',
  ca: orders.chain,
  chain: '',
  key: '',
  ...change,
})

async function start(
  t: TestContext,
  ports: readonly number[],
  name = 'orders.internal',
  service: Partial<ServiceSpec> = {},
): Promise<LocalWorker> {
  const gateway = await startGateway(t, ports, { service: { tls: { name }, ...service } })
  await gateway.update([{ op: 'trust', trust: trust() }])
  return gateway
}

async function ask(t: TestContext, gateway: LocalWorker): Promise<string> {
  return say(t, gateway, get('/', 'Connection: close\r\n')).reader.closed()
}

test('an instance is spoken to with TLS, its connections are used again, and its sessions', async (t) => {
  const { port, seen } = await startInstance(t)
  const gateway = await start(t, [port])
  for (let count = 0; count < 3; count++) assert.match(await ask(t, gateway), /ok$/)
  assert.equal(seen.length, 1)
  assert.deepEqual(seen[0], {
    serverName: 'orders.internal',
    isReused: false,
    client: '',
    protocol: 'http/1.1',
  })
  const [instance] = gateway.worker.context.services.get('echo')!.instances.values()
  for (const connection of instance!.idle.slice()) connection.cancel()
  assert.match(await ask(t, gateway), /ok$/)
  assert.equal(seen.length, 2)
  assert.equal(seen[1]!.isReused, true)
})

test('a large upload and a large answer go both ways', async (t) => {
  const total = 8 << 20
  const { chain: cert, key } = orders
  const server = createServer({ cert, key }, (socket) => {
    let got = 0
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length
      if (got < total) return
      got = -Infinity
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      socket.write(Buffer.alloc(total, 'a'))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const gateway = await start(t, [(server.address() as { port: number }).port])
  const { socket, reader } = say(
    t,
    gateway,
    `POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`,
  )
  socket.write(Buffer.alloc(total, 'b'))
  const answer = await reader.closed()
  assert.equal(answer.length - answer.indexOf('\r\n\r\n') - 4, total)
})

test('who is not who it should be gets no request, and the reason says so', async (t) => {
  const right = await startInstance(t)
  const wrongKey = await startInstance(t, { cert: stranger.chain, key: stranger.key })
  const plain = await startRawUpstream()
  t.after(() => plain.close())
  const cases: readonly (readonly [number, string])[] = [
    [right.port, 'payments.internal'],
    [wrongKey.port, 'orders.internal'],
  ]
  for (const [port, name] of cases) {
    const gateway = await start(t, [port], name)
    const answer = await ask(t, gateway)
    assert.equal(reasonIn(answer), 'ERR_GATEWAY_UPSTREAM_TLS')
    assert.match(answer, /^HTTP\/1\.1 502 /)
    const { attempts, detail } = gateway.recent(1)[0]!
    assert.equal(attempts[0]!.outcome, 'connect-tls')
    assert.match(detail, /ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO_SELF_SIGNED_CERT/)
  }
  const silent = await start(t, [plain.port])
  const asked = ask(t, silent)
  const { socket } = await plain.accept()
  socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  assert.equal(reasonIn(await asked), 'ERR_GATEWAY_UPSTREAM_TLS')
})

test('as long as nobody is said to be trusted, nobody is, and another instance that is fine takes the request', async (t) => {
  const right = await startInstance(t)
  const wrong = await startInstance(t, { cert: stranger.chain, key: stranger.key })
  const gateway = await startGateway(t, [right.port, wrong.port], {
    service: {
      tls: { name: '' },
      balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: '' },
    },
  })
  assert.equal(reasonIn(await ask(t, gateway)), 'ERR_GATEWAY_UPSTREAM_TLS')
  await gateway.update([{ op: 'trust', trust: trust() }])
  for (let count = 0; count < 4; count++) assert.match(await ask(t, gateway), /ok$/)
  assert.equal(right.seen.at(-1)?.serverName, false)
  await gateway.update([{ op: 'trust-gone', service: 'echo' }])
  assert.equal(reasonIn(await ask(t, gateway)), 'ERR_GATEWAY_UPSTREAM_TLS')
})

test('our certificate is shown to who asks for it', async (t) => {
  const options = { requestCert: true, rejectUnauthorized: true, ca: gatewayItself.chain }
  const { port, seen } = await startInstance(t, options)
  const gateway = await start(t, [port])
  assert.match(await ask(t, gateway), /^HTTP\/1\.1 502 /)
  const { chain, key } = gatewayItself
  await gateway.update([{ op: 'trust', trust: trust({ chain, key }) }])
  assert.match(await ask(t, gateway), /ok$/)
  assert.equal(seen.at(-1)?.client, 'gateway.internal')
})

test('a service that begins or ends to speak TLS meets no connection from before', async (t) => {
  const { port, seen } = await startInstance(t)
  const plain = await startRawUpstream(0)
  t.after(() => plain.close())
  const gateway = await start(t, [port])
  assert.match(await ask(t, gateway), /ok$/)
  await gateway.update([{ op: 'service', service: serviceSpec() }])
  // In the clear it is no answer that this instance gives.
  assert.match(await ask(t, gateway), /^HTTP\/1\.1 502 /)
  await gateway.update([{ op: 'service', service: serviceSpec({ tls: { name: '' } }) }])
  assert.match(await ask(t, gateway), /ok$/)
  assert.equal(seen.length, 2)
  await gateway.update([{ op: 'instance', instance: instanceSpec(port) }])
  assert.match(await ask(t, gateway), /ok$/)
})

test('HTTP/2 is agreed on with the instance by ALPN', async (t) => {
  const { chain: cert, key } = orders
  const server = createSecureServer({ cert, key }, (request, response) => {
    response.end(`${request.httpVersion} ${(request.socket as TLSSocket).alpnProtocol}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const gateway = await start(t, [port], 'orders.internal', { protocol: 'h2c' })
  const answers = await Promise.all([1, 2, 3].map(() => ask(t, gateway)))
  for (const answer of answers) assert.match(answer, /2\.0 h2/)
})
