import type { FastifyReply } from 'fastify'
import type { Signal } from '../../contracts/signals.ts'
import { SearchError, type Expression } from '../../mechanisms/log-query/expression.ts'
import { parseSearch, SEARCH_LENGTH_MAX } from '../../mechanisms/log-query/parse.ts'
import type { Clock } from '../../platform/capability.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { LogsHouse } from './house.ts'
import type { Range } from './query/plan.ts'

const DAY_MS = 86_400_000

/** What a search is asked, for a schema. */
export const searchProperties = {
  query: {
    type: 'string',
    maxLength: SEARCH_LENGTH_MAX,
    default: '',
    description: 'A search, as the guide "Query language" has it',
  },
  signal: { enum: ['logs', 'spans'], default: 'logs' },
  from: {
    type: 'integer',
    minimum: 0,
    description: 'Unix milliseconds; default: a day before `to`',
  },
  to: { type: 'integer', minimum: 0, description: 'Unix milliseconds; default: now' },
} as const

/** What every route of a search is asked. */
export interface SearchQuery {
  readonly query: string
  readonly signal: Signal
  readonly from?: number
  readonly to?: number
}

/** The schema of these, with what a route asks besides. */
export function searchSchema(summary: string, properties: object = {}): object {
  return {
    schema: {
      summary,
      querystring: {
        type: 'object',
        additionalProperties: false,
        properties: { ...searchProperties, ...properties },
      },
    },
  }
}

/** The house; throws while telemetry has not heard of control. */
export function openHouse(house: () => LogsHouse | undefined): LogsHouse {
  const open = house()
  if (open !== undefined) return open
  throw new ProblemError(
    503,
    'ERR_LOGS_STARTING',
    'Logs and traces are not open yet; try again in a moment.',
  )
}

/** Reads a search. Throws `ProblemError` with the position of the mistake. */
export function expressionOf(query: string): Expression {
  try {
    return parseSearch(query)
  } catch (error) {
    if (!(error instanceof SearchError)) throw error
    throw new ProblemError(400, error.code, error.message, { position: error.at })
  }
}

/** The range that a query asks for. */
export function rangeOf({ from, to }: Pick<SearchQuery, 'from' | 'to'>, clock: Clock): Range {
  const toMs = to ?? clock.nowMs() + 60_000
  const fromMs = from ?? Math.max(0, toMs - DAY_MS)
  if (fromMs > toMs) {
    throw new ProblemError(
      400,
      'ERR_LOGS_RANGE',
      `'from' (${fromMs}) must not be after 'to' (${toMs}).`,
    )
  }
  return { from: fromMs * 1_000, to: toMs * 1_000 }
}

/** Aborts when the client leaves before it has its answer. */
export function clientOf(reply: FastifyReply): AbortSignal {
  const leaving = new AbortController()
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) leaving.abort()
  })
  return leaving.signal
}
