import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { FromSupervisor, OwnProcess, RunState } from '../../contracts/supervisor.ts'
import { isAlive, SLEEPER, specOf, waitUntilGone } from '../testdata/specs.ts'
import { actAlong, lifeOf, startSystem, type FakeOwn, type FakeSystem } from '../testdata/system.ts'

const READY = { type: 'ready', text: 'table', json: { listen: { console: 'c' } } } as const
const IMPATIENT = { firstMs: 15_000, silenceMs: 3_000 }

/** The first status of one of ours, told to control, for which this holds. */
async function statusOf(
  control: FakeOwn,
  name: string,
  holds: (own: OwnProcess) => boolean,
): Promise<OwnProcess> {
  const fits = (own: OwnProcess): boolean => own.name === name && holds(own)
  const message = await control.inbox.find(
    (one) => (one.type === 'events' || one.type === 'hello') && one.own.some(fits),
  )
  return (message as Extract<FromSupervisor, { type: 'events' }>).own.find(fits) as OwnProcess
}

async function startService(control: FakeOwn, folder: string): Promise<number> {
  control.say({ type: 'start', spec: specOf(folder, 'orders-1', SLEEPER) })
  const message = await control.inbox.find(
    (one) => one.type === 'events' && one.processes.some(({ state }) => state.state === 'running'),
  )
  const state = message.type === 'events' ? message.processes[0]?.state : undefined
  return state?.state === 'running' ? state.pid : 0
}

function runStateOf(system: FakeSystem): RunState {
  return JSON.parse(readFileSync(join(system.dataDir, 'run', 'state.json'), 'utf8')) as RunState
}

test('a third process of ours has its socket and its pid in the ready line, and nobody but control is heard', async (t) => {
  const system = await startSystem(t, { json: true, third: { when: 'always', isVital: false } })
  const [control, data, third] = await Promise.all(
    ['control', 'data', 'third'].map((name) => lifeOf(system, name)),
  )
  assert.ok(control && data && third)
  actAlong(control)
  actAlong(data)
  const pid = await startService(control, system.folder)
  const run = join(system.dataDir, 'run')
  assert.equal(third.boot.adminSocket, join(run, 'third.sock'))
  assert.equal(third.boot.snapshotSocket, join(run, 'snapshot.sock'))
  assert.deepEqual(
    control.boot.adminSockets,
    ['data', 'control', 'third'].map((name) => ({
      name,
      path: join(run, `${name}.sock`),
      statePath: join(run, `${name}-state.sock`),
    })),
  )
  for (const other of [third, data]) {
    other.say({ type: 'fatal', text: 'no', json: {}, exitCode: 5 })
    other.say({ type: 'stop', id: 'orders-1' })
    other.say({ type: 'own-wanted', names: [] })
  }
  third.say({ type: 'drained' })
  third.say({ type: 'print', text: 'all of it was said\n' })
  const logPath = join(run, 'third.log')
  while (!(existsSync(logPath) && /all of it was said/.test(readFileSync(logPath, 'utf8')))) {
    await delay(10)
  }
  assert.match(readFileSync(logPath, 'utf8'), /'fatal' is not for third to say/)
  assert.ok(isAlive(pid))
  control.say(READY)
  const ready = JSON.parse(await system.stdout.find(() => true)) as { pids: object }
  assert.deepEqual(ready.pids, {
    supervisor: system.pid,
    control: control.pid,
    data: data.pid,
    third: third.pid,
  })
  system.signal('SIGTERM')
  assert.equal(await system.exitCode, 0)
  assert.deepEqual(third.inbox.items, [], 'only who carries traffic is drained')
  for (const one of [pid, third.pid]) assert.ok(!isAlive(one))
})

test('a process that runs only when it is wanted comes and goes as control says', async (t) => {
  const system = await startSystem(t, { third: { when: 'wanted', isVital: false } })
  const control = await lifeOf(system, 'control')
  actAlong(control)
  actAlong(await lifeOf(system, 'data'))
  assert.equal((await statusOf(control, 'third', () => true)).pid, 0)
  control.say({ type: 'own-wanted', names: ['third', 'fourth'] })
  await system.stderr.find((text) => text.includes('control wants what there is not: fourth'))
  const third = await lifeOf(system, 'third')
  control.say({ type: 'own-wanted', names: ['third'] })
  const before = system.lives.items.length
  process.kill(third.pid, 'SIGKILL')
  const second = await lifeOf(system, 'third', before)
  process.kill(control.pid, 'SIGKILL')
  const next = await lifeOf(system, 'control', before)
  actAlong(next)
  await next.inbox.find((message) => message.type === 'hello')
  assert.ok(isAlive(second.pid), 'until the new control says what it wants nothing changes')
  // Said in one breath: it ends, and then there is a new one.
  const livesNow = system.lives.items.length
  next.say({ type: 'own-wanted', names: [] })
  next.say({ type: 'own-wanted', names: ['third'] })
  const last = await lifeOf(system, 'third', livesNow)
  assert.ok(!isAlive(second.pid))
  next.say({ type: 'own-wanted', names: [] })
  await waitUntilGone(last.pid)
  await statusOf(next, 'third', (own) => own.lastReason === 'was stopped' && own.pid === 0)
})

test('one that the system can be without may die for ever; one that it cannot be without ends it', async (t) => {
  const overlay = 'third-dies'
  const [system, other] = await Promise.all(
    [false, true].map((isVital) => startSystem(t, { overlay, third: { when: 'always', isVital } })),
  )
  assert.ok(system && other)
  const control = await lifeOf(system, 'control')
  actAlong(control)
  actAlong(await lifeOf(other, 'data'))
  await statusOf(control, 'third', (own) => own.restarts >= 5)
  const told = system.stderr.items.filter((text) => text.startsWith('third (pid'))
  assert.equal(told.length, 1, 'each reason is told once')
  assert.equal(await other.exitCode, 1)
  await other.stderr.find((text) => /third ended 5 times.*OWN_GIVEN_UP/.test(text))
})

test('hung is dead: one that is blocked is killed, told, and started again', async (t) => {
  const third = { when: 'always', isVital: false } as const
  const system = await startSystem(t, { third, heartbeat: IMPATIENT })
  const control = await lifeOf(system, 'control')
  actAlong(control)
  const data = await lifeOf(system, 'data')
  const blocked = await lifeOf(system, 'third')
  const before = system.lives.items.length
  blocked.say({ type: 'block' })
  data.say({ type: 'block' })
  await Promise.all([lifeOf(system, 'third', before), lifeOf(system, 'data', before)])
  assert.ok(!isAlive(blocked.pid) && !isAlive(data.pid))
  for (const name of ['third', 'data']) {
    const status = await statusOf(control, name, (own) => own.restarts === 1)
    assert.match(status.lastReason, /because it hung: it gave no sign of life for [3-6] s/)
    await system.stderr.find((text) => new RegExp(`^${name}.*it hung.*at once`).test(text))
  }
  assert.ok(isAlive(control.pid))
})

test('a supervisor that was stopped for longer than it waits kills nobody', async (t) => {
  const system = await startSystem(t, { heartbeat: IMPATIENT })
  const control = await lifeOf(system, 'control')
  await control.inbox.find((message) => message.type === 'hello')
  system.signal('SIGSTOP')
  await delay(2 * IMPATIENT.silenceMs)
  system.signal('SIGCONT')
  await delay(1_000)
  system.signal('SIGHUP')
  await control.inbox.find((message) => message.type === 'reload')
  assert.deepEqual(system.stderr.items, [])
  assert.equal(system.lives.items.length, 2)
})

test('a control that cannot run any more takes nothing along: told once, tried again until it can', async (t) => {
  const system = await startSystem(t)
  const data = await lifeOf(system, 'data')
  let control = await lifeOf(system, 'control')
  actAlong(control)
  // Some services may never come up, so `ready` is not said yet; but clients are served.
  control.say({ type: 'listening', listen: { console: 'c' } })
  const pid = await startService(control, system.folder)
  assert.deepEqual(runStateOf(system).down, [])
  process.kill(control.pid, 'SIGKILL')
  const said = ['backplane.yaml:3:1 wrong', 'backplane.yaml:3:1 wrong', 'no space left']
  for (const text of said) {
    control = await lifeOf(system, 'control', system.lives.items.indexOf(control) + 1)
    control.say({ type: 'fatal', text, json: {}, exitCode: 1 })
  }
  await system.stderr.find((text) => text === 'no space left')
  const next = await lifeOf(system, 'control', system.lives.items.indexOf(control) + 1)
  const { down, listen } = runStateOf(system)
  assert.deepEqual(listen, { console: 'c' })
  assert.deepEqual(
    down.map(({ name, endCount, reason }) => ({ name, endCount, reason })),
    [{ name: 'control', endCount: 4, reason: 'cannot run:\nno space left' }],
  )
  const told = system.stderr.items.filter((text) => said.includes(text))
  assert.deepEqual(told, ['backplane.yaml:3:1 wrong', 'no space left'])
  assert.ok(isAlive(pid) && isAlive(data.pid))
  next.say(READY)
  await system.stderr.find((text) => text.startsWith(`control runs again (pid ${next.pid})`))
  assert.deepEqual(runStateOf(system).down, [])
})

test('SIGHUP starts a control that waits at once', async (t) => {
  const system = await startSystem(t)
  let control = await lifeOf(system, 'control')
  control.say(READY)
  await system.stdout.find(() => true)
  // Each death doubles the wait: after these it is longer than this test.
  let tookMs = 0
  for (let death = 0; death < 6; death++) {
    const before = system.lives.items.indexOf(control) + 1
    const endedAtMs = performance.now()
    control.say({ type: 'exit', code: 9 })
    await waitUntilGone(control.pid)
    const isBack = lifeOf(system, 'control', before)
    // Its end is heard a moment after it is gone.
    const hurrying = setInterval(() => system.signal('SIGHUP'), 100)
    control = await isBack
    clearInterval(hurrying)
    tookMs = performance.now() - endedAtMs
  }
  assert.ok(tookMs < 2_000, `the last start took ${tookMs} ms; without SIGHUP it is 2,500 at least`)
})
