import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { ProblemError } from '../../platform/problem.ts'
import { renderMetrics } from '../../platform/metrics-text.ts'
import type { OutputLine } from '../../contracts/supervisor.ts'
import type { Picture } from '../../contracts/feed.ts'
import { eventOf, type FeedHub } from './feed-hub.ts'
import { metricFamilies } from './metrics.ts'
import type { ConsoleNeeds } from './needs.ts'

/** Lines of output that one answer may begin with. */
export const LOG_TAIL_MAX = 10_000
/** After a batch that may have been cut: nothing for this long was all. */
const LOG_QUIET_MS = 250
/** Readers that may follow output at the same time. */
export const LOG_FOLLOWERS_MAX = 100

export interface AdminListener {
  readonly needs: ConsoleNeeds
  readonly hub: FeedHub
  picture(): Picture
  isReady(): boolean
}

interface ServiceParams {
  Params: { service: string }
}
const serviceParams = {
  type: 'object',
  required: ['service'],
  properties: { service: { type: 'string', maxLength: 63 } },
} as const

/** A switch in a query: `?follow`, `?follow=1` and `?follow=true` all mean on. */
const switchSchema = {
  type: 'string',
  enum: ['', '1', 'true', '0', 'false'],
  default: 'false',
} as const
type Switch = (typeof switchSchema.enum)[number]

function isOn(value: Switch): boolean {
  return value !== '0' && value !== 'false'
}

/** The admin API of console and CLI. */
export function registerAdminRoutes(app: FastifyInstance, listener: AdminListener): void {
  registerStateRoutes(app, listener)
  registerServiceRoutes(app, listener)
  registerLogRoutes(app, listener)
  registerRequestRoutes(app, listener)
}

function registerStateRoutes(app: FastifyInstance, listener: AdminListener): void {
  const { needs, hub } = listener
  app.get('/health', { schema: { summary: 'Alive: the control plane answers.' } }, () => ({
    status: 'ok',
  }))
  app.get(
    '/ready',
    { schema: { summary: '200 once listeners are open and the data plane follows, else 503.' } },
    (_request, reply) => {
      const ready = listener.isReady()
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'starting' })
    },
  )
  app.get(
    '/metrics',
    { schema: { summary: 'Our own metrics, Prometheus text format.' } },
    (_request, reply) =>
      reply
        .header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
        .send(renderMetrics(metricFamilies(needs, listener.picture().services))),
  )
  app.get(
    '/api/v1/status',
    { schema: { summary: 'Services, instances, listeners and problems now.' } },
    () => {
      const { ticks, ...rest } = listener.picture()
      return { ...rest, tick: ticks.at(-1) ?? null }
    },
  )
  app.get(
    '/api/v1/feed',
    { schema: { summary: 'Server-Sent Events: the picture, then what changes.' } },
    (_request, reply) => {
      openEvents(reply)
      if (!hub.subscribe(reply.raw)) reply.raw.destroy()
    },
  )
  app.get(
    '/api/v1/config',
    { schema: { summary: 'The configuration in force, with source lines, secrets masked.' } },
    () => {
      const configuration = needs.configuration()
      const { file, overlay, sourceOf, settings } = configuration
      const plain = configuration.effective()
      return {
        file,
        overlay,
        effective: plain,
        sources: sourcesOf(plain, sourceOf),
        overrides: Object.keys(settings.services).flatMap((service) =>
          overrideRows(service, needs),
        ),
      }
    },
  )
}

function overrideRows(service: string, needs: ConsoleNeeds): unknown[] {
  const override = needs.processes.override(service)
  if (override === undefined) return []
  const file = needs.processes.targetByFile(service)
  return override.isStopped
    ? [{ service, setting: 'stopped', value: 'true', file: 'false' }]
    : [{ service, setting: 'instances', value: String(override.instances), file: String(file) }]
}

/** The source line of every value, by its dotted path. */
function sourcesOf(
  plain: unknown,
  sourceOf: (path: readonly (string | number)[]) => string,
): Record<string, string> {
  const sources: Record<string, string> = {}
  const visit = (value: unknown, path: readonly (string | number)[]): void => {
    if (path.length > 0) sources[path.join('.')] = sourceOf(path)
    if (Array.isArray(value)) value.forEach((one, at) => visit(one, [...path, at]))
    else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) visit(one, [...path, key])
    }
  }
  visit(plain, [])
  return sources
}

function registerServiceRoutes(app: FastifyInstance, { needs }: AdminListener): void {
  const { processes } = needs
  const wish = (summary: string) => ({ schema: { summary, params: serviceParams } })
  app.post<ServiceParams>(
    '/api/v1/services/:service/restart',
    wish('Replaces every instance, one after the other.'),
    (request, reply) => {
      processes.restart(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.post<ServiceParams>(
    '/api/v1/services/:service/stop',
    wish('Stops it in order and keeps it stopped.'),
    async (request, reply) => {
      await processes.stop(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.post<ServiceParams>(
    '/api/v1/services/:service/start',
    wish('Starts a stopped service.'),
    async (request, reply) => {
      await processes.start(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.put<ServiceParams & { Body: { instances: number } }>(
    '/api/v1/services/:service/scale',
    {
      schema: {
        summary: 'Sets the number of instances as a run-time override.',
        params: serviceParams,
        body: {
          type: 'object',
          required: ['instances'],
          additionalProperties: false,
          properties: { instances: { type: 'integer', minimum: 0, maximum: 1000 } },
        },
      },
    },
    async (request, reply) => {
      await processes.scale(request.params.service, request.body.instances)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
  app.delete<ServiceParams>(
    '/api/v1/services/:service/overrides',
    wish('Back to what the file says.'),
    async (request, reply) => {
      await processes.clearOverride(request.params.service)
      return reply.code(202).send({ status: 'accepted' })
    },
  )
}

function registerLogRoutes(app: FastifyInstance, { needs }: AdminListener): void {
  let followers = 0
  app.get<{ Querystring: { tail: number; follow: Switch; service?: string } }>(
    '/api/v1/logs',
    {
      schema: {
        summary: 'Server-Sent Events with the output of a service, or of all.',
        querystring: {
          type: 'object',
          properties: {
            service: { type: 'string', maxLength: 63 },
            tail: { type: 'integer', minimum: 0, maximum: LOG_TAIL_MAX, default: 200 },
            follow: switchSchema,
          },
        },
      },
    },
    (request, reply) => stream(request.query.service, request.query, reply),
  )
  app.get<ServiceParams & { Querystring: { tail: number; follow: Switch } }>(
    '/api/v1/services/:service/logs',
    {
      schema: {
        summary: 'Server-Sent Events: the last lines of output, then (follow=1) each new one.',
        params: serviceParams,
        querystring: {
          type: 'object',
          properties: {
            tail: { type: 'integer', minimum: 0, maximum: LOG_TAIL_MAX, default: 200 },
            follow: switchSchema,
          },
        },
      },
    },
    (request, reply) => stream(request.params.service, request.query, reply),
  )

  function stream(
    service: string | undefined,
    { tail, follow }: { readonly tail: number; readonly follow: Switch },
    reply: FastifyReply,
  ): void {
    const ids = new Set(processesOf(service, needs))
    if (followers >= LOG_FOLLOWERS_MAX) {
      throw new ProblemError(
        503,
        'ERR_HTTP_TOO_MANY_FOLLOWERS',
        `${LOG_FOLLOWERS_MAX} readers follow output already.`,
      )
    }
    followers++
    openEvents(reply)
    const { raw } = reply
    let left = tail
    let quiet: NodeJS.Timeout | undefined
    const deliver = async (lines: readonly OutputLine[], dropped: number): Promise<void> => {
      clearTimeout(quiet)
      const isFull = lines.length + dropped > 0 && !raw.write(eventOf({ lines, dropped }))
      // The next batch is asked for only when this reader has taken the last one.
      if (isFull) await drained(raw)
      if (isOn(follow)) return
      left -= lines.length
      if (left <= 0 || !isCut(lines)) raw.end()
      else quiet = setTimeout(() => raw.end(), LOG_QUIET_MS)
    }
    const stops = [needs.output.follow([...ids], tail, deliver)]
    if (isOn(follow)) stops.push(needs.processes.onChange(followNew))
    raw.on('close', () => {
      followers--
      clearTimeout(quiet)
      for (const stop of stops) stop()
    })

    /** Instances that come later (a restart, a scale) are followed from their first line. */
    function followNew(): void {
      const fresh = runningOf(service, needs).filter((id) => !ids.has(id))
      for (const id of fresh) ids.add(id)
      if (fresh.length > 0) stops.push(needs.output.follow(fresh, LOG_TAIL_MAX, deliver))
    }
  }
}

/** The supervisor cuts its batches at 1,000 lines and 256 Ki characters, and says nothing when there is no more. */
function isCut(lines: readonly OutputLine[]): boolean {
  const characters = lines.reduce((sum, line) => sum + line.text.length, 0)
  return lines.length >= 1_000 || characters >= 192 * 1024
}

/** Resolves when a slow reader has taken what was written, or is gone. */
function drained(raw: ServerResponse): Promise<void> {
  if (raw.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done)
      raw.off('close', done)
      resolve()
    }
    raw.on('drain', done)
    raw.on('close', done)
  })
}

function runningOf(service: string | undefined, needs: ConsoleNeeds): readonly string[] {
  return needs.processes
    .services()
    .filter((run) => service === undefined || run.name === service)
    .flatMap((run) => run.slots().map((slot) => slot.spec.id))
}

function processesOf(service: string | undefined, needs: ConsoleNeeds): readonly string[] {
  const runs =
    service === undefined ? needs.processes.services() : [needs.processes.service(service)]
  return runs.flatMap((run) => {
    if (run === undefined) {
      throw new ProblemError(
        404,
        'ERR_PROCESSES_SERVICE_UNKNOWN',
        `'${service}' is not a service that runs here. Known: ${needs.processes
          .services()
          .map((one) => one.name)
          .join(', ')}.`,
      )
    }
    return run.slots().map((slot) => slot.spec.id)
  })
}

function registerRequestRoutes(app: FastifyInstance, { needs }: AdminListener): void {
  app.get<{ Params: { requestId: string } }>(
    '/api/v1/why/:requestId',
    {
      schema: {
        summary: 'How a recent request was decided: route, candidates, attempts, timings.',
        params: {
          type: 'object',
          required: ['requestId'],
          properties: { requestId: { type: 'string', maxLength: 128 } },
        },
      },
    },
    async (request) => {
      const record = await needs.gateway.why(request.params.requestId)
      if (record !== undefined) return record
      throw new ProblemError(
        404,
        'ERR_GATEWAY_REQUEST_UNKNOWN',
        `No recent request has the id '${request.params.requestId}'. Only the last few thousand of each worker are kept.`,
      )
    },
  )
  app.get<{ Querystring: { failed: Switch; limit: number } }>(
    '/api/v1/requests',
    {
      schema: {
        summary: 'The newest finished requests, newest first.',
        querystring: {
          type: 'object',
          properties: {
            failed: switchSchema,
            limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
          },
        },
      },
    },
    (request) => needs.gateway.recent(request.query.limit, isOn(request.query.failed)),
  )
}

function openEvents(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  reply.raw.flushHeaders()
}
