import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerSpec } from '../../contracts/resilience.ts'
import { BREAKER } from '../../mechanisms/breaker/breaker-policy.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { instanceSpec, serviceSpec } from '../testing/specs.ts'

const breaker: BreakerSpec = {
  scope: 'service',
  order: 'auto',
  failureRatio: 0.5,
  slowRatio: 2,
  slowMs: 1_000,
  statuses: [502, 503, 504],
  callsMin: 4,
  window: { kind: 'time', ms: 10_000 },
  openMs: 60_000,
  openMsMax: 60_000,
  probes: 1,
}
const BAD = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno'
const noEjection = { failures: 0, baseMs: 500, maxMs: 500, shareMax: 0.5 }

async function ask(...[t, gateway, bytes]: Parameters<typeof say>): Promise<string> {
  const { reader, socket } = say(t, gateway, bytes)
  const answer = await reader.until(/\r\n\r\n(ok|no|\{[^]*\})/)
  socket.destroy()
  return answer
}

test('a service that fails is not called any more, and the answer says why and until when', async (t) => {
  const upstream = await startAnsweringUpstream(BAD)
  t.after(() => upstream.close())
  const service = { breaker, ejection: noEjection }
  const gateway = await startGateway(t, [upstream.port], { service })
  for (let i = 0; i < 4; i++) assert.match(await ask(t, gateway, get()), /\r\n\r\nno/)
  const refused = await ask(t, gateway, get())
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_BREAKER_OPEN')
  assert.match(refused, /^HTTP\/1\.1 503 /)
  assert.match(refused, /^retry-after: 60\r$/m)
  assert.match(refused, /because 4 of 4 calls failed/)
  assert.equal(upstream.heads.length, 4)
  assert.ok(gateway.said.some(({ type }) => type === 'breaker'))
})

test('a new instance is a reason to try at once', async (t) => {
  const upstream = await startAnsweringUpstream(BAD)
  const second = await startAnsweringUpstream(OK)
  t.after(() => (upstream.close(), second.close()))
  const service = { breaker, ejection: noEjection }
  const gateway = await startGateway(t, [upstream.port], { service })
  for (let i = 0; i < 4; i++) await ask(t, gateway, get())
  assert.equal(reasonIn(await ask(t, gateway, get())), 'ERR_GATEWAY_BREAKER_OPEN')
  await gateway.update([
    { op: 'instance-gone', service: 'echo', id: instanceSpec(upstream.port).id },
    { op: 'instance', instance: instanceSpec(second.port) },
  ])
  assert.match(await ask(t, gateway, get()), /\r\n\r\nok/)
  assert.match(await ask(t, gateway, get()), /\r\n\r\nok/)
})

test('the breaker of one instance leaves the others alone; when all are open the request is refused', async (t) => {
  const bad = await startAnsweringUpstream(BAD)
  const well = await startAnsweringUpstream(OK)
  t.after(() => (bad.close(), well.close()))
  const service = {
    breaker: { ...breaker, scope: 'instance' },
    ejection: noEjection,
    balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' },
  } as const
  const gateway = await startGateway(t, [bad.port, well.port], { service })
  for (let i = 0; i < 8; i++) await ask(t, gateway, get())
  for (let i = 0; i < 6; i++) assert.match(await ask(t, gateway, get()), /\r\n\r\nok/)
  assert.equal(bad.heads.length, 4)
  await gateway.update([{ op: 'instance-gone', service: 'echo', id: instanceSpec(well.port).id }])
  const refused = await ask(t, gateway, get())
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_BREAKER_OPEN')
  assert.match(refused, /the breakers of all 1 instances of echo are open; the next is/)
})

test('calls that hang open it while they hang, and count once', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const slow = { ...breaker, slowRatio: 0.5, slowMs: 50 }
  const gateway = await startGateway(t, [upstream.port], { service: { breaker: slow } })
  const clients = Array.from({ length: 4 }, () => say(t, gateway, get()))
  const open = (): boolean =>
    gateway.worker.context.services.get('echo')!.breaker!.view().state === BREAKER.open
  while (!open()) await new Promise(setImmediate)
  const refused = await ask(t, gateway, get())
  assert.match(refused, /because 4 of 4 calls were slow/)
  for (const { socket } of clients) socket.destroy()
})

test('a probe whose caller leaves gives its place to the next one', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const service = { breaker: { ...breaker, callsMin: 1, openMs: 1, openMsMax: 1 } }
  const gateway = await startGateway(t, [upstream.port], { service })
  const first = say(t, gateway, get())
  const connection = await upstream.accept()
  await connection.reader.until('\r\n\r\n')
  connection.socket.write(BAD)
  await first.reader.until('no')
  const own = gateway.worker.context.services.get('echo')!.breaker!
  assert.equal(own.view().state, BREAKER.open)
  const openedMs = own.view().openUntilMs
  while (performance.now() < openedMs) await new Promise(setImmediate)
  const leaver = say(t, gateway, get('/leaver'))
  while (own.view().state !== BREAKER.halfOpen) await new Promise(setImmediate)
  assert.equal(reasonIn(await ask(t, gateway, get('/too-many'))), 'ERR_GATEWAY_BREAKER_OPEN')
  leaver.socket.destroy()
  while (gateway.worker.context.exchanges.length > 0) await new Promise(setImmediate)
  const stayer = say(t, gateway, get('/stayer'))
  for (;;) {
    const next = await upstream.accept()
    const head = await next.reader.until('\r\n\r\n').catch(() => '')
    if (!head.includes('/stayer')) continue
    next.socket.write(OK)
    break
  }
  await stayer.reader.until('ok')
  assert.equal(own.view().state, BREAKER.closed)
})

test('an operator opens it, and closes it', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const order = (to: BreakerSpec['order']) =>
    gateway.update([
      {
        op: 'service',
        service: serviceSpec({ breaker: { ...breaker, scope: 'off', order: to } }),
      },
    ])
  await order('open')
  assert.match(await ask(t, gateway, get()), /held open by an operator/)
  await order('auto')
  assert.match(await ask(t, gateway, get()), /\r\n\r\nok/)
})

test('an instance that hangs behind its heads fails after all', async (t) => {
  const upstream = await startAnsweringUpstream('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { service: { breaker } })
  for (let i = 0; i < 4; i++) {
    const { reader } = say(t, gateway, get())
    await reader.until('half')
    for (const socket of upstream.sockets) socket.resetAndDestroy()
    await reader.closed()
  }
  assert.match(await ask(t, gateway, get()), /of 4 calls failed/)
})
