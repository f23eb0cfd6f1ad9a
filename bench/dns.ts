/**
 * SRV answers a second over UDP, and the CPU of each: `node bench/dns.ts [SECONDS] [SERVICES] [INSTANCES]`, with dnsperf, beside dnsmasq where it is
 * installed. Prints a Markdown table for BENCHMARKS.md.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackplane } from '../test/harness/backplane.ts'
import { cpuMicroseconds, machineLine, markdownTable } from './measure.ts'

/** SRV answers a second of one core. */
const SRV_BAR = 20_000

const seconds = Number(process.argv[2] ?? 5)
const serviceCount = Number(process.argv[3] ?? 100)
const instanceCount = Number(process.argv[4] ?? 10)
const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-'))
const names = Array.from({ length: serviceCount }, (_, i) => `service-${i}`)
const hostOf = (service: number, instance: number): string => `10.${service}.0.${instance + 1}`
const rows: (readonly string[])[] = [
  ['server', 'question', 'answers/s', 'CPU us/answer', 'answers/s and core', 'lost', 'bar', ''],
]

/** Questions for dnsperf, one a line. */
function questions(type: string): string {
  const file = join(folder, type)
  writeFileSync(file, names.map((name) => `_${name}._tcp.service.consul ${type}`).join('\n'))
  return file
}

/** Asks as fast as answers come, and looks at what the server needed for it. */
async function measure(server: string, pid: number, port: string, type: string): Promise<void> {
  const run = async (length: number): Promise<string> => {
    const args = ['-s', '127.0.0.1', '-p', port, '-d', questions(type), '-e', '-l', String(length)]
    const child = spawn('dnsperf', [...args, '-c', '4', '-q', '64'])
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await new Promise((done) => child.on('close', done))
    return output
  }
  await run(1)
  const before = cpuMicroseconds(pid)
  const output = await run(seconds)
  const used = cpuMicroseconds(pid) - before
  const numberOf = (label: string): number =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(output)?.[1])
  const completed = numberOf('Queries completed')
  const perCore = (completed * 1e6) / used
  const isBar = type === 'SRV' && server === 'Backplane'
  rows.push([
    server,
    type,
    Math.round(numberOf('Queries per second')).toLocaleString('en'),
    (used / completed).toFixed(1),
    Math.round(perCore).toLocaleString('en'),
    String(numberOf('Queries lost')),
    isBar ? `at least ${SRV_BAR.toLocaleString('en')}` : '',
    isBar ? (perCore >= SRV_BAR ? 'held' : 'MISSED') : '',
  ])
}

async function measureBackplane(): Promise<void> {
  await using backplane = await startBackplane({
    config:
      'listen: { default: off, console: 0, consul-dns: 0 }\ndiscovery: { lease: 1h, perClient: 100000 }\n',
  })
  for (const [service, name] of names.entries()) {
    const puts = Array.from({ length: instanceCount }, (_, instance) =>
      fetch(`${backplane.admin}/api/v1/services/${name}/instances/i${instance}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ host: hostOf(service, instance), port: 8080 }),
      }),
    )
    await Promise.all(puts)
  }
  const port = backplane.ready.listen['consul-dns']?.split(':')[1] ?? ''
  for (const type of ['SRV', 'A']) {
    await measure('Backplane', backplane.ready.pids.control, port, type)
  }
}

/** The same names in dnsmasq, which keeps them in memory for ever. */
async function measureDnsmasq(): Promise<void> {
  const port = await freePort()
  const records = names.flatMap((name, service) =>
    Array.from({ length: instanceCount }, (_, instance) => {
      const target = `${hostOf(service, instance).replaceAll('.', '-')}.addr.consul`
      return [
        `srv-host=_${name}._tcp.service.consul,${target},8080,1,1`,
        `host-record=${target},${hostOf(service, instance)}`,
      ]
    }).flat(),
  )
  const file = join(folder, 'dnsmasq.conf')
  writeFileSync(file, `no-resolv\nno-hosts\nno-daemon\nport=${port}\n${records.join('\n')}\n`)
  const child = spawn('/usr/sbin/dnsmasq', ['-C', file, '-k', '--listen-address=127.0.0.1', '-z'])
  await new Promise((done) => child.stderr.once('data', done))
  for (const type of ['SRV', 'A']) await measure('dnsmasq', child.pid ?? 0, String(port), type)
  child.kill()
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })
}

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${program}`])
    return true
  } catch {
    return false
  }
}

if (has('dnsperf')) {
  await measureBackplane()
  if (has('dnsmasq')) await measureDnsmasq()
  else process.stderr.write('dnsmasq is missing (Debian: dnsmasq-base): no peer beside it\n')
  process.stdout.write(`${machineLine()}\n\n${markdownTable(rows)}\n`)
} else {
  process.stderr.write('dnsperf is missing (Debian: dnsperf)\n')
  process.exitCode = 1
}
rmSync(folder, { recursive: true })
