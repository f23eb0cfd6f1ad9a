/** A thread that evaluates queries, one at a time: what it calculates keeps nobody else waiting, and its death costs one query. */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { evaluateQuery } from '../../../mechanisms/promql/engine.ts'
import type { Queryable, SelectQuery, Series } from '../../../mechanisms/promql/queryable.ts'
import { parseQuery } from '../../../mechanisms/promql/syntax/parse.ts'
import { answerText } from './answer-text.ts'
import { FailedQueryError, failureOf } from './failures.ts'
import type { FromQueryThread, QueryFailure, QueryJob, ToQueryThread } from './messages.ts'
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
    const body = new TextEncoder().encode(await evaluate(queryable, job))
    tell(port, { type: 'answer', body }, [body.buffer])
  } catch (error) {
    tell(port, { type: 'failed', failure: tellable(error) })
  }
}

async function evaluate(queryable: Queryable, job: QueryJob): Promise<string> {
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
  return answerText(outcome, { limit: job.limit, timings: job.withStats ? timings : undefined })
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
