/** A thread that evaluates queries, one at a time: what it calculates keeps nobody else waiting, and its death costs one query. */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { QueryError } from '../../../mechanisms/promql/eval/errors.ts'
import {
  evaluateQuery,
  type QueryOutcome,
  type QueryValue,
} from '../../../mechanisms/promql/engine.ts'
import type { Queryable, SelectQuery, Series } from '../../../mechanisms/promql/queryable.ts'
import { parseQuery } from '../../../mechanisms/promql/syntax/parse.ts'
import { answerText, type QueryTimings } from './answer-text.ts'
import { FailedQueryError, failureOf } from './failures.ts'
import type {
  FromQueryThread,
  QueryFailure,
  QueryJob,
  RuleSample,
  ToQueryThread,
} from './messages.ts'
import { unpackSeries } from './packed-series.ts'

interface Asked {
  readonly query: SelectQuery
  readonly done: PromiseWithResolvers<readonly Series[]>
}

/** Asks the other side of the port for samples. */
class RemoteQueryable implements Queryable {
  readonly #port: MessagePort
  readonly #asked = new Map<number, Asked>()
  #selects = 0

  constructor(port: MessagePort) {
    this.#port = port
  }

  select(query: SelectQuery): Promise<readonly Series[]> {
    const select = this.#selects++
    const done = Promise.withResolvers<readonly Series[]>()
    this.#asked.set(select, { query, done })
    tell(this.#port, { type: 'select', select, query })
    return done.promise
  }

  hear(message: Exclude<ToQueryThread, { type: 'query' }>): void {
    const asked = this.#asked.get(message.select)
    this.#asked.delete(message.select)
    if (message.type === 'selected') asked?.done.resolve(unpackSeries(message.series, asked.query))
    else asked?.done.reject(new FailedQueryError(message.failure))
  }
}

function serve(port: MessagePort): void {
  const queryable = new RemoteQueryable(port)
  port.on('message', (message: ToQueryThread) => {
    if (message.type === 'query') void answer(port, queryable, message.job)
    else queryable.hear(message)
  })
}

async function answer(port: MessagePort, queryable: Queryable, job: QueryJob): Promise<void> {
  try {
    const { outcome, timings } = await evaluate(queryable, job)
    if (job.answerAs === 'samples') {
      tell(port, { type: 'samples', samples: samplesOf(outcome.value) })
      return
    }
    const options = { limit: job.limit, timings: job.withStats ? timings : undefined }
    const body = new TextEncoder().encode(answerText(outcome, options))
    tell(port, { type: 'answer', body }, [body.buffer])
  } catch (error) {
    tell(port, { type: 'failed', failure: tellable(error) })
  }
}

async function evaluate(
  queryable: Queryable,
  job: QueryJob,
): Promise<{ readonly outcome: QueryOutcome; readonly timings: QueryTimings }> {
  const begin = performance.now()
  const canceled = new Int32Array(job.canceled)
  const expr = parseQuery(job.text, {
    experimentalFunctions: false,
    extendedRangeSelectors: false,
    fillModifiers: false,
  })
  const parsed = performance.now()
  const outcome = await evaluateQuery(queryable, {
    text: job.text,
    expr,
    time: job.time,
    options: {
      lookbackMs: job.lookbackMs,
      subqueryStepMs: job.subqueryStepMs,
      samplesMax: job.samplesMax,
      delayedNameRemoval: false,
      typeAndUnitLabels: false,
      isCanceled: () => Atomics.load(canceled, 0) !== 0,
      isOver: () => performance.now() - begin > job.timeoutMs,
    },
  })
  const timings = {
    preparationMs: parsed - begin,
    evaluationMs: performance.now() - parsed,
    queueMs: 0,
  }
  return { outcome, timings }
}

/** What a rule takes: a vector, or a number or text as one element. */
function samplesOf(value: QueryValue): readonly RuleSample[] {
  const plain = { names: [], values: [], histogram: undefined, text: '' }
  switch (value.kind) {
    case 'vector':
      return value.samples.map(({ labels: { names, values }, value: number, histogram }) => ({
        names,
        values,
        value: number,
        histogram,
        text: '',
      }))
    case 'scalar':
      return [{ ...plain, value: value.value }]
    case 'string':
      return [{ ...plain, value: Number.NaN, text: value.value }]
    case 'matrix':
      throw new QueryError('rule result is not a vector or scalar')
  }
}

function tellable(error: unknown): QueryFailure {
  if (error instanceof FailedQueryError) return error.failure
  const failure = failureOf(error)
  if (failure !== undefined) return failure
  return {
    errorType: 'internal',
    message: error instanceof Error ? String(error.stack) : String(error),
  }
}

function tell(port: MessagePort, message: FromQueryThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

if (parentPort !== null) serve(parentPort)
