import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError } from '../problem.ts'
import { request } from './node-http.ts'

/** How long the description of another process's routes is waited for. */
const DESCRIPTION_TIMEOUT_MS = 1_000

/** Fields of one connection (RFC 9110 section 7.6.1). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
])

/** And what only the listener that is asked first may see. */
const OWN_FIELDS: ReadonlySet<string> = new Set([...CONNECTION_FIELDS, 'authorization', 'origin'])

/** Admin routes that another process of ours serves, on a Unix socket: everything below `/api/v1/<prefix>`. */
export interface Elsewhere {
  /** As people know it: `telemetry`. */
  readonly process: string
  readonly prefix: string
  readonly socketPath: string
  /** Paths that it serves to everybody, by credentials of its own, each with all below it: `/identity`. */
  readonly publicPaths?: readonly string[]
}

/** Whether a path is one that another process serves to everybody. */
export function isServedInPublic(elsewhere: readonly Elsewhere[], url: string): boolean {
  const path = url.split('?', 1)[0] ?? ''
  return elsewhere.some(({ publicPaths = [] }) =>
    publicPaths.some((base) => path === base || path.startsWith(`${base}/`)),
  )
}

/** Hands requests below `/api/v1/<prefix>` over as they come, bodies and events in both directions; 503 while that process is away. */
export function forwardElsewhere(app: FastifyInstance, elsewhere: Elsewhere): void {
  const base = `/api/v1/${elsewhere.prefix}`
  void app.register((scope, _options, done) => {
    // A body is not read here: it is passed on.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
    for (const url of [base, `${base}/*`]) {
      scope.all(url, (incoming, reply) =>
        forward(incoming, reply, elsewhere, { ...passedOn(incoming.raw.headers, OWN_FIELDS) }),
      )
    }
    for (const path of elsewhere.publicPaths ?? []) {
      for (const url of [path, `${path}/*`]) {
        scope.all(url, (incoming, reply) =>
          forward(incoming, reply, elsewhere, {
            ...passedOn(incoming.raw.headers, CONNECTION_FIELDS),
            'x-forwarded-for': incoming.raw.socket.remoteAddress ?? '',
          }),
        )
      }
    }
    done()
  })
}

/** The paths of another process's OpenAPI document; none while it is away. */
export async function describeElsewhere({
  prefix,
  socketPath,
}: Elsewhere): Promise<readonly [string, unknown][]> {
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const timeout = DESCRIPTION_TIMEOUT_MS
      const asked = request({ socketPath, path: '/openapi.json', timeout }, resolve)
      asked.on('error', reject).on('timeout', () => asked.destroy())
      asked.end()
    })
    const { paths } = (await json(response)) as { readonly paths?: object }
    const base = `/api/v1/${prefix}`
    return Object.entries(paths ?? {}).filter(
      ([path]) => path === base || path.startsWith(`${base}/`),
    )
  } catch {
    return []
  }
}

async function forward(
  incoming: FastifyRequest,
  reply: FastifyReply,
  elsewhere: Elsewhere,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<void> {
  const { raw } = incoming
  const outgoing = request({
    socketPath: elsewhere.socketPath,
    path: raw.url,
    method: raw.method,
    headers: { ...headers, ...framingOf(raw.headers), host: 'localhost' },
  })
  const answered = Promise.withResolvers<IncomingMessage>()
  outgoing.on('response', answered.resolve).on('error', answered.reject)
  reply.raw.on('close', () => outgoing.destroy())
  raw.on('error', () => outgoing.destroy())
  raw.pipe(outgoing)
  let response: IncomingMessage
  try {
    response = await answered.promise
  } catch {
    const { process, prefix } = elsewhere
    throw new ProblemError(
      503,
      'ERR_HTTP_PROCESS_AWAY',
      `The process '${process}', which serves /api/v1/${prefix}, does not answer. It is started again when it has died; try again.`,
    )
  }
  reply.hijack()
  reply.raw.writeHead(response.statusCode ?? 502, {
    'x-content-type-options': 'nosniff',
    ...passedOn(response.headers, OWN_FIELDS),
  })
  reply.raw.flushHeaders()
  // An answer that breaks off ends the connection, so that nobody takes it for whole.
  await pipeline(response, reply.raw).catch(() => reply.raw.destroy())
}

/**
 * How long the body is, whatever else is dropped: without this a GET's body would go out bare, and be read as the next request, behind all checks
 * (RFC 9112 section 11.2).
 */
function framingOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  if (headers['transfer-encoding'] !== undefined) return { 'transfer-encoding': 'chunked' }
  const length = headers['content-length']
  return length === undefined ? {} : { 'content-length': length }
}

function passedOn(
  headers: IncomingHttpHeaders,
  dropped: ReadonlySet<string>,
): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/))
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined &&
        !dropped.has(entry[0]) &&
        !(dropped === OWN_FIELDS && entry[0].startsWith('sec-fetch-')) &&
        !named.has(entry[0]),
    ),
  )
}
