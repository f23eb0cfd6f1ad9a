import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cpuMicros } from './gateway/cpu.ts'
import {
  startBackends,
  startBackplaneTo,
  startHaproxy,
  startNginxProxy,
} from './gateway/http2-peers.ts'
import { BROWSER_HEADERS, saturate } from './gateway/load.ts'
import type { Peer } from './gateway/peers.ts'

/** CPU a request over HTTP/2, side by side with NGINX and HAProxy: `node bench/http2.ts --rounds 3 --seconds 3`. One worker each. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
/** Until the compiler has settled. */
const WARM_SECONDS = 4

interface Scenario {
  readonly name: string
  readonly base: string
  readonly bar: number
  readonly peers: readonly Peer[]
  readonly load: (peer: Peer, seconds: number) => Promise<number>
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** h2load: answers with 2xx within so many seconds. */
async function h2load(peer: Peer, forSeconds: number, args: readonly string[]): Promise<number> {
  const url = `http://127.0.0.1:${peer.port}/pkg.Service/Method`
  const all = ['-t1', `-D${forSeconds}`, ...args, url]
  const child = spawn('h2load', all, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(child, 'close')
  const done = Number(/status codes: (\d+) 2xx/.exec(text)?.[1] ?? 0)
  const failed = Number(/(\d+) failed/.exec(text)?.[1] ?? 0)
  if (done < 1_000 || failed * 100 > done) throw new Error(`${peer.name}: ${text}`)
  return done
}

async function measure(scenario: Scenario, peer: Peer): Promise<number> {
  const before = cpuMicros(peer.pids())
  const requests = await scenario.load(peer, seconds)
  return (cpuMicros(peer.pids()) - before) / requests
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN
}

async function compare(scenario: Scenario): Promise<void> {
  const figures = new Map<string, number[]>(scenario.peers.map(({ name }) => [name, []]))
  for (const peer of scenario.peers) await scenario.load(peer, WARM_SECONDS)
  for (let round = 0; round < rounds; round++) {
    for (const peer of scenario.peers) {
      figures.get(peer.name)!.push(await measure(scenario, peer))
    }
  }
  print(`\n| ${scenario.name} | CPU us/request | ratio to ${scenario.base} |\n| --- | --- | --- |`)
  const basis = median(figures.get(scenario.base) ?? [])
  for (const [name, all] of figures) {
    const bar = name === 'backplane' ? ` (bar ${scenario.bar})` : ''
    print(`| ${name} | ${median(all).toFixed(1)} | ${(median(all) / basis).toFixed(2)}${bar} |`)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'backplane-http2-'))
const started: Peer[] = []
async function start<P extends Peer | undefined>(peer: Promise<P>): Promise<P> {
  const one = await peer
  if (one !== undefined) started.push(one)
  return one
}

try {
  const { at } = await start(startBackends(folder))
  writeFileSync(
    join(folder, 'call'),
    Buffer.concat([Buffer.from([0, 0, 0, 0, 20]), Buffer.alloc(20, 7)]),
  )
  const headers = BROWSER_HEADERS.slice(0, 11).flatMap((line) => ['-H', line])
  const grpc = [
    '-c4',
    '-m32',
    '-d',
    join(folder, 'call'),
    '-H',
    'content-type: application/grpc',
    '-H',
    'te: trailers',
  ]
  const haproxy = await start(startHaproxy(folder, at.grpc))
  const scenarios: Scenario[] = [
    {
      name: 'HTTP/2 in, HTTP/1.1 out, 10 x 32 streams',
      base: 'nginx',
      bar: 2,
      peers: [
        await start(startNginxProxy(folder, 'nginx', true, at.http1, 'proxy_pass')),
        await start(startBackplaneTo('backplane', at.http1, 'http1')),
      ],
      load: (peer, time) => h2load(peer, time, ['-c10', '-m32', ...headers]),
    },
    {
      name: 'HTTP/1.1 in, h2c out, 64 in flight',
      base: 'nginx, HTTP/1.1 out',
      bar: 1,
      peers: [
        await start(startNginxProxy(folder, 'nginx, HTTP/1.1 out', false, at.http1, 'proxy_pass')),
        await start(startBackplaneTo('backplane, HTTP/1.1 out', at.http1, 'http1')),
        await start(startBackplaneTo('backplane', at.h2c, 'h2c')),
      ],
      load: async (peer, time) =>
        (await saturate(`http://127.0.0.1:${peer.port}/x`, BROWSER_HEADERS.slice(0, 11), 64, time))
          .requests,
    },
    {
      name: 'gRPC unary, HTTP/2 both sides',
      base: 'nginx, grpc_pass',
      bar: 1.5,
      peers: [
        await start(startNginxProxy(folder, 'nginx, grpc_pass', true, at.grpc, 'grpc_pass')),
        ...(haproxy === undefined ? [] : [haproxy]),
        await start(startBackplaneTo('backplane', at.grpc, 'h2c')),
      ],
      load: (peer, time) => h2load(peer, time, grpc),
    },
  ]
  for (const scenario of scenarios) {
    if (values.only === '' || scenario.name.includes(values.only)) await compare(scenario)
  }
} finally {
  for (const peer of started) await peer.stop()
  rmSync(folder, { recursive: true, force: true })
}
