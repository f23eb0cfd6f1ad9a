import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectPlain } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { test } from 'node:test'
import { PLACE } from '../shared/counts.ts'
import { makeCertificate } from '../testing/certificates.ts'
import { closing, dial, failureOf, startSecure } from '../testing/secure.ts'
import { get } from '../testing/setup.ts'
import { OK, readFrom, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'

const shop = makeCertificate(['shop.example', '*.shop.example'], { isDefault: true })
const other = makeCertificate(['other.example'])
const otherRsa = makeCertificate(['other.example'], { keyType: 'rsa' })
const ALL = [shop, other, otherRsa]

test('a request over TLS is like one in the clear, and says that it was none', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: ALL })
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

test('HTTP/2 is agreed on by ALPN', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: ALL })
  const session = connectHttp2(`https://127.0.0.1:${gateway.port('secure')}`, {
    servername: 'shop.example',
    ca: shop.chain,
  })
  t.after(() => session.destroy())
  const answers = await Promise.all(
    ['/a', '/b', '/c'].map(async (path) => {
      const stream = session.request({ ':path': path, ':authority': 'shop.example' })
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      return text
    }),
  )
  assert.deepEqual(answers, ['ok', 'ok', 'ok'])
  const { protocol, tls } = gateway.recent(1)[0]!
  assert.deepEqual([protocol, tls], ['http/2', 'TLSv1.3'])
  assert.match(upstream.heads[0]!, /^x-forwarded-proto: https\r$/m)
})

test('answers over TLS carry Strict-Transport-Security, and requests in the clear are sent to it', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const https = { hsts: 'max-age=60; includeSubDomains', redirectPort: 0 }
  const gateway = await startSecure(t, [upstream.port], {
    certificates: ALL,
    gateway: { https, trustedProxies: ['127.0.0.2'] },
  })
  const hsts = /^strict-transport-security: max-age=60; includeSubDomains\r$/m
  const secure = readFrom(
    dial(t, gateway).on('secureConnect', function greet(this: TLSSocket) {
      this.write(get() + get('/x', 'Expect: nonsense\r\n'))
    }),
  )
  assert.match(await secure.until(/ok[^]*417 [^]*\r\n\r\n/), hsts)
  const lines = (await secure.until('}')).match(new RegExp(hsts, 'gm')) ?? []
  assert.equal(lines.length, 2)
  const plain = gateway.connect()
  t.after(() => plain.destroy())
  const clear = readFrom(plain)
  plain.write(get('/a/b?c=d'))
  const answer = await clear.until(/\r\n\r\n[^]*\n/)
  const port = gateway.port('secure')
  assert.match(answer, /^HTTP\/1\.1 308 /)
  assert.match(answer, new RegExp(`^location: https://shop\\.example:${port}/a/b\\?c=d\\r$`, 'm'))
  assert.doesNotMatch(answer, hsts)
  assert.equal(upstream.heads.length, 1)
})

test('a question of an authority is answered in the clear, whatever routes and redirects say', async (t) => {
  const gateway = await startSecure(t, [], {
    certificates: ALL,
    gateway: { https: { hsts: '', redirectPort: 443 }, hosts: [] },
  })
  const ask = async (path: string): Promise<string> => {
    const socket = gateway.connect()
    t.after(() => socket.destroy())
    socket.write(`GET ${path} HTTP/1.1\r\nHost: new.example\r\nConnection: close\r\n\r\n`)
    return readFrom(socket).closed()
  }
  const challenge = {
    kind: 'http-01',
    id: '1',
    host: 'new.example',
    token: 'tok',
    body: 'tok.key',
  } as const
  await gateway.update([{ op: 'challenge', challenge }])
  assert.match(await ask('/.well-known/acme-challenge/tok'), /200 OK[^]*\r\n\r\ntok\.key$/)
  assert.match(await ask('/.well-known/acme-challenge/other'), / 421 /)
  await gateway.update([{ op: 'challenge-gone', id: '1' }])
  assert.match(await ask('/.well-known/acme-challenge/tok'), / 421 /)
})

test('acme-tls/1 is shown the certificate of the challenge, and everybody else the usual one', async (t) => {
  const gateway = await startSecure(t, [], { certificates: [shop] })
  const proof = makeCertificate(['shop.example'])
  const fresh = makeCertificate(['fresh.example'])
  for (const { chain, key, names } of [proof, fresh]) {
    const challenge = { kind: 'tls-alpn-01', id: names[0]!, host: names[0]!, chain, key } as const
    await gateway.update([{ op: 'challenge', challenge }])
  }
  const shown = async (servername: string, ALPNProtocols: string[]): Promise<string> => {
    const socket = dial(t, gateway, { servername, ALPNProtocols })
    await once(socket, 'secureConnect')
    const { raw } = socket.getPeerCertificate()
    socket.destroy()
    const known = [shop, proof, fresh].find(({ chain }) =>
      raw.equals(new X509Certificate(chain).raw),
    )
    return `${socket.alpnProtocol} ${known === shop ? 'shop' : known === proof ? 'proof' : 'fresh'}`
  }
  assert.equal(await shown('shop.example', ['acme-tls/1']), 'acme-tls/1 proof')
  assert.equal(await shown('shop.example', ['http/1.1']), 'http/1.1 shop')
  assert.equal(await shown('fresh.example', ['acme-tls/1']), 'acme-tls/1 fresh')
  assert.match(
    await failureOf(dial(t, gateway, { servername: 'x', ALPNProtocols: ['acme-tls/1'] })),
    /PROTOCOL/,
  )
  for (const { names } of [proof, fresh])
    await gateway.update([{ op: 'challenge-gone', id: names[0]! }])
  assert.match(await failureOf(dial(t, gateway, { ALPNProtocols: ['acme-tls/1'] })), /PROTOCOL/)
})

test('the certificate is chosen by the name, the kind of key by what the client takes', async (t) => {
  const gateway = await startSecure(t, [], { certificates: ALL })
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
  const gateway = await startSecure(t, [upstream.port], { certificates: ALL })
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
  const gateway = await startSecure(t, [upstream.port], { certificates: ALL })
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
  const gateway = await startSecure(t, [], { certificates: ALL, tls: { versionMin: 'TLSv1.3' } })
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
  const gateway = await startSecure(t, [], { certificates: ALL })
  const socket = gateway.connect('secure')
  const reader = readFrom(socket)
  socket.write(get())
  const answer = await reader.closed()
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, /^backplane-reason: ERR_GATEWAY_TLS_EXPECTED\r$/m)
})

test('handshakes that do not end are given up, and no more of them than the limit are under way', async (t) => {
  const gateway = await startSecure(t, [], {
    certificates: ALL,
    tls: { handshakesMax: 3, handshakeTimeoutMs: 200 },
  })
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

test('draining closes idle TLS connections and lets busy ones end', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: ALL })
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
    certificates: ALL,
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
