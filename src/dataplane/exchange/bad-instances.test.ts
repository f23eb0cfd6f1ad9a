import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { specifyService } from '../../capabilities/gateway/specify.ts'
import { systemClock } from '../../platform/clock.ts'
import { defaultService } from '../../settings.ts'
import { startLocalWorker } from '../testing/local-worker.ts'
import { get, reasonIn, say } from '../testing/setup.ts'
import { gatewaySpec, instanceSpec } from '../testing/specs.ts'

/** What instances do to a gateway with its default settings. Slowness, lies in Retry-After, bodies that stop, and probes whose callers leave have their tests in neighbours. */
const DEFAULTS = specifyService('echo', defaultService(), () => 'default')

type Answer = (response: ServerResponse) => void
const good: Answer = (response) => void setTimeout(() => response.end('good'), 15)
const fails =
  (status: number): Answer =>
  (response) => {
    response.statusCode = status
    response.end('bad!')
  }

async function house(t: TestContext, answers: Answer[]) {
  const servers = answers.map((_, i) => {
    const server = createServer((_request, response) => {
      asked[i]!++
      answers[i]!(response)
    })
    return server.listen(0, '127.0.0.1')
  })
  const asked = answers.map(() => 0)
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const clock = { wallMs: 0, monotonicMs: 0 }
  const gateway = startLocalWorker({
    clock: {
      ...systemClock,
      nowMs: () => systemClock.nowMs() + clock.wallMs,
      monotonicMs: () => systemClock.monotonicMs() + clock.monotonicMs,
    },
  })
  t.after(() => {
    gateway.close()
    for (const server of servers) server.close().closeAllConnections()
  })
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await gateway.update(
    [
      { op: 'service', service: DEFAULTS },
      ...ports.map((port) => ({ op: 'instance', instance: instanceSpec(port) }) as const),
      { op: 'gateway', gateway: gatewaySpec() },
    ],
    true,
  )
  const ask = async (): Promise<string> => {
    const { reader, socket } = say(t, gateway, get('/'))
    const answer = await reader.until(/good|bad!|"requestId"/)
    socket.destroy()
    return answer
  }
  return {
    asked,
    answers,
    ask,
    clock,
    gateway,
    service: gateway.worker.context.services.get('echo')!,
  }
}

test('an instance that answers 500 at once does not draw the requests of the others', async (t) => {
  const { asked, ask } = await house(t, [fails(500), good, good])
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 10 }, ask))
  assert.ok(asked[0]! < 90, `${asked[0]} of 200 requests`)
  assert.ok(asked[1]! > 20 && asked[2]! > 20, asked.join(' '))
})

test('all instances bad at once: every request has its answer at once, and the first good one ends it', async (t) => {
  const { answers, ask, service, clock } = await house(t, [fails(503), fails(503), fails(503)])
  const said = []
  for (let i = 0; i < 40; i++) said.push(await ask())
  assert.ok(said.every((answer) => answer.startsWith('HTTP/1.1 503')))
  assert.equal(reasonIn(said.at(-1)!), 'ERR_GATEWAY_BREAKER_OPEN')
  answers.fill(good)
  clock.monotonicMs += 1_100
  assert.match(await ask(), /good/)
  for (let i = 0; i < 5; i++) assert.match(await ask(), /good/)
  assert.equal(service.breaker?.isOpen(systemClock.monotonicMs() + clock.monotonicMs), false)
})

test('a service that flaps is tried again more rarely each time, up to the longest wait', async (t) => {
  const { answers, ask, service, clock } = await house(t, [fails(503)])
  const waits = []
  for (let i = 0; i < 5; i++) {
    answers.fill(fails(503))
    for (let calls = 0; calls < 40; calls++) await ask()
    const { openUntilMs } = service.breaker!.view()
    const nowMs = systemClock.monotonicMs() + clock.monotonicMs
    assert.ok(service.breaker!.isOpen(nowMs))
    waits.push(Math.ceil((openUntilMs - nowMs) / 1_000))
    clock.monotonicMs += openUntilMs - nowMs + 1
    answers.fill(good)
    for (let calls = 0; calls < 3; calls++) assert.match(await ask(), /good/)
  }
  assert.deepEqual(waits, [1, 2, 4, 5, 5])
})

test('a wall clock that jumps ends no request, opens nothing and holds nothing open', async (t) => {
  const world = await house(t, [good])
  const { answers, ask, clock, gateway } = world
  const held: ServerResponse[] = []
  for (const jumpMs of [-31_536_000_000, 31_536_000_000, 0]) {
    answers.fill((response) => void held.push(response))
    const waiting = ask()
    while (held.length === 0) await turnOfLoop()
    clock.wallMs = jumpMs
    // The next tick knows the new time.
    gateway.worker.context.wallOffsetMs =
      clock.wallMs + systemClock.nowMs() - systemClock.monotonicMs()
    answers.fill(good)
    for (let i = 0; i < 3; i++) assert.match(await ask(), /good/)
    held.pop()!.end('good')
    assert.match(await waiting, /^HTTP\/1\.1 200/)
  }
  assert.ok(gateway.recent(20).every(({ reason }) => reason === ''))
})

test('a thread that slept for an hour refuses nobody who comes afterwards', async (t) => {
  const { ask, clock } = await house(t, [good, good])
  for (let i = 0; i < 3; i++) assert.match(await ask(), /good/)
  clock.monotonicMs += 3_600_000
  for (let i = 0; i < 3; i++) assert.match(await ask(), /good/)
})
