import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readBootId } from './process-facts.ts'
import { isAlive, makeFolder, SLEEPER, specOf, STUBBORN, waitUntilGone } from './testdata/specs.ts'
import { actAlong, lifeOf, startSystem, type FakeOwn } from './testdata/system.ts'

async function startAndGetPid(control: FakeOwn, folder: string, script: string): Promise<number> {
  control.say({ type: 'start', spec: specOf(folder, 'orders-1', script) })
  control.say({ type: 'follow', subscription: 1, processes: ['orders-1'], tail: 10 })
  for (let at = 0; ; at++) {
    const message = await control.inbox.find(() => true, at)
    if (message.type !== 'output') continue
    control.say({ type: 'output-seen', subscription: 1 })
    const line = message.lines.find((one) => one.text.startsWith('pid '))
    if (line !== undefined) return Number(line.text.slice(4))
  }
}

const TELLS_PID = `console.log('pid ' + process.pid); ${STUBBORN}`

test('after kill -9 of the supervisor the next start ends what was left', async (t) => {
  const first = await startSystem(t)
  const control = await lifeOf(first, 'control')
  actAlong(control)
  const pid = await startAndGetPid(control, first.folder, TELLS_PID)
  process.kill(first.pid, 'SIGKILL')
  await first.exitCode
  assert.ok(isAlive(pid))
  const second = await startSystem(t, { folder: first.folder })
  await waitUntilGone(pid)
  await lifeOf(second, 'control')
  await second.stderr.find((text) => text.includes(`orders-1 (pid ${pid})`))
})

test(
  'without its records what was left is found by its mark',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const first = await startSystem(t)
    const control = await lifeOf(first, 'control')
    actAlong(control)
    const script = `console.log('pid ' + process.pid); ${SLEEPER}`
    const pid = await startAndGetPid(control, first.folder, script)
    process.kill(first.pid, 'SIGKILL')
    await first.exitCode
    rmSync(join(first.dataDir, 'run'), { recursive: true })
    const second = await startSystem(t, { folder: first.folder })
    await waitUntilGone(pid)
    await second.stderr.find((text) => text.includes(`(pid ${pid})`))
  },
)

test('a recorded pid that has gone to another process is not touched', async (t) => {
  const folder = makeFolder()
  const innocent = spawn(process.execPath, ['-e', SLEEPER], { stdio: 'ignore', detached: true })
  t.after(() => innocent.kill('SIGKILL'))
  mkdirSync(join(folder, 'data', 'run'), { recursive: true })
  const records = {
    bootId: readBootId(),
    processes: [{ id: 'orders-1', pid: innocent.pid, startTime: '1' }],
  }
  writeFileSync(join(folder, 'data', 'run', 'processes.json'), JSON.stringify(records))
  const system = await startSystem(t, { folder })
  actAlong(await lifeOf(system, 'data'))
  await lifeOf(system, 'control')
  system.signal('SIGTERM')
  assert.equal(await system.exitCode, 0)
  assert.ok(isAlive(innocent.pid ?? 0))
  assert.ok(!system.stderr.items.some((text) => text.includes('orders-1')))
})

test('a second start in the same folder is refused by name and changes nothing', async (t) => {
  const first = await startSystem(t)
  const control = await lifeOf(first, 'control')
  const second = await startSystem(t, { folder: first.folder })
  assert.equal(await second.exitCode, 3)
  const text = second.stderr.items.join('\n')
  assert.ok(text.includes('ERR_PROCESSES_DATA_LOCKED') && text.includes(`pid ${first.pid}`))
  assert.ok(text.includes(first.dataDir))
  assert.ok(isAlive(control.pid))
  const lock = JSON.parse(readFileSync(join(first.dataDir, 'lock'), 'utf8')) as { pid: number }
  assert.equal(lock.pid, first.pid)
})

test('a defect of the supervisor ends everything with exit code 70', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  const data = await lifeOf(system, 'data')
  actAlong(control)
  const script = `console.log('pid ' + process.pid); ${SLEEPER}`
  const pid = await startAndGetPid(control, system.folder, script)
  system.signal('SIGUSR2')
  assert.equal(await system.exitCode, 70)
  for (const one of [pid, control.pid, data.pid]) await waitUntilGone(one)
  await system.stderr.find((text) => text.includes('a planted defect'))
})

test('nonsense from control is refused and changes nothing', async (t) => {
  const system = await startSystem(t)
  const control = await lifeOf(system, 'control')
  control.say({ type: 'start', spec: null as never })
  control.say({ type: 'follow', subscription: 1, processes: 7 as never, tail: 1 })
  await system.stderr.find((text) => text.includes('cannot be done (start)'))
  await system.stderr.find((text) => text.includes('cannot be done (follow)'))
  control.say({ type: 'nonsense' } as never)
  system.signal('SIGHUP')
  await control.inbox.find((message) => message.type === 'reload')
})
