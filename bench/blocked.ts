/**
 * Blocking queries that wait, on the whole program: `node bench/blocked.ts`. What 10,000 of them cost the control plane in memory, and in CPU while
 * nothing changes, and how long a change takes to the one that waits for it. Prints a Markdown table for BENCHMARKS.md.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { startBackplane } from '../test/harness/backplane.ts'
import {
  barHead,
  barRow,
  kernelBytes,
  machineLine,
  markdownTable,
  percentile,
  plainRow,
  residentBytes,
} from './measure.ts'

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
const cpuMs = (): number => {
  const fields = readFileSync(`/proc/${control}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS
}

await pause(2_000)
const before = { rss: residentBytes(control), ...kernelBytes() }
const idleMs = await idleCpuMs()
const sockets: Socket[] = []
for (let at = 0; at < QUERIES; at++) sockets.push(await block(at))
await pause(2_000)
const after = { rss: residentBytes(control), ...kernelBytes() }
const waitingMs = await idleCpuMs()
const tookMs: number[] = []
for (let at = 0; at < CHANGES; at++) tookMs.push(await change(at))
for (const socket of sockets) socket.destroy()

const kib = (bytes: number): number => bytes / QUERIES / 1_024
const rss = kib(after.rss - before.rss)
// Both ends of each connection are on this machine: half of what the kernel has for them is ours.
const objects = kib(after.objects - before.objects) / 2
const buffers = kib(after.buffers - before.buffers) / 2
const rows = [
  barHead,
  plainRow('memory of control (RSS) a query', `${rss.toFixed(1)} KiB`),
  plainRow(
    'objects of the kernel a query (slab: socket, inode, file, epoll)',
    `${objects.toFixed(1)} KiB`,
  ),
  plainRow('buffers of TCP a query', `${buffers.toFixed(1)} KiB`),
  barRow(
    `all memory of a blocked query, ${QUERIES} of them, each on a key of its own`,
    rss + objects + buffers,
    { bar: 20_000 / 1_024, unit: 'KiB' },
  ),
  plainRow('CPU of control while nobody asks', `${idleMs.toFixed(1)} ms a second`),
  barRow(
    'CPU that the waiting queries add while nothing changes',
    Math.max(0, waitingMs - idleMs),
    { bar: 1, unit: 'ms a second' },
  ),
  plainRow(
    'a write (durable) until its watcher has it, p50',
    `${percentile(tookMs, 0.5).toFixed(1)} ms`,
  ),
  barRow('the same, p99', percentile(tookMs, 0.99), { bar: 10, unit: 'ms' }),
]
process.stdout.write(`${machineLine()}\n\n${markdownTable(rows)}\n`)

/** CPU of control a second, while nothing changes. */
async function idleCpuMs(): Promise<number> {
  const from = cpuMs()
  await pause(QUIET_MS)
  return (cpuMs() - from) / (QUIET_MS / 1_000)
}

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
