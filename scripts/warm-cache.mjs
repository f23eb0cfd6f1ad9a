// Run by npm at the end of `npm ci` in a checkout (prepare): starts Backplane once in an empty folder, on free ports of this
// machine alone, sends it one request, and stops it. What Node.js compiled on the way stays in the compile cache, so that the
// operator's first start is as quick as every later one. It says nothing and never fails: without the cache everything works, only
// the first start takes longer. No TypeScript: npm may run it on a Node.js that is too old for Backplane. The published package
// is bundled and needs no such help, so that nobody has to allow it an install script.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A machine that takes longer has other worries than a quick first start. */
const DEADLINE_MS = 20_000

const program = join(dirname(fileURLToPath(import.meta.url)), '../bin/backplane')

try {
  await warm()
} catch {
  // Nothing is lost but the quick first start.
}

async function warm() {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-warm-'))
  const service = createServer((_request, response) => response.end('warm'))
  try {
    const port = await listen(service)
    writeFileSync(
      join(folder, 'backplane.yaml'),
      'listen: { gateway: 0, console: 0, consul: 0, consul-dns: 0, eureka: 0, default: off }\n' +
        `services: { warm: { at: ["127.0.0.1:${port}"] } }\n` +
        'gateway: { routes: [{ path: /**, to: warm }] }\n',
    )
    await startAndStop(folder)
  } finally {
    service.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server.address().port))
  })
}

/** Resolves when it has ended, however. The cache is written by each of our processes at its own end. */
function startAndStop(folder) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['up', '--json'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
    let output = ''
    let isReady = false
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (isReady || !output.includes('\n')) return
      isReady = true
      ask(gatewayOf(output), () => child.kill('SIGTERM'))
    })
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(deadline)
      resolve()
    })
  })
}

/** The first line of `up --json` says where the listeners are. */
function gatewayOf(output) {
  try {
    return `http://${JSON.parse(output.split('\n', 1)[0]).listen.gateway}/`
  } catch {
    return undefined
  }
}

function ask(url, done) {
  if (url === undefined) return done()
  get(url, { agent: false }, (response) => response.resume().on('close', done)).on('error', done)
}
