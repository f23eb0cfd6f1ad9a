import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBackplane, until } from '../../harness/backplane.ts'
import { startLoad, type Load } from '../../harness/load.ts'
import { startProgram } from '../harness/programs.ts'

const HAPROXY = '/usr/sbin/haproxy'
const skip = existsSync(HAPROXY) ? false : 'haproxy is missing (Debian: haproxy)'
const root = resolve(import.meta.dirname, '../../..')

/** The configuration of the guide, on ports of this test. */
function configurationOf(dns: string, port: number): string {
  const guide = readFileSync(join(root, 'docs/guides/consul-dns.md'), 'utf8')
  const [, block] = /```\n(resolvers backplane[^]*?)```/.exec(guide) ?? []
  assert.ok(block, 'the guide has lost its configuration of HAProxy')
  return `
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  default_backend orders
${block.replaceAll('127.0.0.1:8600', dns)}`
}

async function startHaproxy(t: TestContext, dns: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-haproxy-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, configurationOf(dns, port))
  startProgram(t, { command: HAPROXY, args: ['-db', '-f', file], env: {} })
  return `http://127.0.0.1:${port}/`
}

test(
  'HAProxy follows scale-out and scale-in under load, without a failed request',
  { skip },
  async (t) => {
    const backplane = await startBackplane({
      config: `
listen: { default: off, console: 0, consul-dns: "127.0.0.1:0" }
services:
  orders:
    run: node ${join(root, 'test/harness/echo-service.mjs')}
    instances: { min: 2, max: 6 }
    health: { interval: 200ms }
`,
    })
    t.after(() => backplane[Symbol.asyncDispose]())
    const url = await startHaproxy(t, backplane.ready.listen['consul-dns'] ?? '')
    await until(
      async () => (await fetch(url).catch(() => undefined))?.status === 200,
      'the first answer through HAProxy',
    )
    const scale = async (count: number): Promise<void> => {
      const response = await fetch(`${backplane.admin}/api/v1/services/orders/scale`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ instances: count }),
      })
      assert.ok(response.ok, await response.text())
    }
    const load = startLoad({ url, connections: 4, pauseMs: 2 })
    t.after(() => load.stop())
    await spreadsOver(load, 2)
    await scale(6)
    await spreadsOver(load, 6)
    await scale(1)
    await spreadsOver(load, 1)
    await scale(3)
    await spreadsOver(load, 3)
    const outcomes = await load.stop()
    const failed = outcomes.filter(({ status, error }) => status !== 200 || error !== '')
    assert.deepEqual(failed, [])
    assert.ok(outcomes.length > 1_000)
  },
)

/** Waits until the newest requests were answered by so many instances. */
async function spreadsOver(load: Load, count: number): Promise<void> {
  await until(
    () => {
      const newest = load.outcomes.slice(-60)
      return new Set(newest.map(({ instance }) => instance)).size === count && newest.length === 60
    },
    `answers of ${count} instances`,
    30_000,
  )
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })
}
