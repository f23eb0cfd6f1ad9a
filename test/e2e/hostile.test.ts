import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBackplane, until, type Running } from '../harness/backplane.ts'
import { startLoad, summarize } from '../harness/load.ts'

const echo = join(import.meta.dirname, '../harness/echo-service.mjs')
const MEBIBYTE = 1024 * 1024

/** Upstreams that misbehave, each on its own port. */
const behaviours = {
  silent: () => {},
  garbage: (socket: Socket) =>
    void socket.once('data', () => socket.end('\x00\x01garbage\r\n\r\n')),
  closing: (socket: Socket) => void socket.once('data', () => socket.destroy()),
  halfway: (socket: Socket) =>
    void socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly a part', () =>
        socket.destroy(),
      )
    }),
  slow: (socket: Socket) => void socket.once('data', () => socket.pause()),
} satisfies Record<string, (socket: Socket) => void>

let servers: Record<string, Server>
let backplane: Running

before(async () => {
  servers = {}
  for (const [name, behave] of Object.entries(behaviours)) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      behave(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers[name] = server
  }
  backplane = await startBackplane({ config: configOf(servers) })
})

after(async () => {
  await backplane[Symbol.asyncDispose]()
  for (const server of Object.values(servers)) server.close()
})

function configOf(all: Record<string, Server>): string {
  const at = Object.entries(all).map(([name, server]) => {
    const { port } = server.address() as AddressInfo
    return `  ${name}: { at: ["127.0.0.1:${port}"], resilience: { attemptTimeout: 300ms, timeout: 600ms, ejection: { failures: 0 } } }`
  })
  return `
name: hostile
listen: { default: off, gateway: 0, console: 0 }
services:
  echo: { run: node ${echo}, health: { http: /health } }
${at.join('\n')}
gateway:
  limits: { headTimeout: 500ms, idleTimeout: 60s, bodyTimeout: 2s, head: 8KiB, connections: 11000 }
  routes:
    - { path: /echo/**, to: echo, strip: /echo }
${Object.keys(all)
  .map((name) => `    - { path: /${name}/**, to: ${name} }`)
  .join('\n')}
`
}

/** Proportional set size of the data plane in bytes. */
async function dataMemory(): Promise<number> {
  const rollup = await readFile(`/proc/${backplane.ready.pids.data}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
}

function open(): Socket {
  const { hostname, port } = new URL(backplane.gateway)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  return socket
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1')
  for await (const chunk of socket) text += String(chunk)
  return text
}

/** Others are served while something bad goes on. */
async function othersAreServed(): Promise<void> {
  const load = startLoad({ url: `${backplane.gateway}/echo/other`, connections: 4 })
  await load.more(200)
  const failed = (await load.stop()).filter((one) => one.status !== 200)
  assert.equal(failed.length, 0, summarize(failed))
}

for (const [name, status, reasons] of [
  ['silent', 504, /ERR_GATEWAY_(TRY|TOTAL|REQUEST|DEADLINE)?.*/],
  ['garbage', 502, /ERR_GATEWAY_/],
  ['closing', 502, /ERR_GATEWAY_/],
] as const) {
  test(`a service that is ${name} is answered for with ${status} and a reason`, async () => {
    const response = await fetch(`${backplane.gateway}/${name}/x`)
    assert.equal(response.status, status)
    assert.match(response.headers.get('backplane-reason') ?? '', reasons)
    await response.body?.cancel()
    await othersAreServed()
  })
}

test('a service that closes in the middle of its answer: the client sees that it is cut, never a whole answer', async () => {
  const socket = open()
  socket.write(`GET /halfway/x HTTP/1.1\r\nHost: ${new URL(backplane.gateway).host}\r\n\r\n`)
  const text = await textOf(socket)
  assert.match(text, /Content-Length: 1000/i)
  assert.ok(text.endsWith('only a part'))
  await othersAreServed()
})

test('slowloris: heads that never end are answered 408 after the head timeout, others are served', async () => {
  const sockets = Array.from({ length: 500 }, open)
  const texts = sockets.map(textOf)
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('X-A: b\r\n')
  }, 100)
  for (const socket of sockets) socket.write('GET /echo/x HTTP/1.1\r\nHost: 127.0.0.1\r\n')
  await othersAreServed()
  const answers = await Promise.all(texts)
  clearInterval(drip)
  assert.ok(
    answers.every((text) => text.startsWith('HTTP/1.1 408 ')),
    answers[0],
  )
})

test('10,000 idle connections cost little, and others are served', async () => {
  const beforeBytes = await dataMemory()
  const sockets: Socket[] = []
  for (let nth = 0; nth < 10_000; nth += 500) {
    const batch = Array.from({ length: 500 }, open)
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    sockets.push(...batch)
  }
  await othersAreServed()
  const each = ((await dataMemory()) - beforeBytes) / sockets.length
  for (const socket of sockets) socket.destroy()
  assert.ok(each < 16 * 1024, `${Math.round(each)} bytes a connection`)
})

test('an upload of 1 GB to a reader that does not read: memory stays bounded, and the end is a clear one', async () => {
  const beforeBytes = await dataMemory()
  const socket = open()
  const total = 1024 * MEBIBYTE
  socket.write(
    `POST /slow/x HTTP/1.1\r\nHost: ${new URL(backplane.gateway).host}\r\nContent-Length: ${total}\r\n\r\n`,
  )
  let sent = 0
  const block = Buffer.alloc(MEBIBYTE, 'x')
  const pump = () => {
    while (sent < total && socket.writable && socket.write(block)) sent += block.length
  }
  socket.on('drain', pump)
  pump()
  const text = textOf(socket)
  let highest = 0
  await othersAreServed()
  await until(async () => {
    highest = Math.max(highest, await dataMemory())
    return socket.destroyed || socket.readableEnded
  }, 'the end of the upload')
  assert.ok(
    highest - beforeBytes < 64 * MEBIBYTE,
    `grew by ${(highest - beforeBytes) / MEBIBYTE} MiB`,
  )
  assert.ok(sent < total / 4, `${sent} bytes were taken`)
  assert.match(await text, /^HTTP\/1\.1 (408|504) /)
})
