import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConcurrencySpec } from '../../contracts/resilience.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, type RawUpstream, startRawUpstream } from '../testing/sockets.ts'
import { routeSpec, serviceSpec } from '../testing/specs.ts'

const one: ConcurrencySpec = {
  algorithm: 'fixed',
  initial: 1,
  min: 1,
  max: 1,
  slowMs: 5_000,
  queueMax: 2,
  queueMs: 60_000,
}
const routes = [
  routeSpec(),
  routeSpec({ id: 'critical', path: '/critical/**', priority: 'critical' }),
  routeSpec({ id: 'batch', path: '/batch/**', priority: 'batch' }),
]

/** A service that does one thing at a time; `next` answers what it does, and says what that is. */
async function house(t: Parameters<typeof startGateway>[0], concurrency = one) {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { concurrency, timeoutMs: 60_000, attemptTimeoutMs: 60_000 },
    gateway: { routes },
  })
  const { admission } = gateway.worker.context.services.get('echo')!
  const queued = async (count: number): Promise<void> => {
    while (admission!.queued !== count) await new Promise(setImmediate)
  }
  return { gateway, admission: admission!, queued, next: nextOf(upstream), upstream }
}

function nextOf(upstream: RawUpstream): () => Promise<string> {
  let current: Awaited<ReturnType<RawUpstream['accept']>> | undefined
  let at = 0
  return async () => {
    current ??= await upstream.accept()
    const { reader, socket } = current
    while (reader.text.indexOf('\r\n\r\n', at) < 0) await new Promise(setImmediate)
    const head = reader.text.slice(at)
    at = reader.text.length
    socket.write(OK)
    return /^\w+ (\S+)/.exec(head)![1]!
  }
}

test('beyond the limit requests wait in order, and beyond the queue they are told so', async (t) => {
  const { gateway, queued, next, admission } = await house(t)
  const clients = []
  for (const [at, path] of ['/a', '/b', '/c'].entries()) {
    clients.push(say(t, gateway, get(path)))
    await queued(at)
    while (admission.inFlight === 0) await new Promise(setImmediate)
  }
  const refused = await say(t, gateway, get('/d')).reader.until('"requestId"')
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_OVERLOADED')
  assert.match(refused, /^retry-after: 1\r$/m)
  assert.match(refused, /may have 1 requests in flight, has 1, and 2 wait here already/)
  assert.equal(await next(), '/a')
  await clients[0]!.reader.until('ok')
  const rest = [await next(), await next()]
  assert.deepEqual(rest.toSorted(), ['/b', '/c'])
  for (const { reader } of clients) await reader.until('ok')
  assert.equal(admission.inFlight, 0)
})

test('critical ones go first, and push out the least important where the queue is full', async (t) => {
  const { gateway, queued, next, admission } = await house(t)
  const first = say(t, gateway, get('/first'))
  while (admission.inFlight === 0) await new Promise(setImmediate)
  const batch = say(t, gateway, get('/batch/1'))
  await queued(1)
  const normal = say(t, gateway, get('/normal'))
  await queued(2)
  const critical = say(t, gateway, get('/critical/1'))
  assert.equal(reasonIn(await batch.reader.until('"requestId"')), 'ERR_GATEWAY_OVERLOADED')
  assert.equal(await next(), '/first')
  await first.reader.until('ok')
  assert.equal(await next(), '/critical/1')
  await critical.reader.until('ok')
  assert.equal(await next(), '/normal')
  await normal.reader.until('ok')
})

test('who leaves the queue, or waits for too long, takes no place', async (t) => {
  const { gateway, queued, next, admission } = await house(t, { ...one, queueMs: 60 })
  const first = say(t, gateway, get('/first'))
  while (admission.inFlight === 0) await new Promise(setImmediate)
  const leaver = say(t, gateway, get('/leaver'))
  await queued(1)
  leaver.socket.destroy()
  await queued(0)
  const late = await say(t, gateway, get('/late')).reader.until('"requestId"')
  assert.equal(reasonIn(late), 'ERR_GATEWAY_OVERLOADED')
  assert.equal(await next(), '/first')
  await first.reader.until('ok')
  assert.equal(admission.inFlight, 0)
})

test('what a route says is told to the next hop; what a stranger says is not', async (t) => {
  const { gateway, upstream } = await house(t)
  const bytes = get('/batch/1', 'X-Request-Priority: critical\r\n')
  const { reader } = say(t, gateway, bytes)
  const { socket, reader: asked } = await upstream.accept()
  const head = await asked.until('\r\n\r\n')
  assert.deepEqual(head.match(/x-request-priority: \w+/gi), ['x-request-priority: batch'])
  socket.write(OK)
  await reader.until('ok')
})

test('a limit that is lifted lets all pass that wait', async (t) => {
  const { gateway, queued, admission } = await house(t)
  say(t, gateway, get('/a'))
  while (admission.inFlight === 0) await new Promise(setImmediate)
  say(t, gateway, get('/b'))
  await queued(1)
  await gateway.update([{ op: 'service', service: serviceSpec() }])
  await queued(0)
  while (admission.inFlight !== 2) await new Promise(setImmediate)
})

for (const algorithm of ['aimd', 'gradient2'] as const) {
  test(`${algorithm}: answers of 503 lower the limit, over all that share its memory`, async (t) => {
    const { gateway, admission, upstream } = await house(t, {
      ...one,
      algorithm,
      initial: 20,
      min: 5,
      max: 50,
    })
    assert.equal(admission.limit, 20)
    const serve = async (): Promise<void> => {
      for (;;) {
        const { socket, reader } = await upstream.accept()
        await reader.until('\r\n\r\n')
        socket.end('HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno')
      }
    }
    void serve().catch(() => {})
    for (let i = 0; i < 10; i++) await say(t, gateway, get()).reader.until(/no$/)
    assert.ok(admission.limit < 12, `${admission.limit}`)
  })
}
