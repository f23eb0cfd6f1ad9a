/**
 * TLS beside nginx with the same ECDSA certificate, in alternating rounds: CPU of full handshakes and of kept-alive HTTPS requests, one worker each, the
 * same nginx as backend: `node bench/tls.ts [rounds] [seconds]`. wrk resumes no session, so each of its connections is a full handshake.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackplane, until } from '../test/harness/backplane.ts'
import { cpuMicroseconds, machineLine, markdownTable, percentile } from './measure.ts'

const ROUNDS = Number(process.argv[2] ?? 3)
const SECONDS = Number(process.argv[3] ?? 2)
const BACKEND = 18_531
const NGINX = 18_532
const NGINX_PLAIN = 18_533
/** Full handshakes, kept-alive requests over TLS, and the same in the clear for comparison. */
const KINDS = ['handshakes', 'kept', 'clear'] as const
type Kind = (typeof KINDS)[number]

interface Peer {
  readonly name: string
  readonly port: number
  /** Of the listener in the clear. */
  readonly plainPort: number
  readonly pid: number
}

const folder = mkdtempSync(join(tmpdir(), 'backplane-bench-tls-'))
execFileSync(
  'openssl',
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout shop.key -out shop.crt -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost'.split(
    ' ',
  ),
  { cwd: folder, stdio: 'ignore' },
)

function startNginx(name: string, server: string): ChildProcess {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${name}-${kind};`)
    .join(' ')
  writeFileSync(
    join(folder, `${name}.conf`),
    `worker_processes 1; daemon off; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
events { worker_connections 2048; }
http { access_log off; keepalive_requests 1000000; ${paths} ${server} }`,
  )
  const file = join(folder, `${name}.conf`)
  return spawn('nginx', ['-p', folder, '-c', file], { stdio: 'inherit' })
}

function workerOf(name: string): number {
  const master = readFileSync(join(folder, `${name}.pid`), 'utf8').trim()
  return Number(execFileSync('pgrep', ['-P', master], { encoding: 'utf8' }).trim())
}

/** CPU microseconds of one request. */
function measure({ port, plainPort, pid }: Peer, kind: Kind): number {
  const close = kind === 'handshakes' ? ['-H', 'Connection: close'] : []
  const url = kind === 'clear' ? `http://127.0.0.1:${plainPort}/` : `https://127.0.0.1:${port}/`
  const before = cpuMicroseconds(pid)
  const args = ['-t1', '-c32', `-d${SECONDS}s`, ...close, url]
  const told = execFileSync('wrk', args, { encoding: 'utf8' })
  const requests = Number(/(\d+) requests in/.exec(told)?.[1] ?? 0)
  return (cpuMicroseconds(pid) - before) / requests
}

const backend = startNginx(
  'backend',
  `server { listen 127.0.0.1:${BACKEND} reuseport; location / { return 200 "${'x'.repeat(100)}"; } }`,
)
const proxy = startNginx(
  'proxy',
  `upstream backend { server 127.0.0.1:${BACKEND}; keepalive 64; }
server { listen 127.0.0.1:${NGINX_PLAIN}; listen 127.0.0.1:${NGINX} ssl; ssl_certificate shop.crt; ssl_certificate_key shop.key; ssl_protocols TLSv1.2 TLSv1.3;
location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
)
const backplane = await startBackplane({
  config: `
name: bench
listen: { default: off, gateway: 0, gateway-tls: 0, console: 0 }
services: { backend: { at: ["127.0.0.1:${BACKEND}"] } }
gateway: { workers: 1, hosts: ["*"], routes: [{ path: /**, to: backend }] }
tls: { certificates: [{ certificate: ${folder}/shop.crt, key: ${folder}/shop.key }] }
`,
})
try {
  await until(() => {
    try {
      return workerOf('proxy') > 0 && workerOf('backend') > 0
    } catch {
      return false
    }
  }, 'nginx')
  const { port } = new URL(`https://${backplane.ready.listen['gateway-tls']}`)
  const peers: readonly Peer[] = [
    { name: 'nginx', port: NGINX, plainPort: NGINX_PLAIN, pid: workerOf('proxy') },
    {
      name: 'Backplane',
      port: Number(port),
      plainPort: Number(new URL(backplane.gateway).port),
      pid: backplane.ready.pids.data,
    },
  ]
  const figures = new Map<string, number[]>()
  for (let round = 0; round <= ROUNDS; round++) {
    for (const kind of KINDS) {
      for (const peer of peers) {
        const microseconds = measure(peer, kind)
        const key = `${peer.name} ${kind}`
        // The first round warms up.
        if (round > 0) figures.set(key, [...(figures.get(key) ?? []), microseconds])
      }
    }
  }
  const of = (name: string, kind: Kind): number =>
    percentile(figures.get(`${name} ${kind}`) ?? [], 0.5)
  const rate = (name: string): number => 1_000_000 / of(name, 'handshakes')
  const ratio = (kind: Kind): number => of('Backplane', kind) / of('nginx', kind)
  process.stdout.write(
    `${machineLine()}\n\n${markdownTable([
      ['', 'nginx', 'Backplane', 'ratio', 'bar'],
      [
        'full handshakes with one request, per CPU second',
        rate('nginx').toFixed(0),
        rate('Backplane').toFixed(0),
        (1 / ratio('handshakes')).toFixed(2),
        'at least 0.8',
      ],
      [
        'HTTPS requests, kept alive, us of CPU',
        of('nginx', 'kept').toFixed(1),
        of('Backplane', 'kept').toFixed(1),
        ratio('kept').toFixed(2),
        'at most 2',
      ],
      [
        'the same in the clear',
        of('nginx', 'clear').toFixed(1),
        of('Backplane', 'clear').toFixed(1),
        ratio('clear').toFixed(2),
        '',
      ],
    ])}\n`,
  )
} finally {
  await backplane[Symbol.asyncDispose]()
  for (const child of [proxy, backend]) child.kill('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
}
