import { EventEmitter, once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import type { FeedMessage, Picture } from '../../src/contracts/feed.ts'
import type { OutputLine } from '../../src/contracts/supervisor.ts'
import { refusedRequest, resilienceOf } from './resilience-scene.ts'
import { registryOf } from './registry-scene.ts'
import { dnsAsked, eurekaAsked, registeredInstance } from './protocol-scene.ts'
import { calledRequest, retriedRequest } from './scene.ts'

/** The policy that the console must live with. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const CONFIG = {
  file: 'backplane.yaml',
  overlay: '',
  effective: {
    name: 'shop',
    services: {
      orders: {
        run: 'node services/orders.ts',
        instances: 2,
        stop: { drain: '10s', signal: 'SIGTERM', grace: '5s' },
      },
      users: {
        run: 'node services/users.ts',
        instances: 2,
        stop: { drain: '10s', signal: 'SIGTERM', grace: '10s' },
      },
    },
    gateway: { workers: 0, routes: [{ path: '/api/orders/{id}', methods: ['GET'], to: 'orders' }] },
  },
  sources: {
    name: 'backplane.yaml:1',
    'services.orders.run': 'backplane.yaml:12',
    'services.orders.stop.grace': 'backplane.yaml:15',
    'services.users.run': 'backplane.yaml:18',
    'services.users.instances': 'backplane.yaml:19',
    'gateway.routes.0.path': 'backplane.yaml:31',
    'gateway.routes.0.to': 'backplane.yaml:32',
  },
  overrides: [{ service: 'users', setting: 'instances', value: '3', file: '2' }],
}

/** A control plane as far as the console can see it, led by a test. */
export interface FakeServer {
  url: string
  /** `POST /api/v1/services/orders/restart {}` and so on, as they came in. */
  readonly actions: string[]
  /** Sent to every new reader of the feed. */
  picture: Picture
  push(message: FeedMessage): void
  log(lines: readonly OutputLine[], dropped?: number): void
  /** Resolves when somebody follows a log. */
  logReader(): Promise<void>
  /** Ends the open feeds, and refuses new ones until `feedIsUp` is true again. */
  dropFeeds(): void
  feedIsUp: boolean
  /** The next action is refused with this code. */
  refuseNext: string
  /** Number of readers that the feed has had. */
  readonly feedCount: number
  close(): Promise<void>
}

/** Starts it on a free port, in front of the console built in `folder`. */
export async function startFakeServer(folder: string, picture: Picture): Promise<FakeServer> {
  const feeds = new Set<ServerResponse>()
  const logs = new Set<ServerResponse>()
  const arrivals = new EventEmitter()
  let feedCount = 0
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://console')
    if (url.pathname === '/api/v1/feed') {
      if (!fake.feedIsUp) return void response.writeHead(503).end()
      feedCount += 1
      openStream(response, feeds)
      return void response.write(event({ type: 'picture', picture: fake.picture }))
    }
    if (url.pathname.endsWith('/logs')) {
      openStream(response, logs)
      return void arrivals.emit('log')
    }
    if (url.pathname.startsWith('/api/')) return void answerApi(fake, request, response, url)
    return void sendFile(folder, url.pathname, response)
  })
  const fake: FakeServer = {
    url: '',
    actions: [],
    picture,
    feedIsUp: true,
    refuseNext: '',
    get feedCount() {
      return feedCount
    },
    push: (message) => feeds.forEach((feed) => feed.write(event(message))),
    log: (lines, dropped = 0) => logs.forEach((log) => log.write(event({ lines, dropped }))),
    logReader: async () => {
      if (logs.size === 0) await once(arrivals, 'log')
    },
    dropFeeds: () => {
      fake.feedIsUp = false
      feeds.forEach((feed) => feed.destroy())
    },
    close: () =>
      new Promise((resolve) => {
        clearInterval(heartbeat)
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  // The console takes eight silent seconds for a dead line; these messages change nothing.
  const heartbeat = setInterval(
    () => fake.push({ type: 'listeners', listeners: fake.picture.listeners }),
    2_000,
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  fake.url = `http://127.0.0.1:${port}/`
  return fake
}

function openStream(response: ServerResponse, readers: Set<ServerResponse>): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.flushHeaders()
  readers.add(response)
  response.on('close', () => readers.delete(response))
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

async function answerApi(
  fake: FakeServer,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (request.method !== 'GET') {
    fake.actions.push(
      `${request.method} ${url.pathname} ${Buffer.concat(chunks).toString()}`.trim(),
    )
    if (fake.refuseNext === '') return sendJson(response, 202, {})
    const code = fake.refuseNext
    fake.refuseNext = ''
    return sendJson(response, 409, {
      title: 'Refused',
      status: 409,
      code,
      detail: 'orders is being restarted already',
    })
  }
  if (url.pathname.endsWith('/resilience')) {
    return sendJson(response, 200, resilienceOf(url.pathname.split('/')[4] ?? ''))
  }
  if (url.pathname.endsWith('/registry')) {
    const service = url.pathname.split('/')[4] ?? ''
    return sendJson(response, 200, registryOf(service))
  }
  if (url.pathname === '/api/v1/config') return sendJson(response, 200, CONFIG)
  // Nobody waits for a newer event: the answer to that question never comes.
  if (url.pathname === '/api/v1/timeline') {
    if (url.searchParams.has('after')) return undefined
    return sendJson(response, 200, { events: [], last: 0 })
  }
  if (url.pathname === '/api/v1/dns') return sendJson(response, 200, dnsAsked)
  if (url.pathname === '/api/v1/eureka') return sendJson(response, 200, eurekaAsked)
  if (url.pathname.includes('/instances/')) return sendJson(response, 200, registeredInstance)
  if (url.pathname === '/api/v1/requests')
    return sendJson(response, 200, [retriedRequest, refusedRequest])
  if (url.pathname === '/api/v1/telemetry/requests') {
    const isIts = url.searchParams.get('trace') === retriedRequest.traceId
    return sendJson(response, 200, isIts ? [calledRequest(), retriedRequest] : [])
  }
  if (url.pathname === `/api/v1/why/${retriedRequest.requestId}`)
    return sendJson(response, 200, retriedRequest)
  return sendJson(response, 404, { title: 'Not found', status: 404, code: 'ERR_TEST_NOT_FOUND' })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
  })
  response.end(JSON.stringify(body))
}

async function sendFile(folder: string, path: string, response: ServerResponse): Promise<void> {
  const file = path === '/' ? 'index.html' : normalize(path).replace(/^(\.\.[/\\])+/, '')
  try {
    const bytes = await readFile(join(folder, file))
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
    })
    response.end(bytes)
  } catch {
    response.writeHead(404).end()
  }
}
