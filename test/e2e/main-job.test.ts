import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive, runCli, startBackplane, until } from '../harness/backplane.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const config = `
name: e2e
listen: { default: off, gateway: 0, console: 0 }
services:
  migrate: { run: 'node -e "console.log(1+1)"', task: true }
  orders:
    run: node ${echo}
    after: [migrate]
    instances: 2
    health: { http: /health, interval: 200ms }
    calls: [payments]
  payments: { run: node ${echo} }
gateway:
  routes:
    - { path: /orders/**, to: orders, strip: /orders }
    - { path: /pay/**, to: payments }
`

interface Echo {
  readonly instance: string
  readonly pid: number
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
}

async function get(url: string): Promise<{ status: number; headers: Headers; body: Echo }> {
  const response = await fetch(url)
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Echo,
  }
}

test('the main job: services come up in order, are balanced, explained, scaled, restarted and stopped', async (t) => {
  await using backplane = await startBackplane({ config })
  const { gateway, admin, folder } = backplane
  let pids: number[] = []

  await t.test('requests reach both instances through the route', async () => {
    const seen = new Set<string>()
    await until(async () => {
      const { status, body } = await get(`${gateway}/orders/x?y=1`)
      assert.equal(status, 200)
      assert.equal(body.target, '/x?y=1')
      seen.add(body.instance)
      return seen.size === 2
    }, 'both instances')
    assert.deepEqual([...seen].toSorted(), ['orders-1', 'orders-2'])
  })

  await t.test(
    'a request that no route matches is answered with a reason and can be explained',
    async () => {
      const response = await fetch(`${gateway}/nowhere`)
      assert.equal(response.status, 404)
      assert.equal(response.headers.get('backplane-reason'), 'ERR_GATEWAY_ROUTE_NOT_FOUND')
      const problem = (await response.json()) as { code: string; requestId: string }
      assert.equal(problem.code, 'ERR_GATEWAY_ROUTE_NOT_FOUND')
      const why = await runCli(['why', problem.requestId], folder)
      assert.equal(why.code, 0, why.stderr)
      assert.match(why.stdout, /ERR_GATEWAY_ROUTE_NOT_FOUND/)
    },
  )

  await t.test('why names the route, its line and the instance', async () => {
    const response = await fetch(`${gateway}/orders/why`)
    await response.body?.cancel()
    const id = response.headers.get('x-request-id') ?? ''
    const record = await until(async () => {
      const answer = await runCli(['why', id, '--json'], folder)
      return answer.code === 0
        ? (JSON.parse(answer.stdout) as { routeSource: string; attempts: { instance: string }[] })
        : undefined
    }, 'the record')
    assert.match(record.routeSource, /^backplane\.yaml:\d+$/)
    assert.match(record.attempts[0]?.instance ?? '', /^orders-\d$/)
  })

  await t.test('status shows services and instances', async () => {
    const { code, stdout } = await runCli(['status', '--json'], folder)
    assert.equal(code, 0)
    const status = JSON.parse(stdout) as {
      services: { name: string; state: string; instances: { process: { pid: number } }[] }[]
    }
    const states = Object.fromEntries(status.services.map((one) => [one.name, one.state]))
    assert.deepEqual(states, { migrate: 'finished', orders: 'healthy', payments: 'healthy' })
    pids = status.services
      .flatMap((one) => one.instances.map((instance) => instance.process.pid))
      .filter(Boolean)
    assert.equal(pids.length, 3)
  })

  await t.test('scale and restart drop no request', async () => {
    let failed = 0
    let isOver = false
    const load = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const response = await fetch(`${gateway}/orders/load`)
        await response.arrayBuffer()
        if (response.status !== 200) failed++
      }
    })
    const scaled = await runCli(['scale', 'orders', '3'], folder)
    assert.equal(scaled.code, 0, scaled.stderr)
    await until(async () => (await countOf(admin, 'orders')) === 3, 'three instances')
    const before = await instancesOf(admin, 'orders')
    await runCli(['restart', 'orders'], folder)
    await until(async () => {
      const now = await instancesOf(admin, 'orders')
      return now.length === 3 && now.every((pid) => !before.includes(pid))
    }, 'three new processes')
    isOver = true
    await Promise.all(load)
    assert.equal(failed, 0)
  })

  await t.test('logs show the output', async () => {
    const { stdout, code } = await runCli(['logs', 'migrate'], folder)
    assert.equal(code, 0)
    assert.match(stdout, /\b2\b/)
  })

  await t.test('the admin API describes itself and refuses foreign pages', async () => {
    const api = (await (await fetch(`${admin}/openapi.json`)).json()) as { paths: object }
    assert.ok('/api/v1/services/{service}/scale' in api.paths)
    const foreign = await fetch(`${admin}/api/v1/status`, {
      headers: { origin: 'http://evil.example' },
    })
    assert.equal(foreign.status, 403)
    // Totals come once a second.
    let metrics = ''
    for (const endMs = performance.now() + 10_000; performance.now() < endMs;) {
      metrics = await (await fetch(`${admin}/metrics`)).text()
      if (metrics.includes('backplane_gateway_requests_total{')) break
    }
    assert.match(metrics, /backplane_gateway_requests_total\{/)
  })

  assert.equal(await backplane.stop(), 0, backplane.output())
  assert.deepEqual(pids.filter(isAlive), [])
  assert.deepEqual(Object.values(backplane.ready.pids).filter(isAlive), [])
})

interface StatusView {
  readonly services: readonly {
    readonly name: string
    readonly instances: readonly {
      readonly isRoutable: boolean
      readonly process: { readonly pid: number }
    }[]
  }[]
}

async function instancesOf(admin: string, service: string): Promise<number[]> {
  const status = (await (await fetch(`${admin}/api/v1/status`)).json()) as StatusView
  const found = status.services.find((one) => one.name === service)
  return (found?.instances ?? []).filter((one) => one.isRoutable).map((one) => one.process.pid)
}

async function countOf(admin: string, service: string): Promise<number> {
  return (await instancesOf(admin, service)).length
}
