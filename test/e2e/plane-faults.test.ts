import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive, runCli, startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const config = `
name: planes
listen: { default: off, gateway: 0, console: 0 }
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

function logOf(backplane: Running, name: string): Promise<string> {
  return readFile(join(backplane.folder, `.backplane/run/${name}.log`), 'utf8')
}

/** Runs this in the main thread of one of ours, whose inspector must be allowed (`INSPECTED`). */
async function evaluateIn(
  backplane: Running,
  name: string,
  pid: number,
  expression: string,
): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  const url = await until(
    async () => /Debugger listening on (ws:\S+)/.exec(await logOf(backplane, name))?.[1],
    `the inspector of ${name}`,
  )
  const inspector = new WebSocket(url)
  await new Promise((done) => inspector.addEventListener('open', done))
  inspector.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
}

const INSPECTED = { NODE_OPTIONS: '--inspect-port=0' }

async function isServed(backplane: Running): Promise<boolean> {
  try {
    const response = await fetch(`${backplane.gateway}/x`)
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

function controlPid(backplane: Running): Promise<number> {
  return ownPid(backplane, /control\.(ts|js)\0/)
}

/** The newest child of the supervisor with this command line; 0: there is none. */
async function ownPid(backplane: Running, program: RegExp): Promise<number> {
  const children = await readFile(
    `/proc/${backplane.ready.pids.supervisor}/task/${backplane.ready.pids.supervisor}/children`,
    'utf8',
  )
  for (const pid of children.trim().split(/\s+/).map(Number)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (program.test(line)) return pid
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
  await using backplane = await startBackplane({ config, env: INSPECTED })
  await survives(backplane, async () => {
    const pid = await controlPid(backplane)
    const expression =
      'globalThis.hoard = []; for (;;) hoard.push(new Array(1e6).fill(Math.random()))'
    await evaluateIn(backplane, 'control', pid, expression)
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
  await until(() => isServed(backplane), 'an answer')
  const tookMs = performance.now() - killedMs
  assert.ok(tookMs < 2_000, `it took ${tookMs} ms`)
  assert.deepEqual(await until(() => servicePids(backplane), 'status'), before)
})

test('the main thread of data blocked: it is ended and started again, and the services live', async () => {
  await using backplane = await startBackplane({ config, env: INSPECTED })
  const before = (await servicePids(backplane)) ?? []
  const { data } = backplane.ready.pids
  // It waits for what never comes: its workers would go on, and no change would ever reach them.
  const expression = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
  await evaluateIn(backplane, 'data', data, expression)
  const program = /data\.(ts|js)\0/
  await until(
    async () => ![0, data].includes(await ownPid(backplane, program)),
    'a new data',
    30_000,
  )
  await until(() => isServed(backplane), 'an answer')
  assert.ok(!isAlive(data))
  assert.match(backplane.output(), /"name":"data".*it hung: it gave no sign of life for 1\d s/)
  assert.deepEqual(await until(() => servicePids(backplane), 'status'), before)
})

const spoilers: readonly (readonly [string, RegExp, (file: string) => Promise<void>])[] = [
  ['invalid', /runn.*run/, (file) => writeFile(file, config.replace('run:', 'runn:'))],
  ['gone', /ERR_CONFIG_FILE_MISSING|backplane\.yaml/, (file) => rm(file)],
]

/** Control is killed with this file and cannot start; then the file is repaired. All along the gateway serves. */
async function outlives(
  backplane: Running,
  why: RegExp,
  spoil: (file: string) => Promise<void>,
): Promise<void> {
  const before = (await servicePids(backplane)) ?? []
  const pid = await controlPid(backplane)
  await spoil(join(backplane.folder, 'backplane.yaml'))
  process.kill(pid, 'SIGKILL')
  const said = await until(
    async () => {
      const { stderr } = await runCli(['status'], backplane.folder)
      return /ended [3-9] times/.test(stderr) && stderr
    },
    'status tells of three ends',
    30_000,
  )
  assert.match(said, why)
  assert.match(said, /ERR_CLI_CONTROL_DOWN/)
  assert.deepEqual(before.filter(isAlive), before, 'a service was touched')
  const told = backplane.output().match(/"event":"own-process-ended".*cannot run/g) ?? []
  assert.equal(told.length, 1, backplane.output())

  await backplane.configure(config)
  await until(async () => (await servicePids(backplane))?.length === 2, 'control is back', 30_000)
  assert.deepEqual(await servicePids(backplane), before, 'it adopts what runs')
  assert.equal(await scale(backplane, 3), true)
  await until(async () => (await servicePids(backplane))?.length === 3, 'the change')
  const well = /"event":"own-process-well","name":"control"/
  await until(() => well.test(backplane.output()), 'the operator hears that it is back')
}

for (const [what, why, spoil] of spoilers) {
  test(`control killed while the file is ${what}: all goes on, and the repaired file brings it back`, async () => {
    await using backplane = await startBackplane({ config })
    const load = startLoad({ url: `${backplane.gateway}/x`, connections: 4, pauseMs: 20 })
    try {
      await load.more(100)
      await outlives(backplane, why, spoil)
      await load.more(100)
    } finally {
      const failed = (await load.stop()).filter((one) => one.status !== 200)
      assert.equal(failed.length, 0, summarize(failed))
    }
  })
}
