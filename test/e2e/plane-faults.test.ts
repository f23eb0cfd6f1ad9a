import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive, startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const config = `
name: planes
listen: { gateway: 0, console: 0 }
services:
  echo: { run: node ${echo}, instances: 2, health: { http: /health, interval: 200ms } }
gateway:
  routes: [{ path: /**, to: echo }]
`

interface Status {
  readonly services: readonly {
    readonly instances: readonly {
      readonly isRoutable: boolean
      readonly process: { readonly pid: number }
    }[]
  }[]
}

async function servicePids(backplane: Running): Promise<number[] | undefined> {
  try {
    const status = (await (await fetch(`${backplane.admin}/api/v1/status`)).json()) as Status
    return status.services.flatMap((one) =>
      one.instances
        .filter((instance) => instance.isRoutable)
        .map((instance) => instance.process.pid),
    )
  } catch {
    return undefined
  }
}

async function scale(backplane: Running, instances: number): Promise<boolean> {
  try {
    const response = await fetch(`${backplane.admin}/api/v1/services/echo/scale`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances }),
    })
    return response.status === 202
  } catch {
    return false
  }
}

/** Under load: `fault` is done to control; no request fails, no service is touched, and afterwards changes go on. */
async function survives(backplane: Running, fault: () => Promise<void>): Promise<void> {
  const before = (await servicePids(backplane)) ?? []
  assert.equal(before.length, 2)
  const load = startLoad({ url: `${backplane.gateway}/x`, connections: 16 })
  await load.more(500)
  await fault()
  await load.more(500)
  assert.deepEqual(before.filter(isAlive), before, 'a service was touched')
  await until(() => scale(backplane, 3), 'a change is accepted')
  await until(async () => (await servicePids(backplane))?.length === 3, 'the change is carried out')
  await until(() => scale(backplane, 2), 'the change back')
  await until(async () => (await servicePids(backplane))?.length === 2, 'two again')
  const failed = (await load.stop()).filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
  assert.ok(before.filter(isAlive).length >= 1)
}

function logOf(backplane: Running): Promise<string> {
  return readFile(join(backplane.folder, '.backplane/run/control.log'), 'utf8')
}

async function controlPid(backplane: Running): Promise<number> {
  const children = await readFile(
    `/proc/${backplane.ready.pids.supervisor}/task/${backplane.ready.pids.supervisor}/children`,
    'utf8',
  )
  for (const pid of children.trim().split(/\s+/).map(Number)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (/control\.(ts|js)\0/.test(line)) return pid
  }
  return 0
}

test('control killed under load', async () => {
  await using backplane = await startBackplane({ config })
  await survives(backplane, async () => {
    const pid = await controlPid(backplane)
    process.kill(pid, 'SIGKILL')
    await until(async () => ![0, pid].includes(await controlPid(backplane)), 'a new control')
  })
})

test('control blocked for two seconds under load', async () => {
  await using backplane = await startBackplane({ config })
  await survives(backplane, async () => {
    const pid = await controlPid(backplane)
    process.kill(pid, 'SIGSTOP')
    await new Promise((done) => setTimeout(done, 2_000))
    process.kill(pid, 'SIGCONT')
  })
})

test('control out of memory under load', async () => {
  await using backplane = await startBackplane({
    config,
    env: { NODE_OPTIONS: '--inspect-port=0' },
  })
  await survives(backplane, async () => {
    const pid = await controlPid(backplane)
    process.kill(pid, 'SIGUSR1')
    const url = await until(
      async () => /Debugger listening on (ws:\S+)/.exec(await logOf(backplane))?.[1],
      'the inspector of control',
    )
    const inspector = new WebSocket(url)
    await new Promise((done) => inspector.addEventListener('open', done))
    const expression =
      'globalThis.hoard = []; for (;;) hoard.push(new Array(1e6).fill(Math.random()))'
    inspector.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
    await until(
      async () => ![0, pid].includes(await controlPid(backplane)),
      'a new control',
      60_000,
    )
  })
})

test('data killed: the services live, and it is back within two seconds', async () => {
  await using backplane = await startBackplane({ config })
  const before = (await servicePids(backplane)) ?? []
  process.kill(backplane.ready.pids.data, 'SIGKILL')
  const killedMs = performance.now()
  await until(async () => {
    try {
      return (await fetch(`${backplane.gateway}/x`)).status === 200
    } catch {
      return false
    }
  }, 'an answer')
  const tookMs = performance.now() - killedMs
  assert.ok(tookMs < 2_000, `it took ${tookMs} ms`)
  assert.deepEqual(await until(() => servicePids(backplane), 'status'), before)
})
