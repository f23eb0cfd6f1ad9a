import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import { CHROMIUM, FLAGS, reasonToSkip } from '../console/browser.ts'
import { type Running, startBackplane, until } from '../harness/backplane.ts'
import { freePort } from './acme/pebble.ts'
import { findGo, findInstalled, findJs, findPythonFrom } from './harness/clients.ts'
import { runProgram, startProgram } from './harness/programs.ts'

/** More clients and servers that this project did not write: gRPC and gRPC-web, TLS, a browser, other proxies on either side. */

const run = promisify(execFile)
const echo = join(import.meta.dirname, '../harness/echo-service.mjs')

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-peers-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return folder
}

async function start(t: TestContext, config: string, folder?: string, port = 0): Promise<Running> {
  const running = await startBackplane({
    config: `name: peers\nlisten: { default: off, gateway: ${port}, console: 0${config.includes('tls:') ? ', gateway-tls: 0' : ''} }\n${config}`,
    ...(folder === undefined ? {} : { folder, keepFolder: true }),
  })
  t.after(() => running[Symbol.asyncDispose]())
  return running
}

const toPort = (port: string | number): string => `
services:
  echo: { at: ["127.0.0.1:${port}"], protocol: h2c }
gateway: { workers: 2, hosts: ["*"], routes: [{ path: "/**", to: echo }] }
`
const hostOf = (running: Running): string => new URL(running.gateway).host

test('Connect: gRPC, and gRPC-web in front of a server that speaks gRPC only', async (t) => {
  const connect = await findJs(t, 'connect', 'js-connect')
  if (connect === undefined) return
  const server = startProgram(t, connect, { args: ['server'] })
  const running = await start(t, toPort(await server.line(/^\d+$/)))
  assert.equal(await runProgram(connect, { args: ['client', running.gateway] }), 'passed\n')
})

test("Python's grpcio on both sides", async (t) => {
  const python = await findPythonFrom(t, 'http2_clients')
  if (python === undefined) return
  const server = startProgram(t, python, { args: ['grpc-server'] })
  const running = await start(t, toPort(await server.line(/^\d+$/)))
  assert.equal(await runProgram(python, { args: ['grpc', hostOf(running)] }), 'passed\n')
})

/** HTTPS by our own authority, in front of Go's server over HTTP/2. */
async function startHttps(
  t: TestContext,
): Promise<{ url: string; ca: string; running: Running } | undefined> {
  const server = await findGo(t, 'nethttp', 'go-http2')
  if (server === undefined) return undefined
  const started = startProgram(t, server, { args: ['server'], env: { PORT: '0' } })
  const running = await start(t, `${toPort(await started.line(/^\d+$/))}tls: local\n`)
  const { port } = new URL(`https://${running.ready.listen['gateway-tls']}`)
  const ca = join(running.folder, '.backplane/certificates/local/authority.pem')
  return { url: `https://localhost:${port}/`, ca, running }
}

test("Python's httpx over TLS and HTTP/2", async (t) => {
  const python = await findPythonFrom(t, 'http2_clients')
  const https = python && (await startHttps(t))
  if (python === undefined || https === undefined) return
  assert.equal(await runProgram(python, { args: ['httpx', https.url, https.ca] }), 'passed\n')
})

test("the JDK's client over TLS and HTTP/2", async (t) => {
  const java = findInstalled(t, '/usr/bin/java', 'a JDK')
  const https = java && (await startHttps(t))
  if (java === undefined || https === undefined) return
  const program = join(import.meta.dirname, 'java/http2/Client.java')
  assert.equal(await runProgram(java, { args: [program, https.url, https.ca] }), 'passed\n')
})

test("Go's TLS: both versions, resumption, certificates of clients", async (t) => {
  const go = await findGo(t, 'tls', 'go-http2')
  if (go === undefined) return
  const folder = await temporary(t)
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const make = (...args: readonly string[]) => run('openssl', args, { cwd: folder })
  const names = 'subjectAltName=DNS:shop.example,DNS:admin.example'
  const shop = ['-keyout', 'shop.key', '-out', 'shop.crt', '-subj', '/CN=shop.example']
  await make('req', '-x509', ...kind, ...shop, '-addext', names)
  await make('req', '-x509', ...kind, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Staff')
  await make('req', ...kind.slice(0, 5), '-keyout', 'id.key', '-out', 'id.csr', '-subj', '/CN=id')
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30']
  await make('x509', '-req', '-in', 'id.csr', ...signer, '-out', 'id.crt')
  const running = await start(
    t,
    `
services: { echo: { run: node ${echo}, health: { http: /health, interval: 500ms } } }
gateway:
  workers: 2
  hosts: ["*"]
  routes:
    - { host: admin.example, path: /**, respond: { status: 200, body: ok }, clientCertificate: required }
    - { path: /**, respond: { status: 200, body: ok } }
tls:
  certificates: [{ certificate: shop.crt, key: shop.key }]
  clients: { authorities: { staff: ca.pem }, hosts: [admin.example] }
`,
    folder,
  )
  const { port } = new URL(`https://${running.ready.listen['gateway-tls']}`)
  // Its requests are for the address: the host is what the handshake names, as the route sees it.
  const hosts = ['shop.crt', 'id.crt', 'id.key'].map((name) => join(folder, name))
  assert.equal(await runProgram(go, { args: [`127.0.0.1:${port}`, ...hosts] }), 'passed\n')
})

/** It listens. */
async function listening(port: number): Promise<void> {
  await until(async () => (await run('ss', ['-ltn'])).stdout.includes(`:${port} `), `port ${port}`)
}

test('nginx in front of the gateway and behind it: calls of gRPC, none fails', async (t) => {
  const nginx = findInstalled(t, '/usr/sbin/nginx', 'nginx')
  const h2load = nginx && findInstalled(t, '/usr/bin/h2load', 'nghttp2-client')
  const grpc = h2load && (await findGo(t, 'grpc', 'go-http2'))
  if (nginx === undefined || h2load === undefined || grpc === undefined) return
  const folder = await temporary(t)
  const server = startProgram(t, grpc, { args: ['server'], env: { PORT: '0' } })
  const port = await server.line(/^\d+$/)
  const [front, between, behind] = [await freePort(), await freePort(), await freePort()]
  const proxy = (listen: number, to: string) =>
    `server { listen 127.0.0.1:${listen} http2; location / { grpc_pass grpc://${to}; } }`
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}
     http { access_log off; client_body_temp_path ${folder}/body;
       ${proxy(front, `127.0.0.1:${between}`)} ${proxy(behind, `127.0.0.1:${port}`)} }`,
  )
  startProgram(t, nginx, { args: ['-c', join(folder, 'nginx.conf'), '-p', folder] })
  await listening(front)
  await start(t, toPort(behind), undefined, between)
  await writeFile(join(folder, 'message'), Buffer.alloc(5))
  const fields = ['-H', 'content-type: application/grpc', '-H', 'te: trailers']
  const call = ['-d', join(folder, 'message'), ...fields]
  const url = `http://127.0.0.1:${front}/grpc.testing.TestService/EmptyCall`
  const said = await runProgram(h2load, { args: ['-n', '500', '-c', '4', '-m', '8', ...call, url] })
  assert.match(said, /500 succeeded, 0 failed, 0 errored, 0 timeout/)
  const status = ['-sS', '--http2-prior-knowledge', '-D', '-', '-o', '/dev/null', ...fields]
  const data = ['--data-binary', `@${join(folder, 'message')}`, url]
  const { stdout } = await run('curl', [...status, ...data])
  assert.match(stdout, /^grpc-status: 0\r$/m)
})

/** All but `many_at_once`: HAProxy 2.6 between Go's client and server, without anything of ours, fails it too (a full stream stops its whole connection). */
const GRPC_CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'health',
]

test("HAProxy in front of the gateway and behind it, over HTTP/2: gRPC's own tests", async (t) => {
  const haproxy = findInstalled(t, '/usr/sbin/haproxy', 'haproxy')
  const grpc = haproxy && (await findGo(t, 'grpc', 'go-http2'))
  if (haproxy === undefined || grpc === undefined) return
  const folder = await temporary(t)
  const server = startProgram(t, grpc, { args: ['server'], env: { PORT: '0' } })
  const port = await server.line(/^\d+$/)
  const [front, between, behind] = [await freePort(), await freePort(), await freePort()]
  const side = (name: string, listen: number, to: string) =>
    `listen ${name}\n  bind 127.0.0.1:${listen} proto h2\n  server one ${to} proto h2\n`
  const times = '  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n'
  await writeFile(
    join(folder, 'haproxy.cfg'),
    `global\n  maxconn 500\ndefaults\n  mode http\n${times}${side('front', front, `127.0.0.1:${between}`)}${side('behind', behind, `127.0.0.1:${port}`)}`,
  )
  startProgram(t, haproxy, { args: ['-f', join(folder, 'haproxy.cfg')] })
  await listening(front)
  await start(t, toPort(behind), undefined, between)
  const said = await runProgram(grpc, { args: ['client', `127.0.0.1:${front}`, ...GRPC_CASES] })
  assert.equal(said.match(/^passed /gm)?.length, GRPC_CASES.length)
})

const PAGE_SERVER = `
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'
const server = createServer((request, response) => {
  if (request.url !== '/events') {
    response.setHeader('content-type', 'text/html')
    return response.end('<title>page</title>')
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let count = 0
  const timer = setInterval(() => {
    response.write('data: ' + ++count + '\\n\\n')
    if (count === 5) clearInterval(timer)
  }, 200)
  response.on('close', () => clearInterval(timer))
})
server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(key).digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: upgrade\\r\\nsec-websocket-accept: ' + accept + '\\r\\n\\r\\n')
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    if ((bytes[0] & 15) === 8) return socket.end()
    const length = bytes[1] & 127
    const mask = bytes.subarray(2, 6)
    const text = Buffer.from(bytes.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at & 3]))
    socket.write(Buffer.concat([Buffer.of(0x81, length), text]))
  })
})
server.listen(process.env.PORT, '127.0.0.1')
`

test(
  'Chromium: a page over HTTP/2 with a WebSocket and events that come when they are sent',
  { skip: reasonToSkip() },
  async (t) => {
    const folder = await temporary(t)
    await writeFile(join(folder, 'page.mjs'), PAGE_SERVER)
    const running = await start(
      t,
      `
services: { page: { run: node page.mjs } }
gateway: { workers: 2, routes: [{ path: /**, to: page }] }
tls: local
`,
      folder,
    )
    const { port } = new URL(`https://${running.ready.listen['gateway-tls']}`)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    t.after(() => browser.close())
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    await page.goto(`https://localhost:${port}/`)
    const seen = await page.evaluate(`(async () => {
      const protocol = performance.getEntriesByType('navigation')[0].nextHopProtocol
      const socket = new WebSocket('wss://' + location.host + '/ws')
      const said = await new Promise((resolve, reject) => {
        socket.onopen = () => socket.send('hello')
        socket.onmessage = ({ data }) => resolve(data)
        socket.onerror = () => reject(new Error('WebSocket'))
      })
      socket.close()
      const events = new EventSource('/events')
      const times = await new Promise((resolve) => {
        const all = []
        events.onmessage = ({ data }) => {
          all.push([data, performance.now()])
          if (all.length === 5) resolve(all)
        }
      })
      events.close()
      return { protocol, said, times }
    })()`)
    const { protocol, said, times } = seen as {
      protocol: string
      said: string
      times: [string, number][]
    }
    assert.equal(protocol, 'h2')
    assert.equal(said, 'hello')
    assert.deepEqual(
      times.map(([data]) => data),
      ['1', '2', '3', '4', '5'],
    )
    // One every 200 ms: they came one by one, and not together.
    const span = times.at(-1)![1] - times[0]![1]
    assert.ok(span > 600, String(span))
    const requests = (await (await fetch(`${running.admin}/api/v1/requests?limit=50`)).json()) as {
      target: string
      protocol: string
    }[]
    assert.equal(requests.find(({ target }) => target === '/ws')?.protocol, 'http/2')
  },
)
