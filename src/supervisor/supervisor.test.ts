import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FromSupervisor, ProcessStatus } from '../contracts/supervisor.ts'
import { isAlive, SLEEPER, specOf, STUBBORN, waitUntilGone } from './testdata/specs.ts'
import { actAlong, lifeOf, startSystem, type FakeOwn } from './testdata/system.ts'

/** Waits until control was told this state of a process. */
async function stateOf(
  control: FakeOwn,
  id: string,
  state: ProcessStatus['state']['state'],
): Promise<ProcessStatus> {
  const fits = (status: ProcessStatus): boolean =>
    status.spec.id === id && status.state.state === state
  const message = (await control.inbox.find(
    (one) => (one.type === 'events' || one.type === 'hello') && one.processes.some(fits),
  )) as Extract<FromSupervisor, { type: 'events' }>
  return message.processes.find(fits) as ProcessStatus
}

function pidOf(status: ProcessStatus): number {
  return status.state.state === 'running' ? status.state.pid : 0
}

test('ready is printed once with the pids, and a stop is ordered and leaves nothing', async (t) => {
  const system = await startSystem(t, { json: true })
  const [control, data] = await Promise.all([lifeOf(system, 'control'), lifeOf(system, 'data')])
  actAlong(control)
  control.say({ type: 'start', spec: specOf(system.folder, 'orders-1', SLEEPER) })
  const pid = pidOf(await stateOf(control, 'orders-1', 'running'))
  const ready = { type: 'ready', text: 'table', json: { listen: { gateway: 'g' } } } as const
  control.say(ready)
  control.say(ready)
  const [line] = [await system.stdout.find(() => true)]
  assert.deepEqual(JSON.parse(line), {
    event: 'ready',
    listen: { gateway: 'g' },
    pids: { supervisor: system.pid, control: control.pid, data: data.pid },
  })
  assert.equal(statSync(system.dataDir).mode & 0o777, 0o700)
  const statePath = join(system.dataDir, 'run', 'state.json')
  assert.equal((JSON.parse(readFileSync(statePath, 'utf8')) as { pid: number }).pid, system.pid)

  system.signal('SIGTERM')
  await control.inbox.find((message) => message.type === 'stopping')
  await data.inbox.find((message) => message.type === 'drain')
  assert.ok(isAlive(pid), 'the services live until the requests in flight are answered')
  data.say({ type: 'drained' })
  assert.equal(await system.exitCode, 0)
  for (const one of [pid, control.pid, data.pid]) assert.ok(!isAlive(one))
  for (const name of ['lock', 'run/processes.json', 'run/state.json']) {
    assert.ok(!existsSync(join(system.dataDir, name)), name)
  }
  assert.equal(system.stdout.items.length, 1)
  assert.ok(system.stderr.items.every((text) => text.startsWith('{"event":"')))
})

test('control is killed: the services are untouched, and the next one is greeted with them', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  actAlong(control)
  control.say({ type: 'start', spec: specOf(system.folder, 'orders-1', SLEEPER) })
  const pid = pidOf(await stateOf(control, 'orders-1', 'running'))
  const livesBefore = system.lives.items.length
  process.kill(control.pid, 'SIGKILL')
  const next = await lifeOf(system, 'control', livesBefore)
  const hello = await next.inbox.find((message) => message.type === 'hello')
  assert.ok(hello.type === 'hello')
  assert.equal(next.inbox.items[0], hello)
  assert.deepEqual(hello.processes.map(pidOf), [pid])
  assert.equal(hello.own.find((one) => one.name === 'control')?.restarts, 1)
  assert.ok(isAlive(pid))
  assert.match(await system.stderr.find((text) => text.startsWith('control')), /SIGKILL.*at once/)
})

test('data is killed: it is back within a second, and control is told', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  const data = await lifeOf(system, 'data')
  const livesBefore = system.lives.items.length
  const killedAtMs = performance.now()
  process.kill(data.pid, 'SIGKILL')
  const next = await lifeOf(system, 'data', livesBefore)
  assert.ok(performance.now() - killedAtMs < 1_000)
  actAlong(control)
  await control.inbox.find(
    (one) => one.type === 'events' && one.own.some((own) => own.pid === next.pid),
  )
})

test('a control that dies again and again before it is ready ends the whole with exit code 1', async (t) => {
  const system = await startSystem(t, { overlay: 'control-dies' })
  const data = await lifeOf(system, 'data')
  actAlong(data)
  assert.equal(await system.exitCode, 1)
  await system.stderr.find((text) => text.includes('ERR_PROCESSES_OWN_GIVEN_UP'))
  assert.ok(!isAlive(data.pid))
})

test('fatal of control is printed and gives the exit code', async (t) => {
  const system = await startSystem(t)
  const data = await lifeOf(system, 'data')
  actAlong(data)
  const control = await lifeOf(system, 'control')
  control.say({ type: 'fatal', text: 'backplane.yaml:3:1 is wrong', json: {}, exitCode: 2 })
  assert.equal(await system.exitCode, 2)
  assert.ok(system.stderr.items.includes('backplane.yaml:3:1 is wrong'))
})

test('a second SIGINT kills everything at once with exit code 130', async (t) => {
  const system = await startSystem(t, { overlay: 'data-ignores-sigterm' })
  const control = await lifeOf(system, 'control')
  actAlong(control)
  actAlong(await lifeOf(system, 'data'))
  const spec = specOf(system.folder, 'orders-1', STUBBORN, { stopGraceMs: 60_000 })
  control.say({ type: 'start', spec })
  const pid = pidOf(await stateOf(control, 'orders-1', 'running'))
  system.signal('SIGINT')
  await stateOf(control, 'orders-1', 'stopping')
  system.signal('SIGINT')
  assert.equal(await system.exitCode, 130)
  await waitUntilGone(pid)
  for (const own of system.lives.items) await waitUntilGone(own.pid)
})

test('a stop works when control is dead and data does not answer', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  const data = await lifeOf(system, 'data')
  control.say({ type: 'start', spec: specOf(system.folder, 'orders-1', SLEEPER) })
  const pid = pidOf(await stateOf(control, 'orders-1', 'running'))
  process.kill(control.pid, 'SIGSTOP')
  system.signal('SIGTERM')
  await data.inbox.find((message) => message.type === 'drain')
  process.kill(data.pid, 'SIGKILL')
  await waitUntilGone(pid)
  process.kill(control.pid, 'SIGKILL')
  assert.equal(await system.exitCode, 0)
})

test('SIGHUP asks control for a reload', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  await control.inbox.find((message) => message.type === 'hello')
  system.signal('SIGHUP')
  await control.inbox.find((message) => message.type === 'reload')
})

test('a control that does not acknowledge gets one message of events, and then the newest state', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  const spec = specOf(system.folder, 'task', 'process.exit(1)', { task: true })
  control.say({ type: 'start', spec })
  await control.inbox.find((message) => message.type === 'events')
  const others = ['a', 'b', 'c'].map((id) => specOf(system.folder, id, SLEEPER))
  for (const other of others) control.say({ type: 'start', spec: other })
  // Output goes another way, so it tells when the others are up without an acknowledgement.
  control.say({ type: 'follow', subscription: 1, processes: ['a', 'b', 'c'], tail: 10 })
  const isUp = new Set<string>()
  for (let at = 0; isUp.size < 3; at++) {
    const message = await control.inbox.find(() => true, at)
    if (message.type !== 'output') continue
    for (const line of message.lines) isUp.add(line.process)
    control.say({ type: 'output-seen', subscription: 1 })
  }
  const events = control.inbox.items.filter((message) => message.type === 'events')
  assert.equal(events.length, 1)
  const before = control.inbox.items.length
  control.say({ type: 'events-seen' })
  const next = await control.inbox.find((message) => message.type === 'events', before)
  assert.ok(next.type === 'events')
  const ids = next.processes.map((status) => status.spec.id).sort()
  // The task may end before the others are up, or behind them.
  assert.deepEqual(
    ids.filter((id) => id !== 'task'),
    ['a', 'b', 'c'],
  )
})
