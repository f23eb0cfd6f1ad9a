import type { FastifyInstance } from 'fastify'
import type { TimelineKind, TimelinePage } from '../../contracts/timeline.ts'
import type { Scope } from '../../platform/capability.ts'
import type { EventRing } from './event-ring.ts'

/** Events of one answer. */
const LIMIT_MAX = 500
/** A question may wait so long for a newer event. */
const WAIT_MS_MAX = 30_000
/** Questions that wait at the same time; beyond it one is answered at once. */
const WAITING_MAX = 200

interface Query {
  readonly service?: string
  readonly kind?: TimelineKind
  readonly before?: number
  readonly after?: number
  readonly limit: number
  readonly waitMs: number
}

const querystring = {
  type: 'object',
  additionalProperties: false,
  properties: {
    service: { type: 'string', maxLength: 80 },
    kind: { type: 'string', maxLength: 40 },
    before: { type: 'integer', minimum: 0 },
    after: { type: 'integer', minimum: 0 },
    limit: { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: 100 },
    waitMs: { type: 'integer', minimum: 0, maximum: WAIT_MS_MAX, default: 0 },
  },
} as const

/** `GET /api/v1/timeline?service=&kind=&before=&after=&limit=&waitMs=`: with `after` and `waitMs` it waits for a newer event. */
export function registerTimelineRoute(
  app: FastifyInstance,
  ring: EventRing,
  waiting: Set<() => void>,
  scope: Pick<Scope, 'clock'>,
): void {
  app.get<{ Querystring: Query }>(
    '/api/v1/timeline',
    { schema: { querystring, summary: 'What happened, newest first.' } },
    async (request): Promise<TimelinePage> => {
      const { service, kind, before, after, limit, waitMs } = request.query
      if (after !== undefined && waitMs > 0 && ring.last <= after && waiting.size < WAITING_MAX) {
        await nextEvent(waiting, waitMs, scope, request.signal)
      }
      const events = ring.read(
        (event) =>
          (service === undefined || event.service === service) &&
          (kind === undefined || event.kind === kind),
        { limit, ...(before !== undefined && { before }), ...(after !== undefined && { after }) },
      )
      return { events, last: ring.last }
    },
  )
}

/** Resolves with the next event, when the time is over, or when nobody waits any more. */
function nextEvent(
  waiting: Set<() => void>,
  waitMs: number,
  { clock }: Pick<Scope, 'clock'>,
  left: AbortSignal | undefined,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(waitMs, resolve)
  waiting.add(resolve)
  left?.addEventListener('abort', () => resolve(), { once: true })
  return promise.finally(() => {
    cancel()
    waiting.delete(resolve)
  })
}
