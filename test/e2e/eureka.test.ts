import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'

const root = resolve(import.meta.dirname, '../..')
const eurekaOf = (at: Running): string => `http://${at.ready.listen['eureka']}/eureka`

interface Shown {
  readonly instanceId: string
  readonly status: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Empty where Eureka knows no such application. */
async function instancesOf(at: Running, app: string): Promise<readonly Shown[]> {
  const response = await fetch(`${eurekaOf(at)}/apps/${app}`, {
    headers: { accept: 'application/json' },
  })
  if (response.status === 404) return []
  const body = (await response.json()) as { application: { instance: readonly Shown[] } }
  return body.application.instance
}

async function register(at: Running, id: string, port: number): Promise<number> {
  const instance = {
    instanceId: id,
    app: 'GREETER',
    hostName: '127.0.0.1',
    ipAddr: '127.0.0.1',
    status: 'UP',
    port: { $: port, '@enabled': 'true' },
    dataCenterInfo: { '@class': 'x', name: 'MyOwn' },
  }
  const body = JSON.stringify({ instance })
  return (await fetch(`${eurekaOf(at)}/apps/GREETER`, { method: 'POST', body })).status
}

async function startGreeter(t: TestContext, text: string): Promise<number> {
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write(answer))
    t.after(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

test('acknowledged means routable, out at once, and there again after kill -9', async (t) => {
  const config = `
listen: { default: off, gateway: 0, console: 0, eureka: 0 }
services: { greeter: {} }
gateway: { workers: 2, routes: [{ path: /**, to: greeter }] }
`
  const port = await startGreeter(t, 'hello')
  const first = await startBackplane({ config, keepFolder: true })
  const statusOf = async (at: Running): Promise<number> => (await fetch(`${at.gateway}/`)).status
  for (let round = 0; round < 20; round++) {
    assert.equal(await register(first, 'g1', port), 204)
    assert.equal(await statusOf(first), 200, `round ${round}`)
    const gone = await fetch(`${eurekaOf(first)}/apps/GREETER/g1`, { method: 'DELETE' })
    assert.equal(gone.status, 200)
    assert.equal(await statusOf(first), 503, `round ${round}`)
  }
  assert.equal(await register(first, 'g1', port), 204)
  const over = once(first.child, 'close')
  process.kill(first.ready.pids.supervisor, 'SIGKILL')
  await over
  const again = await startBackplane({ config, folder: first.folder })
  t.after(() => again[Symbol.asyncDispose]())
  assert.deepEqual(
    (await instancesOf(again, 'greeter')).map(
      ({ instanceId, status }) => `${instanceId} ${status}`,
    ),
    ['g1 UP'],
  )
  assert.equal(await statusOf(again), 200)
  const metrics = await (await fetch(`${again.admin}/metrics`)).text()
  assert.match(metrics, /^backplane_eureka_leases 1$/m)
})

test('a service of the shop registers itself, and stays one instance while it is scaled', async (t) => {
  const users = join(root, 'examples/shop/services/users.mjs')
  const backplane = await startBackplane({
    config: `
listen: { default: off, console: 0, eureka: 0 }
services:
  users: { run: node ${users}, instances: { min: 1, max: 3 }, health: { http: /health } }
`,
  })
  t.after(() => backplane[Symbol.asyncDispose]())
  const registered = (count: number) =>
    until(async () => {
      const found = await instancesOf(backplane, 'USERS')
      const isAll = found.every(({ metadata }) => metadata['language'] === 'JavaScript')
      return isAll && found.length === count && found
    }, `${count} that registered themselves`)
  const [one] = await registered(1)
  assert.match(one?.instanceId ?? '', /^127\.0\.0\.1:users:\d+$/)
  assert.equal(one?.status, 'UP')
  const scale = (instances: number) =>
    fetch(`${backplane.admin}/api/v1/services/users/scale`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances }),
    })
  await scale(3)
  await registered(3)
  await scale(1)
  const [left] = await registered(1)
  assert.equal(left?.instanceId, one?.instanceId)
  assert.equal(await backplane.stop(), 0)
})
