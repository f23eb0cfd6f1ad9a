import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
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

interface History {
  readonly events: readonly { readonly kind: string; readonly instance: string }[]
  readonly load: { readonly fallbacks: number; readonly ejections: number } | null
}

test('the knob of the shop: one instance is ejected, all of them open the breaker, orders get the fallback, and it recovers', async (t) => {
  const shop = join(import.meta.dirname, '../../examples/shop')
  const file = await readFile(join(shop, 'backplane.yaml'), 'utf8')
  const payments = /\n {2}payments:\n(?: {4}.*\n)+/.exec(file)?.[0] ?? ''
  const config = `
listen: { default: off, gateway: 0, console: 0 }
services:${payments.replace('services/payments.mjs', join(shop, 'services/payments.mjs'))}
gateway:
  workers: 1
  routes: [{ path: /**, to: payments }]
`
  await using backplane = await startBackplane({ config })
  t.after(() => backplane.stop())
  const charge = async () => {
    const body = JSON.stringify({ order: 'o', cents: 100 })
    const answer = await fetch(`${backplane.gateway}/charges`, { method: 'POST', body })
    return { status: answer.status, text: await answer.text() }
  }
  const turn = (seconds: number) =>
    fetch(backplane.gateway, {
      method: 'PUT',
      body: JSON.stringify({ failPercent: 100, delayMs: 0, seconds }),
    })
  const history = async (): Promise<History> => {
    const answer = await fetch(`${backplane.admin}/api/v1/services/payments/resilience`)
    return (await answer.json()) as History
  }
  await until(async () => (await charge()).status === 201, 'payments')
  assert.equal((await turn(8)).status, 200)
  const ejected = await until(async () => {
    await charge()
    const { events } = await history()
    return events.find(({ kind }) => kind === 'ejected')
  }, 'an ejection')
  assert.match(ejected.instance, /^payments-\d$/)
  assert.equal((await charge()).status, 201, 'the other one serves')
  assert.equal((await turn(4)).status, 200)
  const later = await until(async () => {
    const answer = await charge()
    return answer.status === 202 && answer
  }, 'the fallback')
  assert.equal(later.text, '{"id":"later"}')
  await until(
    async () => (await history()).events.some(({ kind }) => kind === 'opened'),
    'it opens',
  )
  await until(async () => (await charge()).status === 201, 'payments are back', 30_000)
  const { load, events } = await until(async () => {
    await charge()
    const said = await history()
    return said.events.find(({ instance }) => instance === '')?.kind === 'closed' && said
  }, 'it is closed')
  assert.ok(events.length >= 3)
  assert.ok(load !== null && load.fallbacks > 0 && load.ejections > 0)
  const metrics = await (await fetch(`${backplane.admin}/metrics`)).text()
  assert.match(metrics, /backplane_gateway_fallbacks_total\{service="payments"\} [1-9]/)
  assert.match(metrics, /backplane_gateway_retry_budget_allowed\{service="payments"\} [1-9]/)
})
