import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { supervisorClock } from '../../platform/clock.ts'
import { createPortChooser } from './free-port.ts'
import { openProcessRecords, readRecords } from '../process-records.ts'
import { createProcessTable, type ProcessTable } from './process-table.ts'
import type { ProcessStatus } from '../../contracts/supervisor.ts'
import { createInbox, type Inbox } from '../testdata/inbox.ts'
import {
  isAlive,
  makeFolder,
  PARENT,
  SLEEPER,
  specOf,
  STUBBORN,
  waitUntilGone,
} from '../testdata/specs.ts'

interface Bench {
  readonly folder: string
  readonly table: ProcessTable
  readonly states: Inbox<ProcessStatus>
  readonly texts: Inbox<string>
}

/** A table whose every change and line is in an inbox; whatever is left is killed after the test. */
function makeBench(t: TestContext): Bench {
  const folder = makeFolder()
  const states = createInbox<ProcessStatus>('states')
  const texts = createInbox<string>('texts')
  const records = openProcessRecords(folder)
  const table = createProcessTable(
    {
      clock: supervisorClock,
      records,
      ports: createPortChooser(),
      mark: folder,
      onChanged(id) {
        const status = table.get(id)?.status()
        if (status) states.push(status)
      },
      onLines(id) {
        for (const text of table.get(id)?.output.lastTexts(1) ?? []) texts.push(text)
      },
    },
    assert.fail,
  )
  t.after(async () => {
    table.killAll()
    for (const { spec } of table.statuses()) await table.get(spec.id)?.ended()
  })
  return { folder, table, states, texts }
}

function isIn(state: ProcessStatus['state']['state'], id?: string) {
  return (status: ProcessStatus): boolean =>
    status.state.state === state && (id === undefined || status.spec.id === id)
}

test('a process gets a free port and exactly the environment that was given', async (t) => {
  const { folder, table, states, texts } = makeBench(t)
  const script = 'console.log(JSON.stringify(process.env)); setInterval(() => 1, 1000)'
  table.start(specOf(folder, 'a-1', script, { env: { COLOUR: 'red' } }))
  const { state } = await states.find(isIn('running'))
  assert.ok(state.state === 'running' && state.port > 0)
  const env = JSON.parse(await texts.find((text) => text.startsWith('{'))) as object
  assert.deepEqual(env, { COLOUR: 'red', PORT: String(state.port), BACKPLANE_RUN: folder })
})

test('a fixed port is given as it is', async (t) => {
  const { folder, table, texts } = makeBench(t)
  table.start(specOf(folder, 'a-1', SLEEPER, { port: 4711 }))
  await texts.find((text) => text === 'up on 4711')
})

test('stop ends the whole group, and SIGKILL follows the grace', async (t) => {
  const { folder, table, states, texts } = makeBench(t)
  table.start(specOf(folder, 'a-1', PARENT, { stopGraceMs: 300 }))
  const child = Number((await texts.find((text) => text.startsWith('child '))).slice(6))
  assert.ok(isAlive(child))
  table.stop('a-1')
  const stopping = await states.find(isIn('stopping'))
  assert.ok(stopping.state.state === 'stopping' && stopping.state.killAtMs > Date.now())
  const { state } = await states.find(isIn('exited'))
  assert.ok(state.state === 'exited' && state.exit.signal === 'SIGTERM')
  await waitUntilGone(child)
  assert.deepEqual(readRecords(folder), [])
})

test('a process that ignores its signal is killed', async (t) => {
  const { folder, table, states, texts } = makeBench(t)
  table.start(specOf(folder, 'a-1', STUBBORN, { stopGraceMs: 200 }))
  await texts.find((text) => text.startsWith('up on'))
  table.stop('a-1')
  const { state } = await states.find(isIn('exited'))
  assert.ok(state.state === 'exited')
  assert.equal(state.exit.signal, 'SIGKILL')
  assert.deepEqual(state.lastLines.slice(-1), ['no'])
})

test('a process that ends is started again, and a crash loop is a state with the last lines', async (t) => {
  const { folder, table, states } = makeBench(t)
  table.start(specOf(folder, 'a-1', 'console.error("no database"); process.exit(7)'))
  const waiting = await states.find(isIn('backing-off'))
  assert.ok(waiting.state.state === 'backing-off')
  assert.deepEqual(waiting.state.exit, { code: 7, signal: null })
  const looping = await states.find(isIn('crash-looping'))
  assert.ok(looping.state.state === 'crash-looping')
  assert.equal(looping.restarts, 2)
  assert.deepEqual(looping.state.lastLines, ['no database', 'no database', 'no database'])
  await states.find((status) => status.restarts === 4)
  table.stop('a-1')
  await states.find(isIn('exited'))
})

test('the group of a dead leader is ended before the next start', async (t) => {
  const { folder, table, states, texts } = makeBench(t)
  const script = `${PARENT}; process.on('SIGUSR2', () => process.exit(3)); console.log('leader')`
  const spec = specOf(folder, 'a-1', script, { stopGraceMs: 100 })
  table.start(spec)
  const child = Number((await texts.find((text) => text.startsWith('child '))).slice(6))
  process.kill(table.get('a-1')?.pid ?? 0, 'SIGUSR2')
  await states.find(isIn('backing-off'))
  assert.ok(!isAlive(child))
  await states.find((status) => status.restarts === 1 && status.state.state === 'running')
})

test('a task that succeeds is not started again; one that fails is', async (t) => {
  const { folder, table, states } = makeBench(t)
  table.start(specOf(folder, 'good', 'console.log("done")', { task: true }))
  table.start(specOf(folder, 'bad', 'process.exit(1)', { task: true }))
  const { state, restarts } = await states.find(isIn('exited', 'good'))
  assert.ok(state.state === 'exited')
  assert.deepEqual([state.exit.code, state.lastLines, restarts], [0, ['done'], 0])
  await states.find(isIn('crash-looping', 'bad'))
})

test('a task that fails is given up after its number of starts, and a policy ends a service where it stands', async (t) => {
  const { folder, table, states } = makeBench(t)
  const { restart } = specOf(folder, 'any', '')
  const limits = (policy: 'always' | 'on-failure' | 'never', countMax: number | null) => ({
    restart: { ...restart, policy, countMax },
  })
  const fails = 'process.exit(7)'
  table.start(specOf(folder, 'task', fails, { task: true, ...limits('on-failure', 2) }))
  table.start(specOf(folder, 'once', fails, limits('never', null)))
  table.start(specOf(folder, 'well', 'process.exit(0)', limits('on-failure', null)))
  const task = await states.find(isIn('exited', 'task'))
  const once = await states.find(isIn('exited', 'once'))
  const well = await states.find(isIn('exited', 'well'))
  const told = [task, once, well].map(({ restarts, state }) => {
    assert.ok(state.state === 'exited')
    return [restarts, state.exit.code, state.isGivenUp ?? false]
  })
  assert.deepEqual(told, [
    [2, 7, true],
    [0, 7, false],
    [0, 0, false],
  ])
})

test('a fixed port that another program holds is waited for, and its holder is named', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc (Linux)')
  const { folder, table, states } = makeBench(t)
  const stranger = createServer()
  const port = await new Promise<number>((resolve) => {
    stranger.listen({ host: '127.0.0.1', port: 0 }, () => {
      resolve((stranger.address() as AddressInfo).port)
    })
  })
  const { restart } = specOf(folder, 'any', '')
  table.start(
    specOf(folder, 'a-1', SLEEPER, { port, restart: { ...restart, countMax: 1, loopCount: 100 } }),
  )
  const { state } = await states.find(isIn('backing-off'))
  assert.ok(state.state === 'backing-off')
  assert.equal(state.failure?.code, 'ERR_PORT_TAKEN')
  assert.match(state.failure?.message ?? '', new RegExp(`port ${port} .* pid ${process.pid} \\(`))
  await states.find((status) => status.restarts >= 3)
  await new Promise((resolve) => void stranger.close(resolve))
  await states.find(isIn('running'))
})

test('what cannot be spawned says why', async (t) => {
  const { folder, table, states } = makeBench(t)
  const spec = specOf(folder, 'script', 'not executable')
  table.start({ ...spec, id: 'program', argv: ['no-such-program'] })
  table.start({ ...spec, id: 'file', argv: ['./no-such-file'] })
  table.start({ ...spec, id: 'folder', cwd: join(folder, 'missing') })
  table.start({ ...spec, id: 'rights', argv: [join(folder, 'script.mjs')] })
  const messages: Record<string, string> = {}
  for (const id of ['program', 'file', 'folder', 'rights']) {
    const { state } = await states.find(isIn('failed', id))
    assert.ok(state.state === 'failed')
    messages[id] = `${state.code} ${state.message}`
  }
  assert.match(messages['program'] ?? '', /^ERR_PROCESSES_PROGRAM_NOT_FOUND .*no program 'no-such-/)
  assert.match(messages['file'] ?? '', /^ERR_PROCESSES_PROGRAM_NOT_FOUND .*no file .*no-such-file/)
  assert.match(messages['folder'] ?? '', /^ERR_PROCESSES_FOLDER_NOT_FOUND .*missing does not exist/)
  assert.match(messages['rights'] ?? '', /^ERR_PROCESSES_NOT_EXECUTABLE .*chmod/)
})

test('the same specification changes nothing, another one replaces it after a stop', async (t) => {
  const { folder, table, states } = makeBench(t)
  const spec = specOf(folder, 'a-1', SLEEPER)
  table.start(spec)
  await states.find(isIn('running'))
  const pid = table.get('a-1')?.pid
  table.start(spec)
  assert.equal(table.get('a-1')?.pid, pid)
  table.start({ ...spec, hash: 'h2' })
  await states.find((status) => status.spec.hash === 'h2' && status.state.state === 'running')
  assert.notEqual(table.get('a-1')?.pid, pid)
  assert.deepEqual(
    readRecords(folder).map((record) => record.pid),
    [table.get('a-1')?.pid],
  )
})

test('a process that is forgotten while it stops is gone when it has stopped', async (t) => {
  const { folder, table, states } = makeBench(t)
  table.start(specOf(folder, 'a-1', SLEEPER))
  await states.find(isIn('running'))
  table.forget('a-1')
  assert.ok(table.get('a-1'), 'a running process is not forgotten')
  const ended = table.get('a-1')?.ended()
  table.stop('a-1')
  table.forget('a-1')
  await ended
  await states.find(isIn('exited'))
  assert.equal(table.get('a-1'), undefined)
})

test('a stop before there is a process ends in exited', async (t) => {
  const { folder, table, states } = makeBench(t)
  table.start(specOf(folder, 'a-1', SLEEPER))
  table.stop('a-1')
  await states.find(isIn('exited'))
  assert.equal(table.liveCount(), 0)
})

test('waves stop by descending order', async (t) => {
  const { folder, table, states, texts } = makeBench(t)
  for (const [id, stopOrder] of [
    ['low', 1],
    ['high', 9],
    ['mid', 5],
  ] as const) {
    table.start(specOf(folder, id, SLEEPER, { stopOrder }))
    await states.find(isIn('running', id))
  }
  assert.ok(texts.items.length <= 3)
  const waves: string[][] = []
  await table.stopAll((ids) => waves.push([...ids]))
  assert.deepEqual(waves, [['high'], ['mid'], ['low']])
  table.start(specOf(folder, 'late', SLEEPER))
  assert.equal(table.get('late'), undefined)
})

test('100 MB of output never block the process, and little of it is kept', async (t) => {
  const { folder, table, states } = makeBench(t)
  const script = `
    const block = ('x'.repeat(99) + '\\n').repeat(10_000)
    for (let i = 0; i < 100; i++) if (!process.stdout.write(block)) await new Promise((r) => process.stdout.once('drain', r))
  `
  table.start(specOf(folder, 'loud', script, { task: true }))
  const status = await states.find(isIn('exited'))
  assert.equal(status.linesLast, 1_000_000)
  assert.ok(status.linesLast - status.linesDropped <= 10_000)
})

test('the group is sampled from /proc', { skip: process.platform !== 'linux' }, async (t) => {
  const { folder, table, texts } = makeBench(t)
  table.start(specOf(folder, 'a-1', PARENT, { stopGraceMs: 50 }))
  await texts.find((text) => text.startsWith('child '))
  assert.deepEqual(table.sample(), ['a-1'])
  const status = table.get('a-1')?.status()
  const leaderKiB = /VmRSS:\s+([0-9]+)/.exec(
    readFileSync(`/proc/${table.get('a-1')?.pid}/status`, 'utf8'),
  )?.[1]
  // Two Node processes, so clearly more than the leader alone.
  assert.ok((status?.residentBytes ?? 0) > Number(leaderKiB) * 1024 * 1.5)
  assert.ok((status?.cpuSeconds ?? 0) > 0)
})

test('a process that takes over an id is not said to have ended as the one before', async (t) => {
  const { folder, table, states } = makeBench(t)
  table.start(specOf(folder, 'a-1', 'process.exit(0)', { task: true, incarnation: 1 }))
  await states.find(isIn('exited'))
  table.forget('a-1')
  table.start(specOf(folder, 'a-1', SLEEPER, { task: true, incarnation: 2 }))
  assert.equal(table.get('a-1')?.status(), null, 'nothing is known of it yet')
  await states.find(({ spec, state }) => spec.incarnation === 2 && state.state === 'running')
})

test('the same hash leaves a process alone; what is new holds from its next life on', async (t) => {
  const { folder, table, states, texts } = makeBench(t)
  const script =
    "console.log('colour ' + process.env.COLOUR); process.on('SIGUSR2', () => process.exit(1)); setInterval(() => 1, 1000)"
  const spec = specOf(folder, 'a-1', script, { env: { COLOUR: 'red' } })
  table.start(spec)
  const { state } = await states.find(isIn('running'))
  await texts.find((text) => text === 'colour red')
  table.start({ ...spec, env: { COLOUR: 'blue' } })
  const told = await states.find(({ spec: { env } }) => env['COLOUR'] === 'blue')
  assert.deepEqual(told.state, state)
  assert.ok(state.state === 'running')
  process.kill(state.pid, 'SIGUSR2')
  await texts.find((text) => text === 'colour blue')
})
