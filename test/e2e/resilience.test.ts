import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { runCli, startBackplane, until } from '../harness/backplane.ts'

/** A service of the test whose status each test sets. */
async function startKnob(t: TestContext) {
  const knob = { status: 200, delayMs: 0, calls: 0 }
  const server = createServer((_request, response) => {
    knob.calls++
    setTimeout(() => {
      response.statusCode = knob.status
      response.end('knob')
    }, knob.delayMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { knob, at: `127.0.0.1:${address.port}` }
}

test('a breaker opens over all workers, says why everywhere, and closes by itself', async (t) => {
  const { knob, at } = await startKnob(t)
  const config = `
listen: { default: off, gateway: 0, console: 0 }
services:
  payments:
    at: [${at}]
    resilience: { breaker: { open: 300ms, openMax: 300ms }, ejection: { failures: 0 } }
gateway:
  workers: 2
  routes: [{ path: /**, to: payments }]
`
  await using backplane = await startBackplane({ config })
  const ask = () => fetch(backplane.gateway, { headers: { connection: 'close' } })
  knob.status = 503
  const refused = await until(async () => {
    const answer = await ask()
    await answer.arrayBuffer()
    return answer.headers.get('backplane-reason') === 'ERR_GATEWAY_BREAKER_OPEN' && answer
  }, 'an open breaker')
  assert.ok(knob.calls >= 20 && knob.calls < 40, `${knob.calls} calls`)
  const id = refused.headers.get('x-request-id')!
  const why = await runCli(['why', id], backplane.folder)
  assert.match(why.stdout, /the breaker of payments is open .*calls failed/)
  const shown = await until(async () => {
    const { stdout } = await runCli(['breaker'], backplane.folder)
    return /payments +(open|half-open)/.test(stdout) && stdout
  }, 'the breaker in the list')
  assert.match(shown, /calls failed|probes failed/)
  const metrics = await (await fetch(`${backplane.admin}/metrics`)).text()
  assert.match(metrics, /backplane_gateway_breaker_state\{service="payments"/)
  knob.status = 200
  const events = await until(async () => {
    await (await ask()).arrayBuffer()
    const answer = await fetch(`${backplane.admin}/api/v1/services/payments/resilience`)
    const body = (await answer.json()) as { events: { kind: string }[] }
    return body.events[0]?.kind === 'closed' && body.events
  }, 'its history')
  assert.ok(events.some(({ kind }) => kind === 'opened'))
})

test('an order holds over a restart of the control plane', async (t) => {
  const { at } = await startKnob(t)
  const config = `
listen: { default: off, gateway: 0, console: 0 }
services: { payments: { at: [${at}] } }
gateway: { routes: [{ path: /**, to: payments }] }
`
  await using backplane = await startBackplane({ config })
  const reason = async (): Promise<string | null> => {
    const answer = await fetch(backplane.gateway)
    await answer.arrayBuffer()
    return answer.headers.get('backplane-reason')
  }
  assert.equal(await reason(), null)
  const ordered = await runCli(['breaker', 'payments', 'open'], backplane.folder)
  assert.equal(ordered.stdout, 'the breaker of payments is open until it is auto again\n')
  assert.equal(await reason(), 'ERR_GATEWAY_BREAKER_OPEN')
  process.kill(backplane.ready.pids.control, 'SIGKILL')
  await until(async () => {
    const { stdout } = await runCli(['status'], backplane.folder)
    return stdout.includes('ERR_GATEWAY_BREAKER_ORDERED')
  }, 'the order in the status of the next control plane')
  assert.equal(await reason(), 'ERR_GATEWAY_BREAKER_OPEN')
  await runCli(['breaker', 'payments', 'auto'], backplane.folder)
  assert.equal(await reason(), null)
  const wrong = await runCli(['breaker', 'payments', 'ajar'], backplane.folder)
  assert.deepEqual([wrong.code, /not 'ajar'/.test(wrong.stderr)], [2, true])
  const unknown = await runCli(['breaker', 'payment', 'open'], backplane.folder)
  assert.match(unknown.stderr, /Did you mean payments\?/)
})
