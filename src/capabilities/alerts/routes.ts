import type { FastifyInstance } from 'fastify'
import {
  formatMatcher,
  MatcherTextError,
  parseMatcherText,
} from '../../mechanisms/alert-routing/matcher-text.ts'
import { PatternError } from '../../mechanisms/labels/pattern.ts'
import type { Clock } from '../../platform/capability.ts'
import { ProblemError } from '../../platform/problem.ts'
import { statusOf } from './alert-record.ts'
import type { Alerts } from './api.ts'
import type { AlertStanding } from './dispatch/dispatcher.ts'
import { type Silence, SilencesFullError } from './dispatch/silences.ts'

const TEXT = { type: 'string', maxLength: 1_000 } as const
const ID = { type: 'string', maxLength: 100 } as const
/** A longer silence is a mistake more often than a wish. */
const SILENCE_MAX_MS = 366 * 86_400_000

interface SilenceBody {
  readonly id?: string
  readonly matchers: readonly string[]
  readonly startsAtMs?: number
  readonly endsAtMs: number
  readonly createdBy: string
  readonly comment: string
}

/** Registers what the console and programs ask of alerts. */
export function registerAlertRoutes(
  app: FastifyInstance,
  alerts: Alerts,
  { clock }: { readonly clock: Clock },
): void {
  app.get('/api/v1/alerts', {
    schema: { summary: 'Alerts that fire, who is told of them, and why somebody is not.' },
    handler: () => ({
      alerts: alerts.standings().map(alertView),
      receivers: alerts.receivers(),
      alertmanagers: alerts.alertmanagers(),
    }),
  })
  app.get('/api/v1/alerts/deliveries', {
    schema: { summary: 'Messages that wait to be delivered, and what became of the last ones.' },
    handler: () => ({
      waiting: alerts
        .waiting()
        .map(({ id, atMs, kind, attempts, nextAtMs, error, notification }) => ({
          id,
          atMs,
          kind,
          attempts,
          nextAtMs,
          error,
          receiver: notification.receiver,
          groupKey: notification.groupKey,
          status: statusOf(notification),
          alertCount: notification.alerts.length,
        })),
      done: alerts.deliveries(),
    }),
  })
  registerSilences(app, alerts, clock)
}

function registerSilences(app: FastifyInstance, alerts: Alerts, clock: Clock): void {
  app.get('/api/v1/alerts/silences', {
    schema: { summary: 'Silences: those in force, those to come, and those of the last days.' },
    handler: () => ({ silences: alerts.silences().map((one) => silenceView(one, clock.nowMs())) }),
  })
  app.post<{ Body: SilenceBody }>('/api/v1/alerts/silences', {
    schema: {
      summary:
        'Silences alerts for a time; with an id it replaces that silence. Answers when it is on the disk.',
      body: {
        type: 'object',
        required: ['matchers', 'endsAtMs', 'createdBy', 'comment'],
        additionalProperties: false,
        properties: {
          id: ID,
          matchers: { type: 'array', minItems: 1, maxItems: 50, items: TEXT },
          startsAtMs: { type: 'integer', minimum: 0 },
          endsAtMs: { type: 'integer', minimum: 0 },
          createdBy: TEXT,
          comment: TEXT,
        },
      },
    },
    handler: async ({ body }) => {
      const silence = await put(alerts, body, clock.nowMs())
      return silenceView(silence, clock.nowMs())
    },
  })
  app.delete<{ Params: { readonly id: string } }>('/api/v1/alerts/silences/:id', {
    schema: {
      summary: 'Ends a silence now.',
      params: { type: 'object', properties: { id: ID } },
    },
    handler: async ({ params: { id } }) => {
      if (await alerts.endSilence(id)) return { id }
      throw new ProblemError(
        404,
        'ERR_ALERTS_SILENCE_UNKNOWN',
        `There is no silence '${id}' in force.`,
      )
    },
  })
}

async function put(alerts: Alerts, body: SilenceBody, nowMs: number): Promise<Silence> {
  const startsAtMs = body.startsAtMs ?? nowMs
  const { id, endsAtMs, createdBy, comment } = body
  const refuse = (text: string): never => {
    throw new ProblemError(400, 'ERR_ALERTS_SILENCE', text)
  }
  if (endsAtMs <= Math.max(startsAtMs, nowMs))
    refuse('A silence must end after now, and after its begin.')
  if (endsAtMs - startsAtMs > SILENCE_MAX_MS) refuse('A silence may be a year long.')
  try {
    const matchers = body.matchers.map(parseMatcherText)
    const isNone =
      matchers.every(({ kind, value }) => kind !== '=' || value === '') &&
      matchers.every(
        ({ kind, value }) =>
          kind === '!=' || kind === '!~' || value === '' || /^\.[*+]$/.test(value),
      )
    if (isNone) refuse('A silence of everything is refused: name at least one label.')
    return await alerts.silence({ id, matchers, startsAtMs, endsAtMs, createdBy, comment })
  } catch (error) {
    if (error instanceof SilencesFullError) throw new ProblemError(409, error.code, error.message)
    if (error instanceof MatcherTextError || error instanceof PatternError) {
      return refuse(error.message)
    }
    throw error
  }
}

function alertView({ record, silencedBy, inhibitedBy, receivers }: AlertStanding): object {
  const { fingerprint, labels, annotations, startsAtMs, value, expr } = record
  return {
    fingerprint,
    labels: Object.fromEntries(labels),
    annotations: Object.fromEntries(annotations),
    startsAtMs,
    value: String(value),
    expr,
    silencedBy,
    inhibitedBy,
    receivers,
  }
}

function silenceView(silence: Silence, nowMs: number): object {
  const { matchers, ...rest } = silence
  const state =
    silence.endsAtMs <= nowMs ? 'expired' : silence.startsAtMs > nowMs ? 'pending' : 'active'
  return { ...rest, matchers: matchers.map(formatMatcher), state }
}
