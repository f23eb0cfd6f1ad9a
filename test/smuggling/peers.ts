import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningProxy, StartProxy } from './judge.ts'

/** Another team's proxy, to see whether it reads forwarded bytes as we do. */
export interface Peer {
  readonly name: string
  readonly program: string
  readonly start: StartProxy
}

/** nginx and HAProxy as Debian installs them, each passing on as much as it can be told to. */
export const peers: readonly Peer[] = [
  { name: 'nginx', program: '/usr/sbin/nginx', start: startNginx },
  { name: 'HAProxy', program: '/usr/sbin/haproxy', start: startHaproxy },
]

/** True if the peer's program is installed. */
export function isInstalled(peer: Peer): boolean {
  return existsSync(peer.program)
}

async function startNginx(upstreamPort: number): Promise<RunningProxy> {
  return startProgram('/usr/sbin/nginx', (port, folder) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${folder}/${kind};`,
    )
    const configuration = `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http { access_log off; ${temporary.join(' ')} underscores_in_headers on; ignore_invalid_headers off;
server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstreamPort}; proxy_http_version 1.1;
proxy_set_header Host $http_host; proxy_set_header Connection ""; proxy_next_upstream off; } } }\n`
    writeFileSync(join(folder, 'nginx.conf'), configuration)
    return ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')]
  })
}

async function startHaproxy(upstreamPort: number): Promise<RunningProxy> {
  return startProgram('/usr/sbin/haproxy', (port, folder) => {
    const configuration = `global
  maxconn 64
defaults
  mode http
  timeout connect 2s
  timeout client 3s
  timeout server 3s
  retries 0
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  server recorder 127.0.0.1:${upstreamPort}
`
    writeFileSync(join(folder, 'haproxy.cfg'), configuration)
    return ['-db', '-f', join(folder, 'haproxy.cfg')]
  })
}

async function startProgram(
  program: string,
  configure: (port: number, folder: string) => string[],
): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'smuggling-'))
  const port = await freePort()
  const child = spawn(program, configure(port, folder), { stdio: 'ignore' })
  const exited = once(child, 'exit')
  await listening(child, port)
  return {
    port,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await exited
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const START_ATTEMPTS_MAX = 200
const START_PAUSE_MS = 25

async function listening(child: ChildProcess, port: number): Promise<void> {
  for (let attempts = 0; attempts < START_ATTEMPTS_MAX; attempts++) {
    if (child.exitCode !== null)
      throw new Error(
        `${child.spawnfile} ended with ${child.exitCode} before it listened on ${port}`,
      )
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    const isUp = await promise
    socket.destroy()
    if (isUp) return
    await new Promise((wake) => setTimeout(wake, START_PAUSE_MS))
  }
  throw new Error(`${child.spawnfile} does not listen on ${port}`)
}
