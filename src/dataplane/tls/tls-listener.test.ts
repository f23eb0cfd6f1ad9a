import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type TestContext, test } from 'node:test'
import type { CertificateSpec, TlsSpec } from '../../contracts/certificates.ts'
import type { GatewaySpec } from '../../contracts/snapshot.ts'
import { PLACE } from '../shared/counts.ts'
import { makeCertificate, tlsSpec } from '../testing/certificates.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, startGateway } from '../testing/setup.ts'
import { OK, readFrom, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'

const shop = makeCertificate(['shop.example', '*.shop.example'], { isDefault: true })
const other = makeCertificate(['other.example'])
const otherRsa = makeCertificate(['other.example'], { keyType: 'rsa' })

function gatewayOf(tls: Partial<TlsSpec> = {}, proxyProtocol = false): Partial<GatewaySpec> {
  const listener = { kind: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol } as const
  return {
    listeners: [
      { ...listener, id: 'gateway', proxyProtocol: false },
      { ...listener, id: 'secure', tls: { ...tlsSpec, ...tls } },
    ],
  }
}

async function startSecure(
  t: TestContext,
  ports: readonly number[],
  options: {
    readonly tls?: Partial<TlsSpec>
    readonly certificates?: readonly CertificateSpec[]
    readonly gateway?: Partial<GatewaySpec>
    readonly proxyProtocol?: boolean
  } = {},
): Promise<LocalWorker> {
  const { tls = {}, certificates = [shop, other, otherRsa], proxyProtocol = false } = options
  const gateway = await startGateway(t, ports, {
    gateway: { ...gatewayOf(tls, proxyProtocol), ...options.gateway },
  })
  await gateway.update(certificates.map((certificate) => ({ op: 'certificate', certificate })))
  return gateway
}

function dial(t: TestContext, gateway: LocalWorker, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({
    port: gateway.port('secure'),
    host: '127.0.0.1',
    servername: 'shop.example',
    rejectUnauthorized: false,
    ...options,
  })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

async function failureOf(socket: TLSSocket): Promise<string> {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  return error.code ?? error.message
}

function closing(socket: Socket): Promise<void> {
  socket.resume()
  return new Promise((done) => socket.on('close', () => done()))
}

test('a request over TLS is like one in the clear, and says that it was none', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = dial(t, gateway, { maxVersion, ALPNProtocols: ['h9', 'http/1.1'] })
    const reader = readFrom(socket)
    socket.write(get('/a') + get('/b'))
    await reader.until(/ok[^]*ok/)
    assert.equal(socket.alpnProtocol, 'http/1.1')
    assert.equal(gateway.recent(1)[0]?.tls, maxVersion)
    assert.equal(gateway.recent(1)[0]?.protocol, 'http/1.1')
    socket.end()
    await reader.closed()
  }
  assert.match(upstream.heads[0]!, /^x-forwarded-proto: https\r$/m)
  assert.match(upstream.heads[0]!, /^forwarded: .*;proto=https\r$/m)
})

test('the certificate is chosen by the name, the kind of key by what the client takes', async (t) => {
  const gateway = await startSecure(t, [])
  const shown = async (servername: string, options: ConnectionOptions = {}): Promise<string> => {
    const socket = dial(t, gateway, { servername, ...options })
    await once(socket, 'secureConnect')
    const { subject, asn1Curve } = socket.getPeerCertificate()
    socket.destroy()
    return `${String(subject.CN)} ${asn1Curve === undefined ? 'rsa' : 'ecdsa'}`
  }
  assert.equal(await shown('shop.example'), 'shop.example ecdsa')
  assert.equal(await shown('www.SHOP.example'), 'shop.example ecdsa')
  assert.equal(await shown('other.example'), 'other.example ecdsa')
  assert.equal(await shown('other.example', { sigalgs: 'RSA-PSS+SHA256' }), 'other.example rsa')
  assert.equal(await shown('nobody.example'), 'shop.example ecdsa')
  assert.equal(await shown(''), 'shop.example ecdsa')
})

test('a certificate that is replaced is shown to the next client; open connections stay', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  const before = dial(t, gateway)
  await once(before, 'secureConnect')
  const renewed = makeCertificate(['shop.example', 'new.example'], { isDefault: true })
  await gateway.update([{ op: 'certificate', certificate: { ...renewed, id: shop.id } }])
  const after = dial(t, gateway)
  await once(after, 'secureConnect')
  assert.match(after.getPeerCertificate().subjectaltname ?? '', /new\.example/)
  assert.doesNotMatch(before.getPeerCertificate().subjectaltname ?? '', /new\.example/)
  before.write(get())
  await readFrom(before).until('ok')
  await gateway.update([{ op: 'certificate-gone', id: other.id }])
  const gone = dial(t, gateway, { servername: 'other.example', sigalgs: 'ECDSA+SHA256' })
  assert.match(await failureOf(gone), /ERR_SSL/)
})

test('sessions are resumed, whatever connection they began on, until the keys change', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  let session: Buffer | undefined
  const visit = async (): Promise<boolean> => {
    const trust = { ca: shop.chain, rejectUnauthorized: true }
    const socket = dial(t, gateway, session === undefined ? trust : { ...trust, session })
    socket.on('session', (next: Buffer) => (session ??= next))
    const reader = readFrom(socket)
    socket.write(get())
    await reader.until('ok')
    const isReused = socket.isSessionReused()
    assert.equal(gateway.recent(1)[0]?.tls, isReused ? 'TLSv1.3 resumed' : 'TLSv1.3')
    socket.destroy()
    return isReused
  }
  assert.equal(await visit(), false)
  assert.equal(await visit(), true)
  gateway.worker.receive({ type: 'ticket-keys', keys: new Uint8Array(48).fill(9) })
  assert.equal(await visit(), false)
})

test('what is no TLS, an old version and a foreign protocol are refused, counted, and leave nothing', async (t) => {
  const gateway = await startSecure(t, [], { tls: { versionMin: 'TLSv1.3' } })
  assert.match(await failureOf(dial(t, gateway, { maxVersion: 'TLSv1.2' })), /VERSION/)
  assert.match(
    await failureOf(dial(t, gateway, { ALPNProtocols: ['h9'] })),
    /NO_APPLICATION_PROTOCOL/,
  )
  const untrusted = dial(t, gateway, { rejectUnauthorized: true })
  assert.match(await failureOf(untrusted), /SELF_SIGNED/)
  const garbage = gateway.connect('secure')
  garbage.write(Buffer.alloc(400, 0xfe))
  await closing(garbage)
  const silent = gateway.connect('secure')
  await once(silent, 'connect')
  silent.destroy()
  while (gateway.worker.context.handshakes.size > 0) await new Promise((done) => setImmediate(done))
  const { handshakes } = gateway.worker.context.totals.take({
    connections: 0,
    accessLogDropped: 0,
    recordsDropped: 0,
    wallMs: 0,
    monotonicMs: 0,
  })
  assert.equal(handshakes['nothing-shared'], 2)
  assert.equal(handshakes['malformed'], 1)
  assert.ok(handshakes['closed']! >= 1)
  assert.equal(gateway.worker.context.counts.total(PLACE.handshakes), 0)
})

test('plain HTTP at the TLS port is told so', async (t) => {
  const gateway = await startSecure(t, [])
  const socket = gateway.connect('secure')
  const reader = readFrom(socket)
  socket.write(get())
  const answer = await reader.closed()
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, /^backplane-reason: ERR_GATEWAY_TLS_EXPECTED\r$/m)
})

test('handshakes that do not end are given up, and no more of them than the limit are under way', async (t) => {
  const gateway = await startSecure(t, [], { tls: { handshakesMax: 3, handshakeTimeoutMs: 200 } })
  const { context } = gateway.worker
  const silent = [1, 2, 3].map(() => closing(gateway.connect('secure')))
  while (context.handshakes.size < 3) await new Promise((done) => setImmediate(done))
  await closing(gateway.connect('secure'))
  assert.equal(context.handshakes.size, 3)
  await Promise.all(silent)
  while (context.handshakes.size > 0) await new Promise((done) => setImmediate(done))
  assert.equal(context.counts.total(PLACE.handshakes), 0)
  const socket = dial(t, gateway)
  await once(socket, 'secureConnect')
})

test('a slow reader stops the instance, and gets everything', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  const client = dial(t, gateway)
  client.pause()
  client.write(get())
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  const total = 64 << 20
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
  const piece = Buffer.alloc(1 << 20, 'x')
  let written = 0
  let isBlocked = false
  while (written < total && !isBlocked) {
    isBlocked = !socket.write(piece)
    written += piece.length
    if (isBlocked) {
      const drained = once(socket, 'drain').then(() => true)
      isBlocked = !(await Promise.race([
        drained,
        once(AbortSignal.timeout(300), 'abort').then(() => false),
      ]))
    }
  }
  assert.ok(isBlocked && written < total, `the gateway took ${written} bytes`)
  const [connection] = gateway.worker.context.clients
  assert.ok(connection!.outlet.waitingBytes < 1 << 20)
  let got = 0
  client.on('data', (chunk: Buffer) => (got += chunk.length))
  client.resume()
  while (written < total) {
    if (!socket.write(piece)) await once(socket, 'drain')
    written += piece.length
  }
  while (got < total) await once(client, 'data')
})

test('a slow instance stops the client', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  const client = dial(t, gateway)
  const total = 64 << 20
  client.write(`POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${total}\r\n\r\n`)
  const { socket } = await upstream.accept()
  socket.pause()
  const piece = Buffer.alloc(1 << 20, 'y')
  let written = 0
  let isBlocked = false
  while (written < total && !isBlocked) {
    isBlocked = !client.write(piece)
    written += piece.length
    if (isBlocked) {
      const drained = once(client, 'drain').then(() => true)
      isBlocked = !(await Promise.race([
        drained,
        once(AbortSignal.timeout(300), 'abort').then(() => false),
      ]))
    }
  }
  assert.ok(isBlocked && written < total, `the gateway took ${written} bytes`)
  let got = 0
  socket.on('data', (chunk: Buffer) => (got += chunk.length))
  socket.resume()
  while (written < total) {
    if (!client.write(piece)) await once(client, 'drain')
    written += piece.length
  }
  while (got < total) await once(socket, 'data')
  const reader = readFrom(client)
  socket.write(OK)
  await reader.until('ok')
})

test('a client that closes its side still gets its answer; a cut answer is no whole one', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  const half = dial(t, gateway, { allowHalfOpen: true } as ConnectionOptions)
  half.write(get('/half', 'Connection: close\r\n'))
  const first = await upstream.accept()
  await first.reader.until('\r\n\r\n')
  first.socket.write(OK)
  assert.match(await readFrom(half).closed(), /ok$/)
  const cut = dial(t, gateway)
  const reader = readFrom(cut)
  cut.write('GET /cut HTTP/1.0\r\nHost: shop.example\r\n\r\n')
  await first.reader.until('/cut')
  first.socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbegin')
  await reader.until('begin')
  const broken = once(cut, 'error')
  first.socket.resetAndDestroy()
  const [error] = (await broken) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
})

test('an upgrade becomes a tunnel, both ways', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  const client = dial(t, gateway)
  const reader = readFrom(client)
  client.write(get('/ws', 'Connection: Upgrade\r\nUpgrade: echo\r\n'))
  const { socket, reader: below } = await upstream.accept()
  await below.until('\r\n\r\n')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi')
  await reader.until('hi')
  client.write('there')
  await below.until('there')
  socket.end()
  await reader.closed()
})

test('draining closes idle TLS connections and lets busy ones end', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port])
  const idle = dial(t, gateway)
  await once(idle, 'secureConnect')
  const busy = dial(t, gateway)
  const reader = readFrom(busy)
  busy.write(get())
  const { socket, reader: below } = await upstream.accept()
  await below.until('\r\n\r\n')
  gateway.worker.receive({ type: 'drain' })
  idle.resume()
  await once(idle, 'end')
  assert.ok(!gateway.said.some(({ type }) => type === 'idle'))
  socket.write(OK)
  assert.match(await reader.closed(), /connection: close/i)
  while (!gateway.said.some(({ type }) => type === 'idle'))
    await new Promise((done) => setImmediate(done))
})

test('a PROXY protocol header stands before the handshake', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], {
    proxyProtocol: true,
    gateway: { trustedProxies: ['127.0.0.1'] },
  })
  const plain = connectPlain(gateway.port('secure'), '127.0.0.1')
  plain.on('error', () => {})
  plain.write('PROXY TCP4 192.0.2.1 192.0.2.2 5')
  await once(AbortSignal.timeout(20), 'abort')
  plain.write('6324 443\r\n')
  const socket = connect({ socket: plain, servername: 'shop.example', rejectUnauthorized: false })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(get())
  await readFrom(socket).until('ok')
  assert.match(upstream.heads[0]!, /^x-forwarded-for: 192\.0\.2\.1\r$/m)
  // All in one write.
  const without = dial(t, gateway)
  assert.ok(await failureOf(without))
})

test('thousands of names: contexts are made when they are wanted, and forgotten', async (t) => {
  const gateway = await startSecure(t, [], {
    tls: { contextsMax: 10 },
    certificates: Array.from({ length: 100 }, (_, at) => ({
      ...shop,
      id: `shop-${at}`,
      names: [`shop-${at}.example`],
      isDefault: at === 0,
    })),
  })
  for (let at = 0; at < 30; at++) {
    const socket = dial(t, gateway, { servername: `shop-${at}.example` })
    await once(socket, 'secureConnect')
    socket.destroy()
  }
  assert.equal(gateway.worker.context.contexts.readyCount, 10)
})
