/**
 * What the shop's JavaScript services share: a small HTTP server and a small HTTP client, Node's built-ins only.
 * It is the shop's own file; nothing of Backplane is imported anywhere in this folder.
 */
import { createServer } from 'node:http'

const bodyBytesMax = 64 * 1024
const callTimeoutMs = 8_000

/** An answer other than 200 that a route throws: its status and what the caller should know. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * Serves `routes`: a table from `GET /products/:id` to a function of a request
 * `{ params, query, headers, body, call, note }`, which returns `{ status, json }`, `{ status, text, type }` or a plain
 * object for 200. `beforeStop` is waited for before the server closes. `call(url, init)` passes the trace and the request id on; `note(fields)` adds to the log line.
 */
export function serve(name, routes, { port = process.env.PORT, beforeStop } = {}) {
  const table = Object.entries(routes).map(([key, answer]) => ({ ...readPattern(key), answer }))
  const server = createServer((request, response) => {
    handle(name, table, request, response).catch((error) => {
      log('error', name, 'request broke', { error: String(error) })
      response.destroy()
    })
  })
  // Longer than the idle time of any proxy in front: the side that sends requests closes first.
  server.keepAliveTimeout = 120_000
  server.listen(Number(port ?? 0), '127.0.0.1', () => {
    log('info', name, 'listening', { port: server.address().port })
  })
  stopOnSignal(server, beforeStop)
  return server
}

/** One line of JSON on stdout. */
export function log(level, service, message, fields = {}) {
  const line = { time: new Date().toISOString(), level, service, message, ...fields }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** The address of another service, as Backplane puts it into the environment. */
export function urlOf(service) {
  const name = `${service.toUpperCase().replaceAll('-', '_')}_URL`
  const url = process.env[name]
  if (url === undefined)
    throw new Error(`${name} is not set: start this with \`backplane up\`, or set it`)
  return url
}

/** Keeps at most `sizeMax` entries; the oldest one leaves first. */
export function createBoundedMap(sizeMax) {
  const entries = new Map()
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      if (entries.size >= sizeMax && !entries.has(key)) entries.delete(entries.keys().next().value)
      entries.set(key, value)
    },
    values: () => entries.values(),
  }
}

async function handle(name, table, request, response) {
  const startedAt = performance.now()
  const url = new URL(request.url, 'http://localhost')
  const notes = {}
  const answer = await answerTo(table, request, url, notes).catch((error) => {
    if (error instanceof Refusal) return { status: error.status, json: { error: error.message } }
    notes.error = String(error.cause ?? error)
    return { status: 500, json: { error: 'the service made a mistake' } }
  })
  write(request, response, answer)
  if (url.pathname === '/health') return
  const { status = 200 } = answer
  log(status < 500 ? 'info' : 'error', name, `${request.method} ${url.pathname} ${status}`, {
    status,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    requestId: request.headers['x-request-id'],
    traceId: request.headers.traceparent?.split('-')[1],
    ...notes,
  })
}

async function answerTo(table, request, url, notes) {
  if (url.pathname === '/health') return { status: 200, json: { status: 'ok' } }
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : '/'
  const found = table
    .filter((route) => route.method === request.method)
    .map((route) => ({ route, match: route.pattern.exec(path) }))
    .find(({ match }) => match !== null)
  if (found === undefined) throw new Refusal(404, `nothing at ${request.method} ${path}`)
  const body = await readJson(request)
  const answer = await found.route.answer({
    params: { ...found.match.groups },
    query: url.searchParams,
    headers: request.headers,
    body,
    call: (target, init) => call(target, request.headers, init),
    note: (fields) => Object.assign(notes, fields),
  })
  return answer.json !== undefined || answer.text !== undefined
    ? answer
    : { status: 200, json: answer }
}

function write(request, response, { status = 200, json, text, type, headers = {} }) {
  const body = text ?? JSON.stringify(json)
  response.writeHead(status, {
    'content-type': type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Calls another service; what arrived with the request (who asks, which trace) goes along. */
async function call(target, headers, { method = 'GET', json } = {}) {
  const passedOn = {}
  for (const header of ['traceparent', 'tracestate', 'x-request-id']) {
    if (headers[header] !== undefined) passedOn[header] = headers[header]
  }
  const response = await fetch(target, {
    method,
    headers: { ...passedOn, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    signal: AbortSignal.timeout(callTimeoutMs),
  })
  const text = await response.text()
  return { status: response.status, isOk: response.ok, json: parse(text) }
}

async function readJson(request) {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  let bytes = 0
  const parts = []
  for await (const part of request) {
    bytes += part.length
    if (bytes > bodyBytesMax)
      throw new Refusal(413, `a body has at most ${bodyBytesMax} bytes here`)
    parts.push(part)
  }
  if (bytes === 0) return {}
  const body = parse(Buffer.concat(parts).toString('utf8'))
  if (typeof body !== 'object' || body === null)
    throw new Refusal(400, 'the body is no JSON object')
  return body
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readPattern(key) {
  const [method, path] = key.split(' ')
  const source = path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')
  return { method, pattern: new RegExp(`^${source}$`) }
}

/** Finishes what is in flight, takes nothing new, and ends. */
function stopOnSignal(server, beforeStop = async () => {}) {
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    void beforeStop().finally(() => {
      server.close(() => process.exit(0))
      server.closeIdleConnections()
    })
    // Connections that become idle now are not closed by close() in every version of Node.
    setInterval(() => server.closeIdleConnections(), 50).unref()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
