/**
 * Blocking queries that wait, on the whole program: `node bench/blocked.ts`. What 10,000 of them cost the control plane in memory, and in CPU while
 * nothing changes, and how long a change takes to the one that waits for it. Prints a Markdown table for BENCHMARKS.md.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { cpus } from 'node:os'
import { startBackplane } from '../test/harness/backplane.ts'
import { percentile } from './measure.ts'

const QUERIES = 10_000
const QUIET_MS = 10_000
const CHANGES = 200
/** Ticks of /proc a second. */
const TICKS = 100

const config =
  'listen: { default: off, gateway: 0, console: 0, consul: 0 }\ngateway: { workers: 1 }\n'
await using backplane = await startBackplane({ config })
const port = Number(backplane.ready.listen['consul']?.split(':').at(-1))
const { control } = backplane.ready.pids
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))
const rssBytes = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${control}/status`, 'utf8'))?.[1]) * 1_024
const cpuMs = (): number => {
  const fields = readFileSync(`/proc/${control}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS
}

await pause(2_000)
const before = rssBytes()
const sockets: Socket[] = []
for (let at = 0; at < QUERIES; at++) sockets.push(await block(at))
await pause(2_000)
const perQuery = (rssBytes() - before) / QUERIES
const cpuBefore = cpuMs()
await pause(QUIET_MS)
const cpuPerSecond = (cpuMs() - cpuBefore) / (QUIET_MS / 1_000)
const tookMs: number[] = []
for (let at = 0; at < CHANGES; at++) tookMs.push(await change(at))
for (const socket of sockets) socket.destroy()

const row = (what: string, value: string): string => `| ${what} | ${value} |\n`
process.stdout.write(
  `${cpus()[0]?.model ?? ''}, node ${process.version}\n\n| ${QUERIES} blocking queries, each on a key of its own | |\n| --- | --- |\n` +
    row('memory of control (RSS) a query', `${(perQuery / 1_024).toFixed(1)} KiB`) +
    row('CPU while nothing changes', `${cpuPerSecond.toFixed(1)} ms a second`) +
    row('a write until its watcher has it, p50', `${percentile(tookMs, 0.5).toFixed(1)} ms`) +
    row('the same, p99', `${percentile(tookMs, 0.99).toFixed(1)} ms`),
)

/** A connection whose query waits. */
async function block(at: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail))
  socket.write(`GET /v1/kv/watched/${at}?index=1&wait=10m HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`)
  return socket
}

/** Writes the key and waits until its watcher is told. */
async function change(at: number): Promise<number> {
  const told = new Promise<void>((done) => sockets[at]!.once('data', () => done()))
  const startMs = performance.now()
  await fetch(`http://127.0.0.1:${port}/v1/kv/watched/${at}`, { method: 'PUT', body: 'x' })
  await told
  return performance.now() - startMs
}
