import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'

/** A service of a team with Consul: it registers itself under an id of its own, reports once, and answers. */
const service = `
import { createServer } from 'node:http'
const server = createServer((_request, response) => response.end(String(process.pid)))
server.listen(process.env.PORT, '127.0.0.1', async () => {
  const { port } = server.address()
  const put = (path, body) =>
    fetch(process.env.CONSUL_HTTP_ADDR.replace(/^(?!http)/, 'http://') + path, { method: 'PUT', body: JSON.stringify(body) })
  await put('/v1/agent/service/register', {
    ID: 'greeter-' + port, Name: 'greeter', Port: port, Tags: ['self'],
    Check: { TTL: '10m', DeregisterCriticalServiceAfter: '1h' },
  })
  await put('/v1/agent/check/pass/service:greeter-' + port)
})
process.on('SIGTERM', () => process.exit(0))
`

interface Entry {
  readonly Service: { readonly ID: string; readonly Tags: readonly string[] }
}

async function entriesOf(at: Running): Promise<readonly Entry[]> {
  const consul = at.ready.listen['consul'] ?? ''
  const answer = await fetch(`http://${consul}/v1/health/service/greeter?passing`)
  return (await answer.json()) as readonly Entry[]
}

async function pidsOf(at: Running): Promise<readonly number[]> {
  const answer = await fetch(`${at.admin}/api/v1/services/greeter/instances`)
  const { instances } = (await answer.json()) as { instances: readonly { id: string }[] }
  return instances.map(({ id }) => Number(id.split('-').at(-1)))
}

test('a service that Backplane runs and that registers itself in Consul is there once, also after kill -9', async (t) => {
  const running = await startBackplane({
    config: `
listen: { default: off, gateway: 0, console: 0, consul: 0 }
services: { greeter: { run: node service.mjs, instances: 2 } }
gateway: { routes: [{ path: /**, to: greeter }] }
`,
    files: { 'service.mjs': service },
  })
  t.after(() => running[Symbol.asyncDispose]())
  const once = async (count: number): Promise<boolean> => {
    const entries = await entriesOf(running)
    const areOwn = entries.every(({ Service }) => /^greeter-\d{4,5}$/.test(Service.ID))
    const areSaid = entries.every(({ Service }) => Service.Tags.includes('self'))
    return entries.length === count && areOwn && areSaid && (await pidsOf(running)).length === count
  }
  await until(() => once(2), 'two that registered themselves')
  const answered = await (await fetch(running.gateway)).text()
  process.kill(running.ready.pids.control, 'SIGKILL')
  await until(() => once(2).catch(() => false), 'the same two after the control plane was killed')
  assert.equal((await fetch(running.gateway)).status, 200)
  process.kill(Number(answered), 'SIGKILL')
  await until(
    async () => (await once(2)) && !(await tellsOf(running, answered)),
    'a new one for the killed one',
  )
})

async function tellsOf(at: Running, pid: string): Promise<boolean> {
  const told = await Promise.all(
    Array.from({ length: 8 }, async () => (await fetch(at.gateway)).text()),
  )
  return told.includes(pid)
}
