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

/** What a service has whose file says nothing. */
const DEFAULTS = specifyService('echo', defaultService(), () => 'default')
const LOOK_TICKS = 40

/** A gateway whose clock and ticks the test moves, and a service that answers at once, or when `answer` is called. */
async function house(t: TestContext) {
  const held: ServerResponse[] = []
  const state = { isHanging: false, offsetMs: 0 }
  const server = createServer((_request, response) => {
    if (state.isHanging) held.push(response)
    else response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ticks: (() => void)[] = []
  const gateway = startLocalWorker({
    clock: {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + state.offsetMs,
      every(_intervalMs, callback) {
        ticks.push(callback)
        return () => {}
      },
    },
  })
  t.after(() => {
    gateway.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  await gateway.update(
    [
      { op: 'service', service: DEFAULTS },
      { op: 'instance', instance: instanceSpec(port) },
      { op: 'gateway', gateway: gatewaySpec() },
    ],
    true,
  )
  const { context } = gateway.worker
  return {
    gateway,
    held,
    state,
    service: context.services.get('echo')!,
    inFlight: async (count: number) => {
      while (context.exchanges.length !== count) await turnOfLoop()
    },
    ask: (count: number) => Array.from({ length: count }, () => say(t, gateway, get('/'))),
    /** A second has passed: the first of the timers is that of the ticks. */
    look() {
      state.offsetMs += 1_000
      for (let i = 0; i < LOOK_TICKS; i++) ticks[0]!()
    },
    overloads: () => gateway.said.flatMap((one) => (one.type === 'happened' ? [one.event] : [])),
  }
}

function admissionOf({ service }: Awaited<ReturnType<typeof house>>) {
  const { admission } = service
  if (admission === null) throw new Error('nothing is bounded')
  return admission
}

/** The service hangs: of eighty callers forty leave. Returns the others. */
async function hang(world: Awaited<ReturnType<typeof house>>) {
  for (let i = 0; i < 5; i++) {
    for (const { reader } of world.ask(20)) await reader.until('ok')
    world.look()
  }
  world.state.isHanging = true
  const clients = world.ask(80)
  while (world.held.length < 80) await turnOfLoop()
  world.state.offsetMs += 900
  for (const { socket } of clients.slice(0, 40)) socket.destroy()
  await world.inFlight(40)
  return clients.slice(40)
}

test('with the defaults a service that works for callers that have gone is given less, until it has caught up', async (t) => {
  const world = await house(t)
  assert.equal(world.service.admission, null)
  const clients = await hang(world)
  assert.equal(world.service.admission, null, 'nothing is counted before something is wrong')
  world.look()
  assert.equal(world.overloads()[0]?.kind, 'overloaded')
  assert.match(world.overloads()[0]!.because, /100 % of its callers left before their answer/)
  const admission = admissionOf(world)
  assert.equal(admission.limit, 8)
  const more = world.ask(8 + 100)
  while (admission.queued < 100) await turnOfLoop()
  assert.equal(world.held.length, 88)
  const refused = await world.ask(1)[0]!.reader.until('"requestId"')
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_OVERLOADED')
  assert.match(refused, /echo is overloaded: three of four calls took more than/)
  // It wakes up: who still waits has his answer, the queue goes on, and nothing is bounded any more.
  world.state.isHanging = false
  for (const response of world.held) response.end('ok')
  for (const { reader } of [...clients, ...more]) await reader.until('ok')
  for (let i = 0; i < 3; i++) {
    for (const { reader } of world.ask(20)) await reader.until('ok')
    world.look()
  }
  assert.deepEqual(
    world.overloads().map(({ kind }) => kind),
    ['overloaded', 'relieved'],
  )
  world.look()
  assert.equal(world.service.admission, null)
})

test('one that is slow and has patient callers is left alone; who takes long holds no place', async (t) => {
  const world = await house(t)
  const clients = await hang(world)
  world.look()
  const admission = admissionOf(world)
  world.ask(9)
  while (admission.queued !== 1) await turnOfLoop()
  // Long polls: they go on, and others get their places.
  world.state.offsetMs += 5_000
  world.look()
  assert.equal(admission.inFlight, 0)
  assert.equal(world.gateway.worker.context.exchanges.length, 48, 'nobody was cut off')
  for (const response of world.held) response.end('ok')
  for (const { reader } of clients) await reader.until('ok')
  const patient = await house(t)
  for (let i = 0; i < 5; i++) {
    for (const { reader } of patient.ask(20)) await reader.until('ok')
    patient.look()
  }
  patient.state.isHanging = true
  const waiting = patient.ask(80)
  while (patient.held.length < 80) await turnOfLoop()
  patient.state.offsetMs += 5_000
  for (const response of patient.held) response.end('ok')
  for (const { reader } of waiting) await reader.until('ok')
  patient.look()
  assert.deepEqual(patient.overloads(), [])
})
