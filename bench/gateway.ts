import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cpuMicros } from './gateway/cpu.ts'
import { landing } from './gateway/landing.ts'
import { BROWSER_HEADERS, openLoop, saturate } from './gateway/load.ts'
import {
  isInstalled,
  type Peer,
  startBackend,
  startBackplane,
  startCaddy,
  startNginx,
  startNodeProxy,
  startUndiciProxy,
} from './gateway/peers.ts'

/** CPU a request and latency of the gateway, side by side with its peers: `npm run bench:gateway -- --rounds 3 --seconds 3`. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: '' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const connections = Number(values.connections)

/** Load before anything is measured: until the compiler has settled (measured: four to eight seconds on a busy machine). */
const WARM_SECONDS = 8

interface Scenario {
  readonly name: string
  readonly path: string
  readonly headers: readonly string[]
}

const scenarios: readonly Scenario[] = [
  { name: '100 B, plain', path: '/small', headers: [] },
  { name: '100 B, browser', path: '/small', headers: BROWSER_HEADERS },
  { name: '10 KB, plain', path: '/large', headers: [] },
  { name: '10 KB, browser', path: '/large', headers: BROWSER_HEADERS },
]

interface Figure {
  readonly scenario: string
  readonly peer: string
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
  readonly errors: number
}

interface Latency {
  readonly peer: string
  readonly ratePerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly unanswered: number
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN
}

async function measure(peer: Peer, scenario: Scenario): Promise<Figure> {
  const before = cpuMicros(peer.pids())
  const url = `http://127.0.0.1:${peer.port}${scenario.path}`
  const result = await saturate(url, scenario.headers, connections, seconds)
  return {
    scenario: scenario.name,
    peer: peer.name,
    cpuMicrosPerRequest: (cpuMicros(peer.pids()) - before) / Math.max(1, result.requests),
    requestsPerSecond: result.requestsPerSecond,
    errors: result.errors,
  }
}

/** Alternating, so that what else the machine does hits all alike; medians of the rounds. */
async function measureAll(peers: readonly Peer[], scenario: Scenario): Promise<Figure[]> {
  const all: Figure[] = []
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) all.push(await measure(peer, scenario))
  }
  return peers.map(({ name }) => {
    const mine = all.filter(({ peer }) => peer === name)
    return {
      scenario: scenario.name,
      peer: name,
      cpuMicrosPerRequest: median(mine.map((figure) => figure.cpuMicrosPerRequest)),
      requestsPerSecond: median(mine.map((figure) => figure.requestsPerSecond)),
      errors: mine.reduce((sum, figure) => sum + figure.errors, 0),
    }
  })
}

function printFigures(figures: readonly Figure[], base: string): void {
  print(
    `\n| ${figures[0]!.scenario} | CPU us/request | ratio to ${base} | requests/s | errors |\n| --- | --- | --- | --- | --- |`,
  )
  const basis = figures.find(({ peer }) => peer === base)?.cpuMicrosPerRequest ?? NaN
  for (const { peer, cpuMicrosPerRequest, requestsPerSecond, errors } of figures) {
    const ratio = (cpuMicrosPerRequest / basis).toFixed(2)
    print(
      `| ${peer} | ${cpuMicrosPerRequest.toFixed(1)} | ${ratio} | ${requestsPerSecond.toFixed(0)} | ${errors} |`,
    )
  }
}

async function measureLatency(peers: readonly Peer[], rate: number): Promise<Latency[]> {
  const head = `GET /small HTTP/1.1\r\nHost: shop.example\r\n${BROWSER_HEADERS.map((line) => `${line}\r\n`).join('')}\r\n`
  const rows: (Latency & { peer: string })[] = []
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      const result = await openLoop(peer.port, head, connections, rate, seconds)
      rows.push({ peer: peer.name, ratePerSecond: rate, ...result })
    }
  }
  return peers.map(({ name }) => {
    const mine = rows.filter(({ peer }) => peer === name)
    return {
      peer: name,
      ratePerSecond: rate,
      p50Ms: median(mine.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(mine.map(({ p99Ms }) => p99Ms)),
      unanswered: mine.reduce((sum, { unanswered }) => sum + unanswered, 0),
    }
  })
}

/** Every peer that is installed; each is put into `started` at once, so that it is stopped whatever happens. */
async function startPeers(folder: string, backend: number, started: Peer[]): Promise<Peer[]> {
  const starts: readonly (readonly [name: string, start: () => Promise<Peer>])[] = [
    ['nginx', () => startNginx(folder, backend, true)],
    ['nginx without log', () => startNginx(folder, backend, false)],
    ['caddy', () => startCaddy(folder, backend)],
    ['node:http', () => startNodeProxy(backend)],
    ['node:http + undici', () => startUndiciProxy(backend)],
    ['backplane', () => startBackplane(backend, 1)],
  ]
  const wanted = values.only === '' ? undefined : values.only.split(',')
  const peers: Peer[] = []
  for (const [name, start] of starts) {
    if (wanted?.includes(name) === false) continue
    if (name === 'caddy' && !isInstalled('caddy')) {
      print('caddy is not installed: left out')
      continue
    }
    const peer = await start()
    started.push(peer)
    peers.push(peer)
  }
  return peers
}

/** Just-in-time compilers and pools: not measured. */
function warm(peer: Peer): Promise<unknown> {
  const url = `http://127.0.0.1:${peer.port}/small`
  return saturate(url, BROWSER_HEADERS, connections, WARM_SECONDS)
}

async function compareLatency(
  peers: readonly Peer[],
  figures: readonly Figure[],
): Promise<Latency[]> {
  const ours = peers.filter(({ name }) => name === 'nginx' || name === 'backplane')
  const saturation = figures
    .filter(
      ({ scenario, peer }) =>
        scenario === scenarios[1]!.name && ours.some(({ name }) => name === peer),
    )
    .map(({ requestsPerSecond }) => requestsPerSecond)
  const rate = Math.floor(Math.min(...saturation) / 2)
  const latencies = await measureLatency(ours, rate)
  print(
    `\n| open loop, ${rate} requests/s, 100 B, browser | p50 ms | p99 ms | unanswered |\n| --- | --- | --- | --- |`,
  )
  for (const { peer, p50Ms, p99Ms, unanswered } of latencies) {
    print(`| ${peer} | ${p50Ms.toFixed(2)} | ${p99Ms.toFixed(2)} | ${unanswered} |`)
  }
  return latencies
}

async function compareWorkers(peers: readonly Peer[], two: Peer): Promise<object> {
  await warm(two)
  const one = peers.filter(({ name }) => name === 'backplane')
  const scaling = await measureAll([...one, two], scenarios[1]!)
  printFigures(scaling, 'backplane')
  const share = await landing(two.port, 1_000)
  print(
    `\n1,000 connections on 2 workers: ${share.counts.join(' and ')}, ${share.ratio.toFixed(2)} : 1`,
  )
  return { scaling, landing: share }
}

async function run(folder: string, started: Peer[]): Promise<object> {
  const backend = await startBackend(folder)
  started.push(backend)
  const peers = await startPeers(folder, backend.port, started)
  const machine = `${cpus()[0]?.model ?? 'unknown processor'} x ${cpus().length}`
  print(`gateway, ${machine}, node ${process.version}`)
  print(`${rounds} rounds of ${seconds} s, ${connections} connections, medians`)
  for (const peer of peers) await warm(peer)
  const figures: Figure[] = []
  for (const scenario of scenarios) {
    const rows = await measureAll(peers, scenario)
    printFigures(rows, 'nginx')
    figures.push(...rows)
  }
  const latencies = await compareLatency(peers, figures)
  const two = await startBackplane(backend.port, 2)
  started.push(two)
  const workers = await compareWorkers(peers, two)
  return {
    atMs: Date.now(),
    machine,
    node: process.version,
    rounds,
    seconds,
    connections,
    figures,
    latencies,
    ...workers,
  }
}

async function main(): Promise<void> {
  if (!isInstalled('nginx')) throw new Error('nginx is not installed: run `npm run peers`')
  const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-'))
  const started: Peer[] = []
  try {
    const figures = await run(folder, started)
    if (values.json !== '') writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`)
  } finally {
    for (const peer of started) await peer.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
