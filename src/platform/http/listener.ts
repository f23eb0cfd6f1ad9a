import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import type { Log } from '../capability.ts'
import { ListenerTakenError } from '../listeners/taken-error.ts'
import { ProblemError } from '../problem.ts'
import { boundConnections, type ConnectionCounts } from './connections.ts'
import {
  describeElsewhere,
  forwardElsewhere,
  isServedInPublic,
  type Elsewhere,
} from './elsewhere.ts'
import { problemDetails, type FailureFormat } from './failure.ts'
import { guardRequest, type GuardOptions } from './guard.ts'
import { createOpenApi, type OpenApi } from './openapi.ts'

/** A body larger than this is refused with 413. */
export const REQUEST_BODY_BYTES_MAX = 1024 * 1024

export interface ListenerAppOptions extends GuardOptions {
  readonly log: Log
  /** Admin routes of other processes, which this listener serves as if they were here. */
  readonly elsewhere?: readonly Elsewhere[] | undefined
  /** Paths whose protocol knows its own credentials, and which pages of any origin may call: OAuth2. */
  isPublicPath?(url: string): boolean
  /** How errors are told; default: RFC 9457, with the routes described at /openapi.json. */
  readonly failure?: FailureFormat | undefined
}

export interface ListenerOptions extends ListenerAppOptions {
  /** Name in errors and the log: the name of the listener in `listen`. */
  readonly name: string
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Address blocks that may connect; undefined: all. */
  mayConnect?(address: string): boolean
}

export interface Listener {
  readonly host: string
  readonly port: number
  connections(): ConnectionCounts
  close(): Promise<void>
}

/** An HTTP listener of the control plane: Host and Origin checked, limits, RFC 9457 errors, OpenAPI of its routes. */
export function createListenerApp(
  options: ListenerAppOptions,
  api: OpenApi = createOpenApi(),
): FastifyInstance {
  const app = fastify({
    bodyLimit: REQUEST_BODY_BYTES_MAX,
    forceCloseConnections: true,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 300 },
    genReqId: () => '',
    // A path that cannot be decoded meets no hook: it is guarded here.
    frameworkErrors: (error, request, reply) =>
      refuseUndecoded(error, request.headers, reply, options),
  })
  app.server.headersTimeout = 10_000
  const { elsewhere = [] } = options
  app.addHook('onRoute', (route) => api.add(route))
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    const isPublic = options.isPublicPath?.(request.url) ?? isServedInPublic(elsewhere, request.url)
    if (!isPublic) guardRequest(request.headers, options)
  })
  app.setErrorHandler((error: FastifyError | ProblemError, request, reply) => {
    const problem = toProblem(error)
    if (problem.statusCode >= 500) {
      options.log('error', 'a request failed', { method: request.method, path: request.url, error })
    }
    return sendProblem(reply, problem, options)
  })
  const advice = options.failure === undefined ? ' GET /openapi.json lists what there is.' : ''
  app.setNotFoundHandler((request, reply) => {
    const what = `${request.method} ${request.url.split('?', 1)[0]}`
    const problem = new ProblemError(404, 'ERR_HTTP_NOT_FOUND', `There is no ${what}.${advice}`)
    return sendProblem(reply, problem, options)
  })
  if (options.failure === undefined) {
    for (const one of elsewhere) forwardElsewhere(app, one)
    app.get('/openapi.json', { schema: { summary: 'This document.' } }, async () =>
      api.document((await Promise.all(elsewhere.map(describeElsewhere))).flat()),
    )
  }
  return app
}

/** Starts to listen. Throws `ListenerTakenError`. */
export async function openListener(
  app: FastifyInstance,
  options: ListenerOptions,
): Promise<Listener> {
  app.server.on('connection', (socket) => {
    if (options.mayConnect?.(socket.remoteAddress ?? '') === false) socket.destroy()
  })
  const connections = boundConnections(app.server)
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (cause) {
    await app.close()
    throw new ListenerTakenError(options.name, options, 'TCP', cause)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return { host: options.host, port, connections, close: () => app.close() }
}

function refuseUndecoded(
  error: FastifyError,
  headers: IncomingHttpHeaders,
  reply: FastifyReply,
  options: ListenerAppOptions,
): void {
  reply.header('x-content-type-options', 'nosniff')
  try {
    guardRequest(headers, options)
    void sendProblem(reply, toProblem(error), options)
  } catch (refusal) {
    void sendProblem(reply, toProblem(refusal as ProblemError), options)
  }
}

function toProblem(error: FastifyError | ProblemError): ProblemError {
  if (error instanceof ProblemError) return error
  const status = error.statusCode ?? 500
  if (status >= 500) {
    return new ProblemError(
      status,
      'ERR_HTTP_INTERNAL',
      'Backplane failed to answer; its log says why.',
    )
  }
  const code = error.code?.startsWith('ERR_') === true ? error.code : codeOfStatus(status)
  return new ProblemError(status, code, error.message)
}

function codeOfStatus(status: number): string {
  if (status === 413) return 'ERR_HTTP_BODY_TOO_LARGE'
  if (status === 415) return 'ERR_HTTP_CONTENT_TYPE'
  return 'ERR_HTTP_BAD_REQUEST'
}

function sendProblem(
  reply: FastifyReply,
  problem: ProblemError,
  { failure = problemDetails }: Pick<ListenerAppOptions, 'failure'>,
): FastifyReply {
  if (problem.statusCode === 401) reply.header('www-authenticate', 'Basic realm="Backplane"')
  const { contentType, body } = failure(problem)
  return reply.code(problem.statusCode).header('content-type', contentType).send(body)
}
