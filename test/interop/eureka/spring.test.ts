import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { startBackplane, until } from '../../harness/backplane.ts'
import { findJava } from '../harness/clients.ts'
import { startProgram } from '../harness/programs.ts'

const root = resolve(import.meta.dirname, '../../..')

/** A JVM takes its time on two busy cores. */
const STARTED_WITHIN_MS = 120_000

test('Spring Boot services with Spring Cloud’s Eureka client find each other, the gateway, and what Backplane runs', async (t) => {
  const spring = await findJava(t, 'eureka')
  if (spring === undefined) return
  const [command] = [[spring.command, ...spring.args].join(' ')]
  const backplane = await startBackplane({
    config: `
listen: { default: off, gateway: 0, console: 0, eureka: 0 }
services:
  node-service:
    run: node ${join(root, 'test/harness/echo-service.mjs')}
  spring-inside:
    run: ${command} --server.port=$PORT --spring.application.name=spring-inside
    health: { startup: 2m }
  spring-outside: {}
gateway:
  routes:
    - { path: /inside/**, to: spring-inside, strip: /inside }
    - { path: /outside/**, to: spring-outside, strip: /outside }
`,
  })
  t.after(() => backplane[Symbol.asyncDispose]())
  const zone = `http://${backplane.ready.listen['eureka']}/eureka/`
  const port = await freePort()
  const outside = startProgram(t, spring, {
    args: [
      `--server.port=${port}`,
      '--spring.application.name=spring-outside',
      `--eureka.client.serviceUrl.defaultZone=${zone}`,
    ],
  })
  await outside.line(/Started Service/, STARTED_WITHIN_MS)
  const read = async (url: string): Promise<string | undefined> => {
    const response = await fetch(url).catch(() => undefined)
    return response?.ok === true ? response.text() : undefined
  }

  await t.test(
    'the gateway routes to one that registered itself, and to one that it runs',
    async () => {
      assert.equal(
        await until(() => read(`${backplane.gateway}/outside/hello`), 'the route', 30_000),
        'hello from spring-outside',
      )
      assert.equal(
        await until(
          () => read(`${backplane.gateway}/inside/hello`),
          'the route',
          STARTED_WITHIN_MS,
        ),
        'hello from spring-inside',
      )
    },
  )

  await t.test('they find each other by name, and instances that never spoke Eureka', async () => {
    const own = `http://127.0.0.1:${port}`
    const isSpring = (text: string | undefined): boolean => text === 'hello from spring-inside'
    await until(async () => isSpring(await read(`${own}/call/spring-inside`)), 'the call', 30_000)
    const nodes = await until(async () => {
      const found = JSON.parse((await read(`${own}/instances/node-service`)) ?? '[]') as string[]
      return found.length > 0 && found
    }, 'the instance of Node')
    assert.match(nodes[0] ?? '', /^http:\/\/127\.0\.0\.1:\d+$/)
    const inside = JSON.parse((await read(`${own}/instances/spring-inside`)) ?? '[]') as string[]
    assert.equal(inside.length, 1, 'one that is run here and registers itself is one')
  })

  await t.test('one that is stopped leaves before it ends', async () => {
    process.kill(outside.pid, 'SIGTERM')
    await outside.ended
    const apps = await read(`${zone}apps/SPRING-OUTSIDE`)
    assert.equal(apps, undefined)
    assert.equal((await fetch(`${backplane.gateway}/outside/hello`)).status, 503)
  })
})

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })
}
