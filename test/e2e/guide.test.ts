import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'

const root = resolve(import.meta.dirname, '../..')

/** Each guide that is meant to be typed along, and how many blocks of commands it has at least. */
const guides = [
  { name: 'first-system', blocks: 8, skip: false },
  { name: 'from-prometheus', blocks: 5, skip: false },
  { name: 'from-consul', blocks: 4, skip: false },
  { name: 'when-payments-dies', blocks: 7, skip: false },
  { name: 'which-instance', blocks: 6, skip: false },
  { name: 'from-eureka', blocks: 5, skip: false },
  { name: 'consul-dns', blocks: 4, skip: false },
  { name: 'scaling', blocks: 5, skip: false },
  { name: 'grpc', blocks: 6, skip: false },
  { name: 'policies', blocks: 7, skip: arePoliciesRun() ? false : 'no request runs policies yet' },
  { name: 'protect-an-api', blocks: 6, skip: false },
  { name: 'limits-that-hold', blocks: 6, skip: false },
  { name: 'sign-users-in', blocks: 7, skip: false },
  { name: 'https', blocks: 5, skip: false },
  { name: 'consul-keys', blocks: 7, skip: false },
  { name: 'logs', blocks: 6, skip: false },
  { name: 'first-aggregate', blocks: 6, skip: false },
  { name: 'slos', blocks: 6, skip: false },
  { name: 'grafana', blocks: 5, skip: false },
]

/** Whether anything of the data plane compiles the policies of routes. */
function arePoliciesRun(): boolean {
  const files = globSync('src/dataplane/**/*.ts', { cwd: root })
  return files.some(
    (file) =>
      !/\/policies\/|\.test\.ts$/.test(file) &&
      readFileSync(join(root, file), 'utf8').includes('compilePolicies('),
  )
}

for (const { name, blocks, skip } of guides) {
  test(`every command of the guide ${name} works as it stands`, { skip }, (t) =>
    runGuide(t, name, blocks),
  )
}

/**
 * Runs the commands of a guide as a reader would: each ```sh block in a shell, in the folder where the
 * one before it ended; a ```sh background block stays up until the end. Only the default ports are exchanged for
 * free ones, because the machine may use them.
 */
async function runGuide(t: TestContext, name: string, blocksMin: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-guide-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const ports = await freePorts()
  const blocks = readBlocks(join(root, `docs/guides/${name}.md`))
  assert.ok(blocks.length >= blocksMin && blocks.some((block) => block.isBackground))

  let cwd = folder
  let up: ChildProcess | undefined
  t.after(async () => {
    if (up === undefined || up.exitCode !== null) return
    up.kill('SIGTERM')
    await once(up, 'exit')
  })
  for (const block of blocks) {
    const script = withPorts(block.script, ports)
    if (block.isBackground) up = await startInBackground(script, cwd)
    else cwd = await runBlock(script, cwd, folder)
  }
  assert.ok(up !== undefined)
  const ended = once(up, 'exit')
  up.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])
}

interface Block {
  readonly script: string
  readonly isBackground: boolean
}

function readBlocks(path: string): readonly Block[] {
  const found = readFileSync(path, 'utf8').matchAll(/^```sh( background)?\n([\s\S]*?)^```$/gm)
  return [...found].map((match) => ({
    isBackground: match[1] !== undefined,
    script: match[2] ?? '',
  }))
}

const portNames = [
  'gateway',
  'secure',
  'console',
  'consul',
  'eureka',
  'dns',
  'prometheus',
  'elasticsearch',
  'loki',
  'events',
  'identity',
] as const
type Ports = Readonly<Record<(typeof portNames)[number], number>>

function withPorts(
  script: string,
  {
    gateway,
    secure,
    console,
    consul,
    eureka,
    dns,
    prometheus,
    elasticsearch,
    loki,
    events,
    identity,
  }: Ports,
): string {
  const listen = `gateway: ${gateway}, console: ${console}, consul: ${consul}, eureka: ${eureka}, consul-dns: ${dns}, prometheus: ${prometheus}, elasticsearch: ${elasticsearch}, loki: ${loki}`
  // Without tls there is no such listener.
  const tls = /^tls:/m.test(script) ? `, gateway-tls: ${secure}` : ''
  const store = /^events:/m.test(script) ? `, kurrentdb: ${events}` : ''
  const own = /^identity:/m.test(script) ? `, identity: ${identity}` : ''
  return script
    .replace(/^name: hello$/m, `name: hello\nlisten: { ${listen}${tls}${store}${own} }`)
    .replaceAll('127.0.0.1:2113', `127.0.0.1:${events}`)
    .replaceAll(':8443', `:${secure}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${gateway}`)
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${console}`)
    .replaceAll('localhost:4000', `localhost:${console}`)
    .replaceAll('127.0.0.1:8500', `127.0.0.1:${consul}`)
    .replaceAll('127.0.0.1:8761', `127.0.0.1:${eureka}`)
    .replaceAll('-p 8600', `-p ${dns}`)
    .replaceAll('127.0.0.1:9090', `127.0.0.1:${prometheus}`)
    .replaceAll('127.0.0.1:9200', `127.0.0.1:${elasticsearch}`)
    .replaceAll('127.0.0.1:3100', `127.0.0.1:${loki}`)
}

/** Returns the folder in which the block ended. */
async function runBlock(script: string, cwd: string, folder: string): Promise<string> {
  const note = join(folder, 'cwd.txt')
  const child = spawn('bash', ['-euo', 'pipefail', '-c', `${script}\npwd >'${note}'`], {
    cwd,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, `${script}\nended with ${code} and printed\n${output}`)
  return (await readFile(note, 'utf8')).trim()
}

/** `up --json` says in its first line that everything is ready; the words for people say the same. */
async function startInBackground(script: string, cwd: string): Promise<ChildProcess> {
  assert.equal(script.trim(), 'backplane up')
  const child = spawn(join(root, 'bin/backplane'), ['up', '--json'], {
    cwd,
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    once(child, 'exit').then(([code]) => {
      throw new Error(`backplane up ended with ${code} before it was ready`)
    }),
  ])
  assert.equal((JSON.parse(first) as { event: string }).event, 'ready')
  return child
}

/** The reader has `backplane` and a current node on the PATH. */
function environment(): NodeJS.ProcessEnv {
  const path = [join(root, 'bin'), dirname(process.execPath), process.env['PATH'] ?? '']
  return { ...process.env, PATH: path.join(delimiter) }
}

/** All open at the same time, so that no two are the same. */
async function freePorts(): Promise<Ports> {
  const servers = portNames.map(() => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const numbers = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  await Promise.all(servers.map((server) => once(server, 'close')))
  return Object.fromEntries(portNames.map((name, at) => [name, numbers[at]])) as Ports
}
