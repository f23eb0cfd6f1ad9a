import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { probePort } from '../../src/dataplane/listeners/probe.ts'
import { spawnData } from '../../src/dataplane/testing/spawned-data.ts'
import {
  gatewaySpec,
  instanceSpec,
  routeSpec,
  serviceSpec,
  testLimits,
} from '../../src/dataplane/testing/specs.ts'
import { processTree } from './cpu.ts'

/** One proxy under test. */
export interface Peer {
  readonly name: string
  readonly port: number
  /** Every process of it. */
  pids(): readonly number[]
  stop(): Promise<void>
}

/** Debian's places; the peers are optional, and a missing one is left out with a line that names it. */
export const NGINX = '/usr/sbin/nginx'
const CADDY = '/usr/bin/caddy'

export async function freePort(): Promise<number> {
  return (await probePort('127.0.0.1', 0)).port
}

export function isInstalled(name: 'nginx' | 'caddy'): boolean {
  return existsSync(name === 'nginx' ? NGINX : CADDY)
}

async function untilOpen(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true))
      socket.on('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`nothing listens on port ${port}`)
}

export async function startProgram(
  name: string,
  port: number,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const child: ChildProcess = spawn(argv[0]!, argv.slice(1), {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  const exited = once(child, 'exit')
  try {
    await untilOpen(port)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    name,
    port,
    pids: () => processTree(child.pid!),
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

export function nginxConf(folder: string, name: string, http: string): string {
  const file = join(folder, `${name}.conf`)
  writeFileSync(
    file,
    `${process.getuid?.() === 0 ? 'user root; ' : ''}worker_processes 1; daemon off; pid ${join(folder, name)}.pid; error_log ${join(folder, name)}.err;
events { worker_connections 8192; }
http { keepalive_requests 1000000000; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; ${http} }\n`,
  )
  return file
}

/** The service behind all proxies: /small answers 100 bytes, /large 10 KB. */
export async function startBackend(folder: string): Promise<Peer> {
  const port = await freePort()
  writeFileSync(join(folder, 'small'), 's'.repeat(100))
  writeFileSync(join(folder, 'large'), 'l'.repeat(10_240))
  const file = nginxConf(
    folder,
    'backend',
    `access_log off; server { listen 127.0.0.1:${port}; default_type text/plain;
root ${folder}; sendfile on; open_file_cache max=10;
location / { } }`,
  )
  return startProgram('backend', port, [NGINX, '-c', file])
}

/** nginx as a reverse proxy with one worker, keep-alive to the backend, the usual forwarded headers. */
export async function startNginx(folder: string, backend: number, logs: boolean): Promise<Peer> {
  const port = await freePort()
  const name = logs ? 'nginx' : 'nginx without log'
  const log = logs ? `access_log ${join(folder, 'nginx-access.log')};` : 'access_log off;'
  const file = nginxConf(
    folder,
    logs ? 'nginx' : 'nginx-quiet',
    `${log} upstream backend { server 127.0.0.1:${backend}; keepalive 128; keepalive_requests 1000000000; }
server { listen 127.0.0.1:${port}; location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; } }`,
  )
  return startProgram(name, port, [NGINX, '-c', file])
}

/** Caddy on one processor, with its access log. */
export async function startCaddy(folder: string, backend: number): Promise<Peer> {
  const port = await freePort()
  const file = join(folder, 'Caddyfile')
  writeFileSync(
    file,
    `{\n  admin off\n  auto_https off\n}\nhttp://127.0.0.1:${port} {\n  log {\n    output file ${join(folder, 'caddy.log')}\n  }\n  reverse_proxy 127.0.0.1:${backend}\n}\n`,
  )
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, GOMAXPROCS: '1' }
  return startProgram(
    'caddy',
    port,
    [CADDY, 'run', '--config', file, '--adapter', 'caddyfile'],
    home,
  )
}

/** node:http with a keep-alive agent. */
export async function startNodeProxy(backend: number): Promise<Peer> {
  const port = await freePort()
  const file = new URL('node-proxy.ts', import.meta.url).pathname
  return startProgram('node:http', port, [process.execPath, file, String(port), String(backend)])
}

/** node:http in front, undici's pool behind. */
export async function startUndiciProxy(backend: number): Promise<Peer> {
  const port = await freePort()
  const file = new URL('undici-proxy.ts', import.meta.url).pathname
  return startProgram('node:http + undici', port, [
    process.execPath,
    file,
    String(port),
    String(backend),
  ])
}

/** Our data plane with routing, balancing over two instances, ejection, metrics and access log on. */
export async function startBackplane(backend: number, workers: number): Promise<Peer> {
  const data = await spawnData(workers)
  const control = await data.control()
  const routes = Array.from({ length: 20 }, (_, i) =>
    routeSpec({ id: `route-${i}`, path: `/api/v${i}/orders/{id}` }),
  )
  const [listener] = await control.update(
    [
      { op: 'service', service: serviceSpec() },
      { op: 'instance', instance: instanceSpec(backend, { id: 'echo-1' }) },
      { op: 'instance', instance: instanceSpec(backend, { id: 'echo-2' }) },
      {
        op: 'gateway',
        gateway: gatewaySpec({
          limits: { ...testLimits, headBytesMax: 65_536 },
          routes: [...routes, routeSpec()],
        }),
      },
    ],
    true,
  )
  const name = workers === 1 ? 'backplane' : `backplane, ${workers} workers`
  return {
    name,
    port: listener!.port,
    pids: () => processTree(data.child.pid!),
    stop: async () => void (await data.stop()),
  }
}
