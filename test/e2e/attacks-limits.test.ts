import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, symlink } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { AnswerReader, metricOf, openSocket, startRawService } from '../harness/raw.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

const configOf = (address: string, service = '', gateway = '') => `
name: limits
listen: { default: off, gateway: 0, console: 0 }
services: { one: { at: ["${address}"], health: { interval: 1h }${service} } }
gateway:
  workers: 2
  routes: [{ path: /one/**, to: one }]
${gateway}
`

const withoutServices = 'name: limits\nlisten: { default: off, gateway: 0, console: 0 }\n'

const openReader = (url: string) => new AnswerReader(openSocket(url))

/** A service that answers when the test says so, and knows what is open. */
class HeldService {
  openMax = 0
  readonly #open = new Set<Socket>()
  #waiting: Socket[] = []
  #isFree = false

  serve(socket: Socket): void {
    // A connection that says nothing is a check.
    socket.on('data', () => {
      this.#open.add(socket)
      this.openMax = Math.max(this.openMax, this.#open.size)
      if (this.#isFree) socket.write(OK)
      else this.#waiting.push(socket)
    })
    socket.on('close', () => this.#open.delete(socket))
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  answerAll(): void {
    this.#isFree = true
    for (const socket of this.#waiting) socket.write(OK)
    this.#waiting = []
  }
}

test('connections: 1 and pending: 3 hold over two workers together', async () => {
  const held = new HeldService()
  await using service = await startRawService((socket) => held.serve(socket))
  await using backplane = await startBackplane({
    config: configOf(service.address, ', connections: 1, pending: 3'),
  })
  const answers: number[] = []
  const readers = Array.from({ length: 40 }, () => openReader(backplane.gateway))
  const asked = readers.map(async (reader) => {
    answers.push((await reader.ask(get('/one/x'))).status)
  })
  await until(() => answers.length === 36, 'thirty-six refusals')
  assert.ok(
    answers.every((status) => status === 503),
    answers.join(),
  )
  assert.equal(held.waitingCount, 1)
  held.answerAll()
  await Promise.all(asked)
  assert.deepEqual(answers.slice(36), [200, 200, 200, 200])
  assert.equal(held.openMax, 1)
  for (const { socket } of readers) socket.destroy()
})

test('a disk that takes no line of the access log: what is lost is counted, and everything is served', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-e2e-'))
  await using first = await startBackplane({ config: withoutServices, folder, keepFolder: true })
  await first.stop()
  const log = join(folder, '.backplane/access.log')
  await mkdir(join(folder, '.backplane'), { recursive: true })
  // Every write to this device fails as on a full disk.
  await symlink('/dev/full', log)
  await using backplane = await startBackplane({ config: withoutServices, folder })
  for (let nth = 0; nth < 50; nth++) {
    assert.equal((await fetch(`${backplane.gateway}/nowhere`)).status, 404)
  }
  const lost = 'backplane_gateway_access_log_lost_total'
  await until(async () => (await metricOf(backplane, lost)) === 50, 'fifty lost lines')
})

test('a disk that fails: scale is refused with a clear error, and works when there is room again', async () => {
  const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
  await using backplane = await startBackplane({
    config: `${withoutServices}services: { one: { run: node ${echo} } }\n`,
  })
  const scale = async () => {
    const answer = await fetch(`${backplane.admin}/api/v1/services/one/scale`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"instances":2}',
    })
    return { status: answer.status, text: await answer.text() }
  }
  const control = String(backplane.ready.pids.control)
  // No file of this process may grow, so that each write fails; a full disk (507) is in processes.test.ts.
  execFileSync('prlimit', ['--pid', control, '--fsize=1024:'])
  const { status, text } = await scale()
  assert.equal(status, 503, text)
  assert.match(text, /"code":"ERR_STORAGE_COMMIT"/)
  assert.equal((await fetch(`${backplane.admin}/api/v1/status`)).status, 200)
  execFileSync('prlimit', ['--pid', control, '--fsize=unlimited:'])
  assert.ok((await scale()).status < 300)
})

const setting = 'trustedProxies: ["127.0.0.0/8"]'

test('a connection that was kept is judged anew when trustedProxies changes', async () => {
  await using service = await startRawService((socket) => {
    socket.setEncoding('latin1').on('data', (head: string) => {
      const said = /^x-forwarded-for: *(.*)\r$/im.exec(head)?.[1] ?? ''
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${said.length}\r\n\r\n${said}`)
    })
  })
  await using backplane = await startBackplane({
    config: configOf(service.address, '', `  ${setting}`),
  })
  const kept = openReader(backplane.gateway)
  const ask = async (reader: AnswerReader) =>
    (await reader.ask(get('/one/x', 'X-Forwarded-For: 203.0.113.9\r\n'))).body
  assert.match(await ask(kept), /^203\.0\.113\.9, *127\.0\.0\.1$/)
  await backplane.configure(configOf(service.address))
  await until(async () => {
    const fresh = openReader(backplane.gateway)
    const said = await ask(fresh)
    fresh.socket.destroy()
    return said === '127.0.0.1'
  }, 'the change')
  assert.equal(await ask(kept), '127.0.0.1')
  kept.socket.destroy()
})

/** So many files may the data process open, beyond those that it has: numbers that are free are used first. */
function limitFiles({ ready }: Running, more: number): void {
  const pid = String(ready.pids.data)
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let limit = 0
  for (let free = 0; free < more; limit++) if (!open.has(limit)) free++
  execFileSync('prlimit', ['--pid', pid, `--nofile=${limit}:`])
}

async function fillFiles(backplane: Running, t: TestContext): Promise<AnswerReader[]> {
  const readers: AnswerReader[] = []
  t.after(() => readers.forEach(({ socket }) => socket.destroy()))
  for (;;) {
    const reader = openReader(backplane.gateway)
    const { status } = await reader.ask(get('/nowhere'))
    if (status !== 404) return readers
    readers.push(reader)
    assert.ok(readers.length < 200, 'the limit does not hold')
  }
}

test('without file descriptors nobody blames the instance, and it is served again as soon as there are some', async (t) => {
  await using service = await startRawService((socket) => {
    socket.on('data', () => socket.end(OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')))
  })
  await using backplane = await startBackplane({
    config: configOf(service.address, ', resilience: { ejection: { base: 1h, max: 1h } }'),
  })
  assert.equal((await fetch(`${backplane.gateway}/one/x`)).status, 200)
  limitFiles(backplane, 20)
  const readers = await fillFiles(backplane, t)
  assert.ok(readers.length >= 10, `${readers.length} connections`)
  for (const reader of readers) {
    const { status, head } = await reader.ask(get('/one/x'))
    assert.equal(status, 503, head)
    assert.match(head, /ERR_GATEWAY_RESOURCES/)
  }
  for (const { socket } of readers) socket.destroy()
  await until(async () => {
    const fresh = openReader(backplane.gateway)
    const { status } = await fresh.ask(get('/one/x'))
    fresh.socket.destroy()
    return status === 200
  }, 'service again')
  const failures = 'backplane_gateway_attempt_failures_total'
  const ejected = 'backplane_gateway_instance_ejected'
  assert.equal(await metricOf(backplane, ejected, 'one'), 0)
  assert.equal(await metricOf(backplane, failures, 'one'), 0)
})

test('OPTIONS *, and HTTP/1.0 without Host', async () => {
  const heads: string[] = []
  await using service = await startRawService((socket) => {
    socket.setEncoding('latin1').on('data', (head: string) => {
      heads.push(head)
      socket.write(OK)
    })
  })
  await using backplane = await startBackplane({ config: configOf(service.address) })
  const asterisk = openReader(backplane.gateway)
  const { status, head } = await asterisk.ask('OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.equal(status, 204, head)
  const old = openReader(backplane.gateway)
  assert.equal((await old.ask('GET /one/x HTTP/1.0\r\n\r\n')).status, 200)
  const host = /^host:[ \t]*(.*)\r$/im.exec(heads[0] ?? '')
  assert.ok(host === null || host[1] !== '', heads[0])
  // An HTTP/1.1 request, which is what it becomes, must have one (RFC 9112 section 3.2).
  assert.match(heads[0] ?? '', /^GET \/one\/x HTTP\/1\.1\r\n[^]*^host: *\S/im)
  asterisk.socket.destroy()
  old.socket.destroy()
})

test('the console: 2,000 silent connections keep nobody out, and the 101st reader of the feed gets 503', async (t) => {
  await using backplane = await startBackplane({ config: withoutServices })
  const sockets = Array.from({ length: 2_000 }, () => openSocket(backplane.admin))
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  await Promise.all(
    sockets.map(
      (socket) => new Promise<void>((done) => socket.once('connect', done).once('close', done)),
    ),
  )
  const signal = AbortSignal.timeout(5_000)
  assert.equal((await fetch(`${backplane.admin}/api/v1/status`, { signal })).status, 200)
  for (const socket of sockets) socket.destroy()
  const ended = new AbortController()
  t.after(() => ended.abort())
  const feed = () => fetch(`${backplane.admin}/api/v1/feed`, { signal: ended.signal })
  // Kept: an answer that nobody holds is collected, and its connection ends.
  const readers: Response[] = []
  for (let nth = 0; nth < 100; nth++) readers.push(await feed())
  for (const reader of readers) assert.equal(reader.status, 200)
  const refused = await feed()
  assert.equal(refused.status, 503)
  assert.match(await refused.text(), /ERR_CONSOLE_[A-Z_]+/)
  assert.equal(readers.length, 100)
})
