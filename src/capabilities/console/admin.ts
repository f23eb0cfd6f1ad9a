import type { FastifyInstance } from 'fastify'
import type { Picture } from '../../contracts/feed.ts'
import { openEvents } from '../../platform/http/events.ts'
import { renderMetrics } from '../../platform/metrics-text.ts'
import { ProblemError } from '../../platform/problem.ts'
import { SUBSCRIBERS_MAX, type FeedHub } from './feed-hub.ts'
import type { ConsoleNeeds } from './needs.ts'

export interface AdminListener {
  readonly needs: ConsoleNeeds
  readonly hub: FeedHub
  picture(): Picture
  isReady(): boolean
}

/** Health, metrics, the picture, its feed, and the configuration. */
export function registerStateRoutes(app: FastifyInstance, listener: AdminListener): void {
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
        .send(renderMetrics(needs.house.metrics())),
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
      if (hub.isFull) {
        throw new ProblemError(
          503,
          'ERR_CONSOLE_FEEDS_FULL',
          `${SUBSCRIBERS_MAX} consoles are open already. Close one, or ask GET /api/v1/status.`,
        )
      }
      openEvents(reply)
      hub.subscribe(reply.raw)
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
  const sources = new Map<string, string>()
  const visit = (value: unknown, path: readonly (string | number)[]): void => {
    if (path.length > 0) sources.set(path.join('.'), sourceOf(path))
    if (Array.isArray(value)) value.forEach((one, at) => visit(one, [...path, at]))
    else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) visit(one, [...path, key])
    }
  }
  visit(plain, [])
  return Object.fromEntries(sources)
}
