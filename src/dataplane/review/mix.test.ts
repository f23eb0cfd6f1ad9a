import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { chainPolicies } from '../policies/compile.ts'
import { type Policy, VERDICT } from '../policies/policy.ts'
import { createChance } from '../testing/chance.ts'
import { startGateway } from '../testing/setup.ts'
import { routeSpec, testLimits } from '../testing/specs.ts'
import { PLACE } from '../shared/counts.ts'

const SEED = Number(process.env.SEED ?? 1)
test('pipelined mixtures', async (t) => {
  const chance = createChance(SEED)
  const server = createServer({ maxHeaderSize: 400_000 }, (req, res) => {
    let n = 0
    req.on('data', (c: Buffer) => (n += c.length))
    req.on('end', () => {
      const size = Number(req.headers['x-answer'] ?? 10)
      const id = req.url!
      const go = (): void => void res.end(`[${id}:${n}]` + '.'.repeat(size))
      if (id.length % 2) go(); else setTimeout(go, 2)
    })
  })
  server.listen(0, '127.0.0.1'); await once(server, 'listening')
  t.after(() => { server.closeAllConnections(); server.close() })
  const port = (server.address() as any).port
  const gateway = await startGateway(t, [port], {
    service: { connectionsPerInstanceMax: 3, timeoutMs: 20_000 },
    gateway: {
      limits: { ...testLimits, headBytesMax: 300_000, requestLineBytesMax: 200_000, requestsInFlightMax: Number(process.env.MAXREQ ?? 10_000) },
      routes: [routeSpec({ path: '/p/**', id: 'p', timeoutMs: 20_000 }), routeSpec({ path: '/e/**', id: 'e', timeoutMs: 20_000 })],
    },
  })
  const policy: Policy = { kind: 'ask', request(x) {
    const ticket = x.suspend(() => {})
    if (chance.is(0.3)) ticket.resume({ verdict: VERDICT.go })
    else setTimeout(() => ticket.resume({ verdict: VERDICT.go }), chance.int(4))
    return VERDICT.pending
  } }
  for (const route of gateway.worker.context.routes.list as any) if (route.spec.id === 'p') route.policies = chainPolicies([policy, policy], ['x', 'y'], true)
  const one = async (c: ReturnType<typeof createChance>, index: number): Promise<void> => {
    const parts: Buffer[] = []
    const want: RegExp[] = []
    const count = 3 + c.int(40)
    for (let i = 0; i < count; i++) {
      const kind = c.oneOf(['get', 'get', 'get', 'put', 'chunked', 'trace', 'options', 'nf', 'bighead', 'pget', 'pput', 'bigans'])
      const pre = kind.startsWith('p') && kind !== 'put' ? 'p' : 'e'
      const url = `/${pre}/${index}-${i}`
      const H = 'Host: a\r\n'
      let body = ''
      const len = c.oneOf([1, 100, 5_000, 60_000, 70_000, 200_000])
      let s = ''
      if (kind === 'get' || kind === 'pget') s = `GET ${url} HTTP/1.1\r\n${H}\r\n`
      else if (kind === 'put' || kind === 'pput') { body = 'b'.repeat(len); s = `PUT ${url} HTTP/1.1\r\n${H}Content-Length: ${len}\r\n\r\n${body}` }
      else if (kind === 'chunked') { body = 'b'.repeat(len); s = `PUT ${url} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n`; for (let at = 0; at < len;) { const z = Math.min(len - at, 1 + c.int(30_000)); s += `${z.toString(16)}\r\n${'b'.repeat(z)}\r\n`; at += z } s += '0\r\n\r\n' }
      else if (kind === 'trace') s = `TRACE ${url} HTTP/1.1\r\n${H}\r\n`
      else if (kind === 'options') { body = 'b'.repeat(Math.min(len, 60_000)); s = `OPTIONS * HTTP/1.1\r\n${H}Content-Length: ${body.length}\r\n\r\n${body}` }
      else if (kind === 'nf') { body = 'b'.repeat(Math.min(len, 60_000)); s = `PUT /none HTTP/1.1\r\n${H}Content-Length: ${body.length}\r\n\r\n${body}` }
      else if (kind === 'bighead') s = `GET ${url} HTTP/1.1\r\n${H}X-Big: ${'h'.repeat(c.oneOf([60_000, 66_000, 130_000, 200_000]))}\r\n\r\n`
      else s = `GET ${url} HTTP/1.1\r\n${H}X-Answer: ${c.oneOf([20_000, 300_000, 4_000_000])}\r\n\r\n`
      parts.push(Buffer.from(s, 'latin1'))
      if (kind === 'trace') want.push(/405 Method/)
      else if (kind === 'options') want.push(/ 204 /)
      else if (kind === 'nf') want.push(/ 404 /)
      else want.push(new RegExp(`\\[${url}:${body.length}\\]`))
    }
    const all = Buffer.concat(parts)
    const socket = gateway.connect()
    socket.setNoDelay(true)
    let text = ''
    let closed = false
    const slow = c.is(0.3)
    socket.on('data', (b: Buffer) => { text += b.toString('latin1').replace(/\.{1000,}/g, ''); if (slow && c.is(0.2)) { socket.pause(); setTimeout(() => socket.resume(), 3) } })
    socket.on('close', () => (closed = true)); socket.on('error', () => {})
    const size = c.oneOf([1_000, 20_000, 65_536, 70_000, 131_072, 10_000_000])
    for (let at = 0; at < all.length && !closed; at += size) { socket.write(all.subarray(at, at + size)); if (c.is(0.3)) await c.wait(); if (socket.writableLength > 5e6) await new Promise((r) => setTimeout(r, 2)) }
    if (process.env.ABORT) { await new Promise((r) => setTimeout(r, c.int(30))); if (c.is(0.5)) socket.resetAndDestroy(); else if (c.is(0.5)) socket.destroy(); else { socket.end(); await new Promise((r) => setTimeout(r, 20)); socket.destroy() }; return }
    const until = Date.now() + 12_000
    const statuses = (): number => (text.match(/HTTP\/1\.1 \d\d\d/g) ?? []).length
    const done = (): boolean => statuses() >= count && (want.at(-1)!.test(text))
    while (!done() && !closed && Date.now() < until) await new Promise((r) => setTimeout(r, 3))
    if (process.env.MAXREQ) { socket.destroy(); assert.ok(closed || statuses() >= count); return }
    const [conn] = [...gateway.worker.context.clients].filter((x) => x.socket.remotePort === socket.localPort)
    assert.ok(done(), `conn ${index}: ${statuses()} of ${count}, closed ${closed}, owner ${conn?.owner?.phase}, idle ${conn?.isIdle}, paused ${conn?.socket.isPaused()} ${text.slice(-300)}`)
    let pos = 0
    for (const w of want) { const m = w.exec(text.slice(pos)); assert.ok(m, `order ${w}`); pos += m.index + m[0].length }
    while (!(conn!.isIdle && !conn!.socket.isPaused()) && Date.now() < until) await new Promise((r) => setTimeout(r, 3))
    assert.equal(conn!.isIdle, true)
    assert.equal(conn!.socket.isPaused(), false)
    socket.destroy()
  }
  if (process.env.ABORT) { const b = setInterval(() => { const e = performance.now() + 95; while (performance.now() < e); }, 180); t.after(() => clearInterval(b)) }
  for (let round = 0; round < (process.env.ABORT ? 30 : 6); round++) await Promise.all(Array.from({ length: 10 }, (_, i) => one(chance.fork(), round * 10 + i)))
  while (gateway.worker.context.exchanges.length) await new Promise((r) => setTimeout(r, 5))
  assert.equal(gateway.worker.context.counts.total(PLACE.requests), 0)
  assert.equal(gateway.worker.context.defectCount, 0)
})
