import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const RELOADS = 1_000
const REGISTRATIONS = 1_000
const WEBSOCKETS = 20

const configOf = (generation: number) => `
name: reloads
listen: { default: off, gateway: 0, console: 0 }
services:
  echo: { run: node ${echo}, instances: 2, health: { http: /health, interval: 500ms } }
gateway:
  routes:
    - { path: /generation/${generation}, to: echo }
    - { path: /x/**, to: echo }
    - { path: /ws, to: echo }
`

/** A connection that was upgraded and echoes. */
async function openSocket(gateway: string): Promise<Socket> {
  const { hostname, port } = new URL(gateway)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
  )
  const [head] = (await once(socket, 'data')) as [Buffer]
  assert.match(head.toString('latin1'), /^HTTP\/1\.1 101 /)
  return socket
}

async function echoes(socket: Socket, text: string): Promise<boolean> {
  if (socket.destroyed) return false
  socket.write(text)
  let got = ''
  while (got.length < text.length) got += String(((await once(socket, 'data')) as [Buffer])[0])
  return got === text
}

async function reloadOften(backplane: Running): Promise<void> {
  for (let generation = 1; generation <= RELOADS; generation++) {
    await backplane.configure(configOf(generation))
    backplane.child.kill('SIGHUP')
    // Each tenth one is waited for, so that changes meet reloads that are under way.
    if (generation % 10 !== 0) continue
    await until(
      async () => (await fetch(`${backplane.gateway}/generation/${generation}`)).status === 200,
      `generation ${generation}`,
    )
  }
}

async function registerOften(backplane: Running): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  for (let nth = 1; nth <= REGISTRATIONS; nth++) {
    const url = `${backplane.admin}/api/v1/services/extra/instances/extra-${nth}`
    const body = JSON.stringify({ host: '127.0.0.1', port: 1 + nth })
    const put = await fetch(url, { method: 'PUT', headers, body })
    assert.ok(put.ok, `registration ${nth}: ${put.status} ${await put.text()}`)
    const gone = await fetch(url, { method: 'DELETE' })
    assert.ok(gone.ok, `deregistration ${nth}: ${gone.status}`)
  }
}

test(`${RELOADS} reloads and ${REGISTRATIONS} registrations under load: nothing fails, no WebSocket drops`, async () => {
  await using backplane = await startBackplane({ config: configOf(0) })
  const sockets = await Promise.all(
    Array.from({ length: WEBSOCKETS }, () => openSocket(backplane.gateway)),
  )
  const load = startLoad({ url: `${backplane.gateway}/x/y`, connections: 8, pauseMs: 2 })
  await Promise.all([reloadOften(backplane), registerOften(backplane)])
  const outcomes = await load.stop()
  const failed = outcomes.filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
  assert.ok(outcomes.length > 1_000)
  for (const [at, socket] of sockets.entries()) {
    assert.ok(await echoes(socket, `still here ${at}`), `WebSocket ${at} has dropped`)
    socket.destroy()
  }
})

test('a file with a mistake changes nothing and is told; mended, it is applied', async () => {
  await using backplane = await startBackplane({ config: configOf(0) })
  await backplane.configure(configOf(1).replace('to: echo', 'to: ecko'))
  backplane.child.kill('SIGHUP')
  await until(() => /did you mean echo/.test(backplane.output()), 'the notice')
  assert.match(backplane.output(), /reload-refused.*"line":8,/)
  assert.equal((await fetch(`${backplane.gateway}/generation/0`)).status, 200)
  const status = await runCli(['status'], backplane.folder)
  assert.match(status.stdout, /ERR_CONFIG_RELOAD/)
  await backplane.configure(configOf(1))
  await until(
    async () => (await fetch(`${backplane.gateway}/generation/1`)).status === 200,
    'the mended file, found by the watcher',
  )
})

test('a reload whose command cannot run changes nothing, also not its routes', async () => {
  await using backplane = await startBackplane({ config: configOf(0) })
  await backplane.configure(configOf(1).replace(`node ${echo}`, `node ${echo} $WAT`))
  backplane.child.kill('SIGHUP')
  await until(() => /services\.echo\.run.*WAT/.test(backplane.output()), 'the notice')
  assert.equal((await fetch(`${backplane.gateway}/generation/0`)).status, 200)
  assert.equal((await fetch(`${backplane.gateway}/generation/1`)).status, 404)
})

test('a reload that any part refuses changes nothing anywhere: routes, listeners, services, instances', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port: takenPort } = taken.address() as AddressInfo
  const fileOf = (more: { route: string; services: string; gateway?: number }) => `
name: whole
listen: { default: off, gateway: ${more.gateway ?? 0}, console: 0 }
discovery: { instances: 3 }
services:
  echo: { run: node ${echo}, health: { http: /health } }
${more.services}
gateway: { routes: [{ path: ${more.route}, to: echo }, { path: /tcp-like/**, to: echo }] }
`
  const legacy = '  legacy: { at: ["127.0.0.1:1"], health: { startup: 0s } }'
  await using backplane = await startBackplane({
    config: fileOf({ route: '/before', services: legacy }),
  })
  const shape = async () => {
    const answer = await fetch(`${backplane.admin}/api/v1/status`)
    const { listeners, services } = (await answer.json()) as {
      listeners: { id: string; address: string; error: string }[]
      services: { name: string; instances: { id: string }[] }[]
    }
    return {
      listeners: listeners.map(({ id, address, error }) => `${id} ${address} ${error}`),
      services: services.map(({ name, instances }) => [name, ...instances.map(({ id }) => id)]),
    }
  }
  const before = await shape()
  const free = '  extra: { at: ["127.0.0.1:2"] }'
  const refusals: readonly [string, RegExp, string][] = [
    [
      'the registry is full',
      /ERR_DISCOVERY_FULL/,
      fileOf({
        route: '/after',
        services: '  extra: { at: ["127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"] }',
      }),
    ],
    [
      'a listener that is taken',
      /ERR_LISTENER_TAKEN/,
      fileOf({ route: '/after', services: free, gateway: takenPort }),
    ],
    [
      'a command that cannot run',
      /variable WAT is not set/,
      fileOf({ route: '/after', services: `${free}\n  broken: { run: node $WAT }` }),
    ],
  ]
  for (const [what, said, file] of refusals) {
    await backplane.configure(file)
    backplane.child.kill('SIGHUP')
    await until(() => said.test(backplane.output()), what)
    await until(
      async () =>
        /ERR_CONFIG_RELOAD/.test(await (await fetch(`${backplane.admin}/api/v1/status`)).text()),
      `${what} in the console`,
    )
    assert.deepEqual(await shape(), before, what)
    assert.equal((await fetch(`${backplane.gateway}/before`)).status, 200, what)
    assert.equal((await fetch(`${backplane.gateway}/after`)).status, 404, what)
  }
  taken.close()
  await once(taken, 'close')
  await backplane.configure(fileOf({ route: '/after', services: free, gateway: takenPort }))
  const moved = `http://127.0.0.1:${takenPort}/after`
  await until(
    async () => (await fetch(moved).catch(() => undefined))?.status === 200,
    'the free port, with the new routes',
  )
  assert.deepEqual(
    (await shape()).services.map(([name]) => name),
    ['echo', 'extra'],
  )
})
