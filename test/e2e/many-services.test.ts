import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'

/** Answers GET /NAME with what the service behind the variable NAME says, and GET / with its own process id. */
const caller = `
import { createServer } from 'node:http'
createServer(async (request, response) => {
  const name = request.url.slice(1)
  if (name === '') return response.end(String(process.pid))
  const url = process.env[name]
  if (url === undefined) return response.writeHead(404).end()
  response.end(await (await fetch(url)).text())
}).listen(process.env.PORT, '127.0.0.1')
`

const configOf = (port: number, count: number) => `
name: many
listen: { default: off, gateway: 0, console: 0 }
services:
  caller: { run: node caller.mjs }
  named: { run: node caller.mjs, calls: [s1] }
${Array.from({ length: count }, (_, at) => `  s${at}: { at: ["127.0.0.1:${port}"] }`).join('\n')}
gateway:
  routes: [{ path: /named/**, to: named, strip: /named }, { path: /**, to: caller }]
`

async function outboundOf({ admin }: Running) {
  const answer = await fetch(`${admin}/api/v1/status`)
  const { listeners } = (await answer.json()) as {
    listeners: { kind: string; caller: string; service: string; error: string }[]
  }
  const outbound = listeners.filter(({ kind }) => kind === 'outbound')
  assert.ok(outbound.every(({ error }) => error === ''))
  return outbound
}

test('forty services without calls: one shared listener each; one more restarts nobody; calls attributes', async (t) => {
  const upstream = createServer((_request, response) => void response.end('well'))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.after(() => upstream.close())
  const { port } = upstream.address() as AddressInfo
  await using backplane = await startBackplane({
    config: configOf(port, 40),
    files: { 'caller.mjs': caller },
  })
  const ask = async (path: string) => (await fetch(`${backplane.gateway}${path}`)).text()
  assert.equal(await ask('/S39_URL'), 'well')
  assert.equal(await ask('/named/S1_URL'), 'well')
  assert.equal(await ask('/named/S2_URL'), '', 'it did not say that it calls it')
  const outbound = await outboundOf(backplane)
  assert.equal(outbound.length, 42 + 1, 'n and not n x n')
  assert.deepEqual(
    outbound.filter((one) => one.caller !== '').map((one) => `${one.caller} ${one.service}`),
    ['named s1'],
  )
  const pid = await ask('/')
  await backplane.configure(configOf(port, 41))
  await until(async () => (await outboundOf(backplane)).length === 44, 'the new listener')
  assert.equal(await ask('/'), pid)
  assert.equal(await ask('/S39_URL'), 'well')
  const counted = async (row: string) =>
    (await (await fetch(`${backplane.admin}/metrics`)).text()).includes(`requests_total{${row}`)
  for (const row of ['caller="named",route="",service="s1"', 'caller="",route="",service="s39"']) {
    await until(() => counted(row), row)
  }
})
