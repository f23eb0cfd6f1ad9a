/** Time from `backplane up` to the first proxied request, and memory when idle: `node bench/start.ts`. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startBackplane } from '../test/harness/backplane.ts'
import { descendants, machineLine, markdownTable, percentile, pssBytes } from './measure.ts'

const ROUNDS = 7
const IDLE_MS = 10_000
const program = resolve(import.meta.dirname, '../bin/backplane')

const backend = createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
}).listen(0, '127.0.0.1')
await once(backend, 'listening')
const backendPort = (backend.address() as AddressInfo).port

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })
}

function isAnswered(port: number): Promise<boolean> {
  return new Promise((done) => {
    const request = get({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.resume()
      response.on('end', () => done(response.statusCode === 200))
    })
    request.on('error', () => done(false))
  })
}

/** Milliseconds from the spawn to the first 200 through the gateway. */
async function firstRequestMs(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-'))
  const port = await freePort()
  writeFileSync(
    join(folder, 'backplane.yaml'),
    `listen: { default: off, gateway: ${port}, console: 0 }\nservices: { back: { at: ["127.0.0.1:${backendPort}"] } }\ngateway: { routes: [{ path: /**, to: back }] }\n`,
  )
  const startedMs = performance.now()
  const child = spawn(program, ['up'], { cwd: folder, stdio: 'ignore' })
  while (!(await isAnswered(port))) await new Promise((done) => setTimeout(done, 5))
  const tookMs = performance.now() - startedMs
  child.kill('SIGINT')
  await new Promise((done) => child.on('exit', done))
  rmSync(folder, { recursive: true })
  return tookMs
}

async function idleMemory(): Promise<readonly (readonly [string, number])[]> {
  await using backplane = await startBackplane({
    config: 'listen: { default: off, gateway: 0, console: 0 }\n',
  })
  await new Promise((done) => setTimeout(done, IDLE_MS))
  const { supervisor, control, data } = backplane.ready.pids
  const all = descendants(supervisor)
  const sum = all.reduce((bytes, pid) => bytes + pssBytes(pid), 0)
  return [
    ['supervisor', pssBytes(supervisor)],
    ['control', pssBytes(control)],
    ['data', pssBytes(data)],
    ['all', sum],
  ]
}

const times: number[] = []
for (let round = 0; round < ROUNDS; round++) times.push(await firstRequestMs())
const memory = await idleMemory()
backend.close()
const lines = [
  machineLine(),
  '',
  markdownTable([
    ['what', 'median', 'worst of 7', 'bar'],
    [
      'first proxied request after the start',
      `${percentile(times, 0.5).toFixed(0)} ms`,
      `${Math.max(...times).toFixed(0)} ms`,
      '1000 ms',
    ],
  ]),
  '',
  markdownTable([
    ['idle, PSS', 'MB', 'bar'],
    ...memory.map(([name, bytes]) => [name, (bytes / 1e6).toFixed(0), name === 'all' ? '200' : '']),
  ]),
  '',
]
process.stdout.write(lines.join('\n'))
