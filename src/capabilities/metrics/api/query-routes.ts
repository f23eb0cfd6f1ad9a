import type { FastifyInstance, FastifyReply } from 'fastify'
import { prettyQuery } from '../../../mechanisms/promql/syntax/pretty.ts'
import { parseQuery } from '../../../mechanisms/promql/syntax/parse.ts'
import { ParseError } from '../../../mechanisms/promql/syntax/parse-error.ts'
import { treeOf } from '../../../mechanisms/promql/syntax/tree.ts'
import type { Expr } from '../../../mechanisms/promql/syntax/ast.ts'
import type { QueryTime } from '../../../mechanisms/promql/engine.ts'
import type { ApiNeeds } from './needs.ts'
import { badData, type Parameters } from './parameters.ts'
import { parametersOf } from './forms.ts'
import { toProblem } from './failure.ts'

/** Points of each series of a range query. */
const POINTS_MAX = 11_000
/** The step of subqueries that name none: Prometheus' default interval of rules. */
const SUBQUERY_STEP_MS = 60_000

/** `query`, `query_range`, `format_query`, `parse_query`: by GET and by POST. */
export function registerQueries(app: FastifyInstance, needs: ApiNeeds): void {
  const both = ['GET', 'POST'] as ['GET', 'POST']
  app.route({
    method: both,
    url: '/api/v1/query',
    handler: (request, reply) => {
      const parameters = parametersOf(request)
      const timeMs = parameters.timeMs('time', needs.clock.nowMs())
      return evaluate(needs, reply, parameters, { kind: 'instant', timeMs })
    },
  })
  app.route({
    method: both,
    url: '/api/v1/query_range',
    handler: (request, reply) => {
      const parameters = parametersOf(request)
      return evaluate(needs, reply, parameters, rangeOf(parameters))
    },
  })
  app.route({
    method: both,
    url: '/api/v1/format_query',
    handler: (request) => success(prettyQuery(parsed(parametersOf(request).get('query')))),
  })
  app.route({
    method: both,
    url: '/api/v1/parse_query',
    handler: (request) => success(treeOf(parsed(parametersOf(request).get('query')))),
  })
}

/** Prometheus' envelope. */
export function success(data: unknown, warnings: readonly string[] = []): object {
  return { status: 'success', data, ...(warnings.length === 0 ? {} : { warnings }) }
}

function parsed(text: string): Expr {
  try {
    return parseQuery(text, {
      experimentalFunctions: true,
      extendedRangeSelectors: true,
      fillModifiers: true,
    })
  } catch (error) {
    if (error instanceof ParseError) {
      throw badData(`invalid parameter "query": ${error.message}`)
    }
    throw error
  }
}

function rangeOf(parameters: Parameters): QueryTime {
  const missing = (name: string): number => {
    throw badData(`invalid parameter "${name}": cannot parse "" to a valid timestamp`)
  }
  const startMs = parameters.get('start') === '' ? missing('start') : parameters.timeMs('start', 0)
  const endMs = parameters.get('end') === '' ? missing('end') : parameters.timeMs('end', 0)
  if (endMs < startMs) {
    throw badData('invalid parameter "end": end timestamp must not be before start time')
  }
  if (parameters.get('step') === '') {
    throw badData('invalid parameter "step": cannot parse "" to a valid duration')
  }
  const stepMs = parameters.durationMs('step')
  if (stepMs <= 0) {
    throw badData(
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    )
  }
  if ((endMs - startMs) / stepMs > POINTS_MAX) {
    throw badData(
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    )
  }
  return { kind: 'range', startMs, endMs, stepMs }
}

async function evaluate(
  { pool, limits }: ApiNeeds,
  reply: FastifyReply,
  parameters: Parameters,
  time: QueryTime,
): Promise<FastifyReply> {
  const { timeoutMs, lookbackMs, ...bounds } = limits()
  const wanted = parameters.durationMs('timeout')
  const lookback = parameters.durationMs('lookback_delta')
  if (parameters.get('lookback_delta') !== '' && lookback <= 0) {
    throw badData('error parsing lookback delta duration: must be greater than zero')
  }
  const abort = new AbortController()
  reply.raw.once('close', () => abort.abort())
  try {
    const body = await pool.run(
      {
        text: parameters.get('query'),
        time,
        lookbackMs: lookback === 0 ? lookbackMs : lookback,
        subqueryStepMs: SUBQUERY_STEP_MS,
        ...bounds,
        timeoutMs: wanted > 0 ? Math.min(wanted, timeoutMs) : timeoutMs,
        limit: parameters.limit(),
        withStats: parameters.get('stats') !== '',
      },
      abort.signal,
    )
    return await reply.header('content-type', 'application/json').send(Buffer.from(body))
  } catch (error) {
    throw toProblem(error)
  }
}
