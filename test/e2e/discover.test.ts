import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'

/** A service that says its name. */
async function serve(t: TestContext, name: string): Promise<number> {
  const server = createServer((_request, response) => response.end(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function put(running: Running, path: string, body?: object): Promise<void> {
  const answer = await fetch(`http://${running.ready.listen['consul'] ?? ''}/v1/agent/${path}`, {
    method: 'PUT',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  assert.equal(answer.status, 200, await answer.text())
}

const answerOf = async (running: Running) => {
  const response = await fetch(`${running.gateway}/`)
  return response.status === 200 ? await response.text() : String(response.status)
}

async function metric(running: Running, name: string): Promise<number> {
  const text = await (await fetch(`${running.admin}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`))
  return Number(line?.split(' ').at(-1) ?? Number.NaN)
}

test('a service follows another registry, keeps what it knew while that is away, also over a restart, and falls back to a file', async (t) => {
  const [near, far] = [await serve(t, 'near'), await serve(t, 'far')]
  const peer = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0, consul: 0 }\n',
  })
  t.after(() => peer.stop())
  const config = `
listen: { default: off, gateway: 0, console: 0 }
services:
  web:
    discover:
      - { consul: "http://${peer.ready.listen['consul'] ?? ''}", service: remote, emptyAfter: 300ms }
      - { file: targets.json, interval: 100ms }
gateway: { routes: [{ path: /**, to: web }] }
`
  const targets = (...list: string[]) => JSON.stringify([{ targets: list }])
  let running = await startBackplane({
    config,
    files: { 'targets.json': targets(`127.0.0.1:${far}`) },
    keepFolder: true,
  })
  t.after(() => running.stop())
  const { folder } = running
  const becomes = (wanted: string) =>
    until(async () => (await answerOf(running)) === wanted, `the answer of ${wanted}`)

  await becomes('far')
  const Check = { TTL: '1h', Status: 'passing' }
  await put(peer, 'service/register', { Name: 'remote', ID: 'r1', Port: near, Check })
  await becomes('near')
  // The others stand by: nobody of them is asked while the first source has one who is well.
  for (let count = 0; count < 20; count++) assert.equal(await answerOf(running), 'near')
  await put(peer, 'check/fail/service:r1')
  await becomes('far')
  await put(peer, 'check/pass/service:r1')
  await becomes('near')

  await peer.stop()
  await until(
    async () => (await metric(running, 'backplane_discovery_source_stale')) === 1,
    'the source to be stale',
  )
  assert.equal(await answerOf(running), 'near')
  const problems = await (await fetch(`${running.admin}/api/v1/status`)).text()
  assert.match(problems, /ERR_DISCOVERY_SOURCE_STALE/)
  await running.stop()
  running = await startBackplane({ config, folder, keepFolder: false })
  await becomes('near')
  await writeFile(join(folder, 'targets.json'), 'no json')
  await until(
    async () =>
      (await (await fetch(`${running.admin}/api/v1/status`)).text()).includes('targets.json'),
    'the problem of the file',
  )
  assert.equal(await answerOf(running), 'near')
})
