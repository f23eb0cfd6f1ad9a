import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as requestHttps } from 'node:https'
import { createServer as createTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../../harness/backplane.ts'

const run = promisify(execFile)

/** What a request at the front is about. */
export interface Passing {
  /** `directory`, `nonce`, `account`, `order`, `my-order`, `authz`, `challenge`, `finalize`, `certificate`, `renewal`. */
  readonly kind: string
}

/** What happens to one instead of, or besides, being passed on. */
export interface Faults {
  /** An answer of its own, or undefined. */
  before?(
    passing: Passing,
  ):
    | Promise<{ status: number; body: unknown; headers?: Record<string, string> } | undefined>
    | undefined
  /** The authority has answered, and the answer is not passed on yet. */
  readonly after?: (passing: Passing) => Promise<void> | undefined
}

/** Debian's pebble behind a front that sees each request, with DNS that finds every host here. */
export interface Pebble extends AsyncDisposable {
  readonly directory: string
  /** PEM file of who has signed the front's certificate. */
  readonly caFile: string
  /** Certificate of the root that issues, PEM. */
  root(): Promise<string>
  /** How many of each kind were passed on. */
  readonly seen: Map<string, number>
  faults: Faults
}

export async function freePort(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** `httpPort` and `tlsPort` are where it asks for a host. `badNonces` is a share in percent. */
export async function startPebble(options: {
  readonly httpPort: number
  readonly tlsPort: number
  readonly badNonces: number
}): Promise<Pebble> {
  const folder = await mkdtemp(join(tmpdir(), 'backplane-pebble-'))
  const [port, management, dns, control] = await Promise.all([0, 0, 0, 0].map(freePort))
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-subj', '/CN=localhost']
  const files = ['-keyout', 'key.pem', '-out', 'cert.pem']
  await run('openssl', ['req', '-x509', ...kind, ...files, ...names], { cwd: folder })
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: 'cert.pem',
    privateKey: 'key.pem',
    httpPort: options.httpPort,
    tlsPort: options.tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  }
  await writeFile(join(folder, 'pebble.json'), JSON.stringify({ pebble }))
  const closed = ['-http01', '', '-https01', '', '-tlsalpn01', '']
  const binds = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${control}`]
  const children = [
    start(folder, 'pebble-challtestsrv', [...closed, ...binds, '-defaultIPv6', '']),
    start(folder, 'pebble', ['-config', 'pebble.json', '-dnsserver', `127.0.0.1:${dns}`], {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(options.badNonces),
      PEBBLE_AUTHZREUSE: '0',
    }),
  ]
  const ca = await readFile(join(folder, 'cert.pem'))
  const front = await startFront(folder, port!, ca)
  const ask = (path: string, at = port): Promise<string> =>
    read(`https://127.0.0.1:${at}${path}`, ca)
  await until(async () => (await ask('/dir').catch(() => '')) !== '', 'pebble')
  return {
    ...front,
    caFile: join(folder, 'cert.pem'),
    root: () => ask('/roots/0', management),
    get faults() {
      return front.state.faults
    },
    set faults(faults) {
      front.state.faults = faults
    },
    async [Symbol.asyncDispose]() {
      front.close()
      await Promise.all(children.map(end))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function start(
  cwd: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'ignore' })
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function read(url: string, ca: Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  requestHttps(
    url,
    { ca, agent: false },
    (response) => void bytesOf(response).then(resolve, reject),
  )
    .on('error', reject)
    .end()
  return (await promise).toString()
}

/** Paths of pebble by what they are. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\/dir$/, 'directory'],
  [/^\/nonce/, 'nonce'],
  [/^\/sign-me-up/, 'account'],
  [/^\/order-plz/, 'order'],
  [/^\/my-order/, 'my-order'],
  [/^\/authZ/, 'authz'],
  [/^\/chalZ/, 'challenge'],
  [/^\/finalize-order/, 'finalize'],
  [/^\/certZ/, 'certificate'],
  [/^\/renewal/, 'renewal'],
]

function kindOf(path: string): string {
  return KINDS.find(([pattern]) => pattern.test(path))?.[1] ?? path
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function startFront(folder: string, port: number, ca: Buffer) {
  const seen = new Map<string, number>()
  const state: { faults: Faults } = { faults: {} }
  const key = await readFile(join(folder, 'key.pem'))
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const kind = kindOf(request.url ?? '')
    seen.set(kind, (seen.get(kind) ?? 0) + 1)
    const body = await bytesOf(request)
    const own = await state.faults.before?.({ kind })
    if (own !== undefined) {
      response.writeHead(own.status, { 'content-type': 'application/json', ...own.headers })
      return void response.end(JSON.stringify(own.body))
    }
    // Pebble makes its addresses of Host: so they lead here.
    const { method, headers, url } = request
    const where = { host: '127.0.0.1', port, path: url, method, headers }
    const asked = requestHttps({ ...where, ca, agent: false })
    asked.end(body)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    const bytes = await bytesOf(answer)
    await state.faults.after?.({ kind })
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    response.end(bytes)
  }
  const server = createServer({ cert: ca, key }, (request, response) => {
    pass(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : 0
  return {
    directory: `https://localhost:${own}/dir`,
    seen,
    state,
    close(): void {
      server.close()
      server.closeAllConnections()
    },
  }
}
