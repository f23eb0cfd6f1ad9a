import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { runCli, startBackplane, until, type Running } from '../harness/backplane.ts'
import {
  AnswerReader,
  openSocket,
  startRawService,
  watchMemory,
  type RawService,
} from '../harness/raw.ts'

const MEBIBYTE = 1024 * 1024
const GROWTH_MAX_MIB = 100
const LARGE_BYTES = 3 * MEBIBYTE
const SMALL_BYTES = 5_000
/** More than the kernel takes for a client that does not read. */
const HUGE_BYTES = 40 * MEBIBYTE

let backplane: Running
let service: RawService
let interim: RawService

/** GET of what is huge, large, or small, one after the other. */
function serveBytes(socket: Socket): void {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const isHuge = text.includes('/huge')
      const bytes = isHuge ? HUGE_BYTES : text.includes('/large') ? LARGE_BYTES : SMALL_BYTES
      text = text.slice(end + 4)
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
      socket.write(Buffer.alloc(bytes, 'x'))
    }
  })
}

/** 1xx without end: as fast as they are taken, large or small, or one every 5 ms. */
function serveInterim(socket: Socket): void {
  let timer: NodeJS.Timeout | undefined
  socket.on('close', () => clearInterval(timer))
  socket.once('data', (request: Buffer) => {
    const path = request.toString('latin1')
    const filler = path.includes('/large') ? 'x'.repeat(60_000) : 'x'
    const answer = `HTTP/1.1 103 Early Hints\r\nLink: ${filler}\r\n\r\n`
    const isSlow = path.includes('/slow')
    const pump = () => {
      while (!socket.destroyed && socket.write(answer) && !isSlow);
    }
    if (isSlow) timer = setInterval(pump, 5)
    else socket.on('drain', pump)
    pump()
  })
}

before(async () => {
  service = await startRawService(serveBytes)
  interim = await startRawService(serveInterim)
  backplane = await startBackplane({
    config: `
name: memory
listen: { default: off, gateway: 0, console: 0 }
services:
  bytes: { at: ["${service.address}"], health: { interval: 1h } }
  interim:
    at: ["${interim.address}"]
    health: { interval: 1h }
    resilience: { attemptTimeout: 1s, timeout: 2s, ejection: { failures: 0 }, breaker: { of: off } }
gateway:
  limits: { requestLine: 256KiB, head: 512KiB }
  routes: [{ path: /bytes/**, to: bytes }, { path: /interim/**, to: interim }]
`,
  })
})

after(async () => {
  await backplane[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
  await interim[Symbol.asyncDispose]()
})

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

/** Requests as long as they are taken. Resolves with their count once nothing was taken for a second. */
async function pipeline(socket: Socket, request: string): Promise<number> {
  const block = request.repeat(200)
  let count = 0
  const pump = () => {
    while (count < 2_000_000) {
      count += 200
      if (!socket.write(block)) return
    }
  }
  socket.on('drain', pump)
  pump()
  for (let taken = -1; taken !== count;) {
    taken = count
    await wait(1_000)
    assert.ok(socket.bytesWritten < 64 * MEBIBYTE, 'the client is never held back')
  }
  socket.off('drain', pump)
  return count
}

test('pipelined requests of clients that do not read: they are held back, and every answer comes in the end', async () => {
  const memory = await watchMemory(backplane)
  const paths = ['/nowhere', '/bytes/small', '/bytes/large', '/nowhere', '/bytes/small']
  const clients = await Promise.all(
    paths.map(async (path) => {
      const socket = openSocket(backplane.gateway).pause()
      return { socket, path, count: await pipeline(socket, get(path)) }
    }),
  )
  const grown = await memory.stop()
  assert.ok(grown < GROWTH_MAX_MIB, `grew by ${grown} MiB`)
  const [small] = clients
  const reader = new AnswerReader(small!.socket)
  reader.socket.resume()
  for (let nth = 0; nth < small!.count; nth++) assert.equal((await reader.next()).status, 404)
  for (const { socket } of clients) socket.destroy()
})

for (const [path, growthMaxMib] of [
  ['small', GROWTH_MAX_MIB],
  // 64 heads of 60 KB for each of twenty clients that read late are 73 MiB, and as much has not been collected yet.
  ['large', 150],
  ['slow', GROWTH_MAX_MIB],
] as const) {
  test(`an instance that sends 1xx without end (${path}): a clear end, bounded memory`, async () => {
    // The first round makes what is kept for the others: buffers, code, room of the collector.
    await askForInterim(path)
    const memory = await watchMemory(backplane)
    for (let round = 0; round < 3; round++) await askForInterim(path)
    const grown = await memory.stop()
    assert.ok(grown < growthMaxMib, `grew by ${grown} MiB`)
  })
}

/** Twenty ask, and read one after the other: the last ones hold back what is sent to them for a while. */
async function askForInterim(path: string): Promise<void> {
  const sockets = Array.from({ length: 20 }, () => {
    const socket = openSocket(backplane.gateway)
    socket.write(get(`/interim/${path}`))
    return socket
  })
  for (const socket of sockets) {
    const reader = new AnswerReader(socket)
    let answer = await reader.next()
    while (answer.status === 103) answer = await reader.next()
    assert.equal(answer.status, 502, answer.head)
    assert.match(answer.head, /ERR_GATEWAY_BAD_RESPONSE/)
    socket.destroy()
  }
}

/** Reads a chunk, then rests: some seven seconds for the large answer. Resolves with the bytes of the body. */
function readSlowly(socket: Socket): Promise<number> {
  return new Promise((done) => {
    let bytes = 0
    let headBytes = 0
    socket.on('data', (chunk: Buffer) => {
      if (bytes === 0) headBytes = chunk.indexOf('\r\n\r\n') + 4
      bytes += chunk.length
      socket.pause()
      setTimeout(() => socket.resume(), (7_000 * chunk.length) / LARGE_BYTES)
    })
    socket.on('close', () => done(bytes - headBytes))
    socket.on('end', () => socket.end())
  })
}

interface LogLine {
  readonly path: string
  readonly out: number
  readonly status: number
  readonly reason?: string
}

async function logOf(path: string, count: number): Promise<LogLine[]> {
  return until(async () => {
    const text = await readFile(join(backplane.folder, '.backplane/access.log'), 'utf8')
    const lines = text
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter((line) => line.path === path)
    return lines.length === count && lines
  }, `${count} lines for ${path}`)
}

test('slow readers over closing connections get every byte, and the log says the truth of those that leave', async () => {
  const ask = (request: string) => {
    const socket = openSocket(backplane.gateway)
    socket.write(request)
    return socket
  }
  const closing = Array.from({ length: 30 }, () =>
    readSlowly(ask(get('/bytes/large-close', 'Connection: close\r\n'))),
  )
  const old = Array.from({ length: 12 }, () =>
    readSlowly(ask('GET /bytes/large-old HTTP/1.0\r\nHost: localhost\r\n\r\n')),
  )
  const leaving = Array.from({ length: 5 }, async () => {
    const socket = ask(get('/bytes/huge-left', 'Connection: close\r\n'))
    for await (const _ of socket) break
    socket.destroy()
  })
  await Promise.all(leaving)
  const bytes = await Promise.all([...closing, ...old])
  assert.deepEqual(
    bytes.filter((count) => count !== LARGE_BYTES),
    [],
  )
  const lines = [
    ...(await logOf('/bytes/large-close', 30)),
    ...(await logOf('/bytes/large-old', 12)),
  ]
  assert.ok(lines.every(({ status, out }) => status === 200 && out === LARGE_BYTES))
  for (const { out, reason } of await logOf('/bytes/huge-left', 5)) {
    assert.ok(out < HUGE_BYTES, `${out} bytes are in the log`)
    assert.equal(reason, 'ERR_GATEWAY_CLIENT_ABORTED')
  }
})

test('targets of 250 KiB: what is remembered of them is small', async () => {
  const query = 'q'.repeat(250 * 1024)
  let id = ''
  const memory = await watchMemory(backplane)
  const readers = Array.from({ length: 4 }, () => new AnswerReader(openSocket(backplane.gateway)))
  await Promise.all(
    readers.map(async (reader) => {
      for (let nth = 0; nth < 500; nth++) {
        const { status, head } = await reader.ask(get(`/bytes/small?${query}`))
        assert.equal(status, 200)
        id = /^x-request-id: *(\S+)/im.exec(head)?.[1] ?? ''
      }
    }),
  )
  const grown = await memory.stop()
  for (const { socket } of readers) socket.destroy()
  assert.ok(grown < GROWTH_MAX_MIB, `grew by ${grown} MiB`)
  const { stdout } = await until(async () => {
    const told = await runCli(['why', id], backplane.folder)
    return told.code === 0 && told
  }, 'the record of the last one')
  assert.match(stdout, /\/bytes\/small/)
  assert.ok(stdout.length < 64 * 1024, `${stdout.length} characters`)
})

test('only the process that holds what clients send has an allocator that gives memory back', async () => {
  const { data, control } = backplane.ready.pids
  const isSet = async (pid: number) =>
    (await readFile(`/proc/${pid}/environ`, 'utf8')).includes('MALLOC_TRIM_THRESHOLD_=')
  assert.deepEqual([await isSet(data), await isSet(control)], [true, false])
})
