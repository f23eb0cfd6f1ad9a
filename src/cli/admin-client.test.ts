import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { runDrain, runRestart, runScale, runStop, runUndrain } from './change.ts'
import type { RunState } from '../contracts/supervisor.ts'
import { readStartTime } from '../supervisor/process-facts.ts'
import type { Io } from './io.ts'
import { runLogs } from './logs.ts'
import { runStatus } from './status.ts'

/** A folder whose Backplane answers as the test says; undefined: none has ever run there. */
async function start(
  t: TestContext,
  answer?: RequestListener,
  listen?: object,
  more: Partial<RunState> = {},
) {
  const cwd = mkdtempSync(join(tmpdir(), 'backplane-cli-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  const asked: string[] = []
  let port = 0
  if (answer !== undefined) {
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trim())
      answer(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
  }
  if (answer !== undefined || listen !== undefined) {
    mkdirSync(join(cwd, '.backplane', 'run'), { recursive: true })
    const state = { listen: listen ?? { console: `127.0.0.1:${port}` }, ...more }
    writeFileSync(join(cwd, '.backplane', 'run', 'state.json'), JSON.stringify(state))
  }
  const run = async (
    command: (argv: readonly string[], io: Io) => Promise<number>,
    argv: readonly string[],
    env: Record<string, string> = {},
    isTTY = false,
  ) => {
    const texts = { out: '', err: '' }
    const collect = (name: 'out' | 'err') =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          texts[name] += chunk.toString()
          done()
        },
      })
    const stdout = Object.assign(collect('out'), { isTTY })
    const code = await command(argv, { stdout, stderr: collect('err'), env, cwd })
    return { code, ...texts }
  }
  return { run, asked }
}

test('nothing runs, the listener is off, the listener does not answer: each is said with what to do', async (t) => {
  const nothing = await start(t)
  const { code, err } = await nothing.run(runStatus, [])
  assert.equal(code, 1)
  assert.match(err, /backplane up.*--data.*\[ERR_CLI_NOT_RUNNING\]/)
  const off = await start(t, undefined, {})
  assert.match((await off.run(runStatus, [])).err, /listen\.console.*\[ERR_CLI_NO_LISTENER\]/)
  const dead = await start(t, undefined, { console: '127.0.0.1:1' })
  const json = await dead.run(runStatus, ['--json'])
  assert.equal(json.code, 1)
  assert.equal(
    (JSON.parse(json.out) as { error: { code: string } }).error.code,
    'ERR_CLI_LISTENER_CLOSED',
  )
})

test('control is down: what the supervisor wrote says why, and that the rest goes on', async (t) => {
  const listen = { console: '127.0.0.1:1' }
  const startTime = readStartTime(process.pid)
  const reason = 'cannot run:\nbackplane.yaml:3:1 wrong'
  const down = [{ name: 'control', sinceMs: 0, endCount: 3, reason }]
  const { run } = await start(t, undefined, listen, { pid: process.pid, startTime, down })
  for (const command of [runStatus, runLogs]) {
    const { code, err } = await run(command, [])
    assert.equal(code, 1)
    assert.match(err, /control \(down since 1970-01-01T00:00:00.000Z, ended 3 times\) cannot run:/)
    assert.match(err, /\n {4}backplane\.yaml:3:1 wrong\n.*by itself.*\[ERR_CLI_CONTROL_DOWN\]/)
  }
  // The same file of a supervisor that is gone says nothing of now.
  const gone = await start(t, undefined, listen, { pid: process.pid, startTime: '1', down })
  assert.match((await gone.run(runStatus, [])).err, /ERR_CLI_LISTENER_CLOSED/)
})

test('logs: a terminal gets the colours of a service and no other command, a pipe gets its bytes', async (t) => {
  const text = '\x1b[31mred\x1b]0;title\x07'
  const data = { lines: [{ ...lines[0], text }], dropped: 0 }
  const { run } = await start(t, (_request, response) => {
    response.end(`data: ${JSON.stringify(data)}\n\n`)
  })
  const prefix = '00:00:01.000 orders-1 | '
  const shown = '\x1b[31mred\\x1b]0;title\\x07\x1b[0m'
  assert.equal((await run(runLogs, [], {}, true)).out, `${prefix}${shown}\n`)
  assert.equal((await run(runLogs, [], {}, false)).out, `${prefix}${text}\n`)
})

test('a problem of the admin API is told with its code', async (t) => {
  const { run, asked } = await start(t, (_request, response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' })
    response.end(
      JSON.stringify({ code: 'ERR_PROCESSES_SERVICE_UNKNOWN', detail: 'No such service.' }),
    )
  })
  assert.deepEqual(await run(runStop, ['a/b'], { BACKPLANE_TOKEN: 'sesame' }), {
    code: 1,
    out: '',
    err: 'error: No such service. [ERR_PROCESSES_SERVICE_UNKNOWN]\n',
  })
  assert.deepEqual(asked, ['POST /api/v1/services/a%2Fb/stop Bearer sesame'])
  assert.match((await run(runLogs, ['x'])).err, /ERR_PROCESSES_SERVICE_UNKNOWN/)
})

test('several names are done each by itself, an instance is found by its id', async (t) => {
  const services = [
    { name: 'orders', instances: [{ id: 'orders-1' }, { id: 'orders-2' }] },
    { name: 'old', instances: [{ id: '10.0.0.5:80' }] },
  ]
  const { run, asked } = await start(t, (request, response) => {
    if (request.url === '/api/v1/status') return void response.end(JSON.stringify({ services }))
    if (!request.url?.includes('nobody')) return void response.end('{}')
    response.writeHead(404)
    response.end(JSON.stringify({ code: 'ERR_X', detail: 'No.' }))
  })
  const restarted = await run(runRestart, ['orders', 'nobody', 'orders-2'])
  assert.equal(restarted.code, 1)
  assert.equal(restarted.out, 'orders is being restarted\norders-2 is being restarted\n')
  assert.equal(restarted.err, 'error: No. [ERR_X]\n')
  assert.equal((await run(runDrain, ['orders-1', 'old/10.0.0.5:80'])).code, 0)
  const service = await run(runUndrain, ['orders'])
  assert.match(service.err, /its instances are orders-1, orders-2. \[ERR_CLI_INSTANCE_UNKNOWN\]/)
  assert.deepEqual(asked, [
    'POST /api/v1/services/orders/restart',
    'POST /api/v1/services/nobody/restart',
    'POST /api/v1/services/orders-2/restart',
    'GET /api/v1/status',
    'PUT /api/v1/services/orders/instances/orders-1/status',
    'PUT /api/v1/services/old/instances/10.0.0.5%3A80/status',
    'GET /api/v1/status',
  ])
})

test('an answer of another program is no crash', async (t) => {
  const { run } = await start(t, (_request, response) => void response.end('<html>'))
  const { code, err } = await run(runStatus, [])
  assert.equal(code, 1)
  assert.match(err, /ERR_CLI_ANSWER_UNREADABLE/)
})

test('scale: a number, `file`, or wrong use', async (t) => {
  const { run, asked } = await start(
    t,
    (_request, response) => void response.end('{"status":"accepted"}'),
  )
  assert.deepEqual(await run(runScale, ['orders', '3']), {
    code: 0,
    out: 'orders is being scaled to 3\n',
    err: '',
  })
  assert.equal(
    (await run(runScale, ['orders', 'file', '--json'])).out,
    '{"service":"orders","status":"accepted"}\n',
  )
  for (const wrong of [['orders', 'many'], ['orders'], ['orders', '1', '2'], ['orders', '99999']]) {
    assert.equal((await run(runScale, wrong)).code, 2, wrong.join(' '))
  }
  assert.deepEqual(asked, [
    'PUT /api/v1/services/orders/scale',
    'DELETE /api/v1/services/orders/overrides',
  ])
})

const lines = [
  { seq: 1, atMs: 1_000, process: 'orders-1', stream: 'stdout', text: 'hello' },
  { seq: 2, atMs: 2_500, process: 'orders-1', stream: 'stderr', text: 'oh · no' },
]

test('logs: lines with time, process and stream, however the answer is cut', async (t) => {
  const bytes = Buffer.from(`data: ${JSON.stringify({ lines, dropped: 3 })}\n\n`)
  const { run, asked } = await start(t, (_request, response) => {
    const cut = bytes.indexOf('·') + 1
    response.write(bytes.subarray(0, cut), () => response.end(bytes.subarray(cut)))
  })
  const plain = await run(runLogs, ['orders', '--tail', '5'])
  assert.equal(plain.code, 0)
  assert.equal(plain.out, '00:00:01.000 orders-1 | hello\n00:00:02.500 orders-1 ! oh · no\n')
  assert.match(plain.err, /3 lines were dropped/)
  const json = await run(runLogs, ['--json', '-f'])
  assert.deepEqual(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    lines,
  )
  const filters = ['--previous', '--since', '1970-01-01T00:00:02Z', '--grep', 'NO', '--no-times']
  assert.equal((await run(runLogs, ['a', 'b-1', ...filters])).out, 'orders-1 ! oh · no\n')
  assert.equal((await run(runLogs, ['--since', '5 minutes'])).code, 2)
  assert.deepEqual(asked, [
    'GET /api/v1/logs?service=orders&tail=5&follow=false&previous=false',
    'GET /api/v1/logs?tail=200&follow=true&previous=false',
    'GET /api/v1/logs?service=a&service=b-1&tail=10000&follow=false&previous=true',
  ])
  assert.equal((await run(runLogs, ['--tail', '10001'])).code, 2)
  assert.equal((await run(runLogs, ['--tail', 'all'])).code, 2)
})

test('logs: Backplane ends in the middle', async (t) => {
  const { run } = await start(t, (_request, response) => {
    response.write('data: {"lines":[],"dropped":0}\n\n', () => response.destroy())
  })
  const { code, err } = await run(runLogs, ['-f'])
  assert.equal(code, 1)
  assert.match(err, /closed the connection.*\[ERR_CLI_LISTENER_CLOSED\]/)
})
