import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { systemClock } from '../../platform/clock.ts'
import { createCountMemory } from '../shared/counts.ts'
import { assertAtRest } from '../testing/at-rest.ts'
import { type LocalWorker, startLocalWorker } from '../testing/local-worker.ts'
import { get, say, startGateway } from '../testing/setup.ts'
import { OK, type RawUpstream, startRawUpstream } from '../testing/sockets.ts'
import { gatewaySpec, instanceSpec, serviceSpec } from '../testing/specs.ts'
import { connectionsKey, pendingKey } from '../threads/messages.ts'

// A place that becomes free goes to somebody else: when, and to whom.

const one: Partial<ServiceSpec> = {
  connectionsPerInstanceMax: 1,
  balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' },
}

const serviceOf = (gateway: LocalWorker) => gateway.worker.context.services.get('echo')!

async function untilWaiting(gateway: LocalWorker, count: number): Promise<void> {
  while (serviceOf(gateway).waiting.size !== count) await turnOfLoop()
}

test('a failure is blamed before the freed place is given away, and whoever waits gets it when that step is over', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { ...one, retry: { attempts: 1, budgetRatio: 1, reservePerSecond: 10 } },
  })
  const busy = say(t, gateway, get('/busy'))
  const { socket, reader } = await upstream.accept()
  await reader.until('/busy')
  const next = say(t, gateway, get('/next'))
  await untilWaiting(gateway, 1)
  const instance = serviceOf(gateway).instances.get(`echo-${upstream.port}`)!
  const { permits } = instance
  const give = permits.give.bind(permits)
  const seen: [failures: number, waiting: number][] = []
  permits.give = () => {
    give()
    seen.push([instance.counters.failures, serviceOf(gateway).waiting.size])
  }
  socket.resetAndDestroy()
  await busy.reader.until('"requestId"')
  const other = await upstream.accept()
  await other.reader.until('/next')
  other.socket.write(OK)
  await next.reader.until('ok')
  assert.deepEqual(seen[0], [1, 1])
})

/** Two workers that share one connection to one instance, without ticks: whoever waits is served only when it is told. */
async function startTwo(t: TestContext, upstream: RawUpstream): Promise<LocalWorker[]> {
  const shared = createCountMemory(2)
  const places = new Map([
    [pendingKey('echo'), 2],
    [connectionsKey('echo', `echo-${upstream.port}`), 3],
  ])
  const clock = { ...systemClock, every: () => () => {} }
  const workers = [0, 1].map((index) =>
    startLocalWorker({ index, workers: 2, shared, places, clock }),
  )
  t.after(async () => {
    for (const worker of workers) worker.close()
    for (const worker of workers) await assertAtRest(worker)
  })
  for (const worker of workers) {
    await worker.update(
      [
        { op: 'service', service: serviceSpec(one) },
        { op: 'instance', instance: instanceSpec(upstream.port) },
        { op: 'gateway', gateway: gatewaySpec() },
      ],
      true,
    )
  }
  return workers
}

test('whoever waits is woken by an idle connection that its instance closes, also at another worker', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const [holder, asker] = await startTwo(t, upstream)
  const first = say(t, holder!, get('/first'))
  const { socket, reader } = await upstream.accept()
  await reader.until('/first')
  const waits = say(t, asker!, get('/waits'))
  await untilWaiting(asker!, 1)
  // It answers and closes: the connection is idle for as long as its end takes to arrive, or was given back because somebody waits.
  socket.end(OK)
  await first.reader.until('ok')
  const next = await upstream.accept()
  await next.reader.until('/waits')
  next.socket.write(OK)
  await waits.reader.until('ok')
})

test('an idle connection is given up for a request that waits at another worker', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const [holder, asker] = await startTwo(t, upstream)
  const first = say(t, holder!, get('/first'))
  const { socket, reader } = await upstream.accept()
  await reader.until('/first')
  socket.write(OK)
  await first.reader.until('ok')
  const instance = serviceOf(holder!).instances.get(`echo-${upstream.port}`)!
  while (instance.idle.length === 0) await turnOfLoop()
  const waits = say(t, asker!, get('/waits'))
  const next = await upstream.accept()
  await next.reader.until('/waits')
  assert.equal(instance.idle.length, 0)
  next.socket.write(OK)
  await waits.reader.until('ok')
})
