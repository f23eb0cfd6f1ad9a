import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { CheckSpec } from '../check-spec.ts'
import { oneCheck } from '../testdata/ground.ts'
import { systemClock } from '../../../platform/clock.ts'
import { runCheck } from './run.ts'

const never = new AbortController().signal
const http: CheckSpec = { kind: 'http', path: '/health?deep=1', ...oneCheck }
const tcp: CheckSpec = { kind: 'tcp', ...oneCheck }
const exec = (...argv: string[]): CheckSpec => ({ kind: 'exec', argv, ...oneCheck })
const ask = (spec: CheckSpec, port: number, signal = never) =>
  runCheck(spec, { host: '127.0.0.1', port }, signal, systemClock)

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

async function listenHttp(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createHttpServer(answer)
  t.after(() => server.closeAllConnections())
  return listen(t, server)
}

test('http: the status decides, and what the body says is kept', async (t) => {
  const port = await listenHttp(t, (request, response) => {
    assert.equal(request.url, '/health?deep=1')
    response.statusCode = status
    response.end(`said ${status}`)
  })
  let status = 200
  const expected = {
    200: 'passing',
    204: 'passing',
    302: 'passing',
    404: 'critical',
    429: 'warning',
    503: 'critical',
  }
  for (const [code, wanted] of Object.entries(expected)) {
    status = Number(code)
    const found = await ask(http, port)
    assert.equal(found.status, wanted)
    assert.match(found.output, new RegExp(`^HTTP ${code}`))
    if (wanted !== 'passing') assert.match(found.output, /said/)
    assert.ok(found.durationMs > 0)
  }
})

test('http: an endless answer is read to the bound only', async (t) => {
  const port = await listenHttp(t, (request, response) => {
    response.statusCode = request.headers.host?.includes('127.0.0.1') === true ? 500 : 200
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(1_000)));
    }
    response.on('drain', pour)
    response.on('error', () => {})
    pour()
  })
  const found = await ask(http, port)
  assert.equal(found.status, 'critical')
  assert.ok(found.output.length < 1_100, String(found.output.length))
})

test('http: a stream without an end passes by its status', async (t) => {
  const port = await listenHttp(t, (_request, response) => response.writeHead(200).flushHeaders())
  assert.equal((await ask(http, port)).status, 'passing')
})

test('http: garbage, silence and refusal reject', async (t) => {
  const garbage = await listen(
    t,
    createServer((socket) => socket.on('error', () => {}).end('no http\r\n\r\n')),
  )
  await assert.rejects(ask(http, garbage))
  const silent = await listen(
    t,
    createServer((socket) => socket.on('error', () => {})),
  )
  await assert.rejects(ask(http, silent, AbortSignal.timeout(50)), { name: 'AbortError' })
  const server = createServer()
  const port = await listen(t, server)
  server.close()
  await once(server, 'close')
  await assert.rejects(ask(http, port), { code: 'ECONNREFUSED' })
  const refused = await ask(tcp, port)
  assert.equal(refused.status, 'critical')
  assert.match(refused.output, /ECONNREFUSED/)
})

test('tcp: an accepted connection passes, and ends in order: a service has nothing to log', async (t) => {
  const server = createServer()
  const ended = Promise.withResolvers<string>()
  server.on('connection', (socket) => {
    socket.on('error', ({ message }) => ended.resolve(message))
    socket.on('end', () => ended.resolve('end'))
    socket.resume()
  })
  const port = await listen(t, server)
  assert.equal((await ask(tcp, port)).status, 'passing')
  assert.equal(await ended.promise, 'end')
})

test('exec: the exit code decides; no shell; HOST and PORT are given', async () => {
  const node = (script: string) => exec(process.execPath, '-e', script)
  const found = await ask(
    node('console.log(process.env.HOST, process.env.PORT, process.argv.length)'),
    81,
  )
  assert.equal(found.output, '127.0.0.1 81 1')
  assert.equal(found.status, 'passing')
  assert.equal((await ask(node('process.exit(1)'), 81)).status, 'warning')
  const failed = await ask(node('console.error("broken"); process.exit(2)'), 81)
  assert.deepEqual([failed.status, failed.output], ['critical', 'broken'])
  assert.equal((await ask(exec('/bin/echo', '$PORT; exit 3'), 81)).output, '$PORT; exit 3')
  const missing = await ask(exec('/no/such/program'), 81)
  assert.equal(missing.status, 'critical')
  assert.match(missing.output, /did not start.*ENOENT/)
  const loud = await ask(node('process.stdout.write("x".repeat(100000))'), 81)
  assert.ok(loud.output.length <= 4_096 && loud.output.length > 0)
})

test('exec: on timeout the whole group is killed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-exec-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'pid')
  const grandchild = `require("fs").writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1e6)`
  const script = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}], { stdio: "inherit" }); setInterval(() => {}, 1e6)`
  const abort = new AbortController()
  const running = ask(exec(process.execPath, '-e', script), 81, abort.signal)
  running.catch(() => {})
  const pid = await waitForPid(file)
  abort.abort()
  await assert.rejects(running, { message: 'aborted' })
  await waitUntil(() => !isAlive(pid))
})

async function waitForPid(file: string): Promise<number> {
  let text = ''
  await waitUntil(() => {
    try {
      text = readFileSync(file, 'utf8')
    } catch {
      return false
    }
    return text !== ''
  })
  return Number(text)
}

/** A killed process whose parent is gone may be a zombie for a moment: it does not run. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function waitUntil(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
}
