import { Worker } from 'node:worker_threads'
import type { Clock, Log } from '../../../platform/capability.ts'
import type { StoreQueries } from '../store/store-query.ts'
import { FailedQueryError, failureOf } from './failures.ts'
import type {
  FromQueryThread,
  QueryFailure,
  QueryJob,
  RuleSample,
  ToQueryThread,
} from './messages.ts'
import { packSeries, transferablesOf } from './packed-series.ts'

/** Threads that evaluate at the same time. */
export const QUERY_THREADS_MAX = 2
/** Queries that wait for a thread. */
export const QUERIES_WAITING_MAX = 200
/** A thread that had nothing to do for so long ends. */
const IDLE_MS = 60_000
/** A thread that does not come to its end by itself is ended so long after the time of its query. */
const GRACE_MS = 2_000
/** Heap of a thread: a query that needs more costs its thread, and no other. */
const THREAD_HEAP_MB_MAX = 1_024

interface Waiting {
  readonly job: QueryJob
  readonly done: PromiseWithResolvers<Answered>
  cancelTimer: () => void
}

type Answered = Extract<FromQueryThread, { readonly type: 'answer' | 'samples' }>

/** A thread, and the query that it evaluates. */
interface Thread {
  readonly worker: Worker
  current: Waiting | undefined
  cancelIdle: () => void
}

/** Evaluates queries in threads, which ask for samples here. */
export class QueryPool {
  readonly #queries: StoreQueries
  readonly #clock: Clock
  readonly #log: Log
  readonly #threads = new Set<Thread>()
  readonly #waiting: Waiting[] = []

  readonly #threadsMax: number

  constructor(queries: StoreQueries, clock: Clock, log: Log, threadsMax = QUERY_THREADS_MAX) {
    this.#queries = queries
    this.#clock = clock
    this.#log = log
    this.#threadsMax = threadsMax
  }

  get threadCount(): number {
    return this.#threads.size
  }

  /** The body of the answer. Throws `FailedQueryError`. `signal` ends the query when nobody waits for it any more. */
  async run(
    job: Omit<QueryJob, 'canceled' | 'answerAs'>,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const answered = await this.#ask({ ...job, answerAs: 'body' }, signal)
    return answered.type === 'answer' ? answered.body : new Uint8Array()
  }

  /** What a rule's expression answers. Throws `FailedQueryError`. */
  async samples(
    job: Omit<QueryJob, 'canceled' | 'answerAs' | 'limit' | 'withStats'>,
  ): Promise<readonly RuleSample[]> {
    const asked = { ...job, answerAs: 'samples', limit: 0, withStats: false } as const
    const answered = await this.#ask(asked)
    return answered.type === 'samples' ? answered.samples : []
  }

  #ask(job: Omit<QueryJob, 'canceled'>, signal?: AbortSignal): Promise<Answered> {
    if (this.#waiting.length >= QUERIES_WAITING_MAX) {
      return Promise.reject(
        failed('unavailable', `more than ${QUERIES_WAITING_MAX} queries wait to be evaluated`),
      )
    }
    const canceled = new SharedArrayBuffer(4)
    const done = Promise.withResolvers<Answered>()
    const waiting: Waiting = { job: { ...job, canceled }, done, cancelTimer: () => {} }
    waiting.cancelTimer = this.#clock.after(job.timeoutMs, () => this.#expire(waiting))
    signal?.addEventListener('abort', () => {
      Atomics.store(new Int32Array(canceled), 0, 1)
      if (this.#forget(waiting)) done.reject(failed('canceled', 'query was canceled'))
    })
    this.#waiting.push(waiting)
    this.#assign()
    return done.promise
  }

  async close(): Promise<void> {
    for (const { done } of this.#waiting.splice(0)) done.reject(failed('unavailable', 'stopping'))
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()))
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread()
      if (thread === undefined) return
      const waiting = this.#waiting.shift()!
      thread.cancelIdle()
      thread.current = waiting
      post(thread, { type: 'query', job: waiting.job })
    }
  }

  #freeThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.current === undefined) return thread
    return this.#threads.size < this.#threadsMax ? this.#startThread() : undefined
  }

  #startThread(): Thread {
    const file = import.meta.url.endsWith('.ts') ? './query-thread.ts' : './query-thread.js'
    const worker = new Worker(new URL(file, import.meta.url), {
      name: 'metrics query',
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB_MAX },
    })
    const thread: Thread = { worker, current: undefined, cancelIdle: () => {} }
    this.#threads.add(thread)
    worker.on('message', (message: FromQueryThread) => this.#hear(thread, message))
    worker.on('error', (error) => this.#log('warn', 'a thread of queries has ended', { error }))
    worker.on('exit', () => {
      this.#threads.delete(thread)
      thread.cancelIdle()
      this.#settle(thread, (done) =>
        done.reject(failed('execution', 'the query needed more memory or time than it may')),
      )
    })
    return thread
  }

  #hear(thread: Thread, message: FromQueryThread): void {
    switch (message.type) {
      case 'select':
        void this.#select(thread, message)
        return
      case 'answer':
      case 'samples':
        this.#settle(thread, (done) => done.resolve(message))
        return
      case 'failed':
        if (message.failure.errorType === 'internal') {
          this.#log('error', 'a query failed', { error: message.failure.message })
        }
        this.#settle(thread, (done) => done.reject(new FailedQueryError(message.failure)))
    }
  }

  async #select(
    thread: Thread,
    { select, query }: Extract<FromQueryThread, { type: 'select' }>,
  ): Promise<void> {
    try {
      const series = packSeries(await this.#queries.select(query))
      post(thread, { type: 'selected', select, series }, transferablesOf(series))
    } catch (error) {
      const failure = failureOf(error)
      if (failure === undefined) this.#log('error', 'samples cannot be read', { error })
      const told = failure ?? { errorType: 'internal', message: 'samples cannot be read' }
      post(thread, { type: 'not-selected', select, failure: told })
    }
  }

  #settle(thread: Thread, tell: (done: PromiseWithResolvers<Answered>) => void): void {
    const { current } = thread
    if (current === undefined) return
    thread.current = undefined
    current.cancelTimer()
    tell(current.done)
    thread.cancelIdle = this.#clock.after(IDLE_MS, () => {
      // From now on nobody gives it anything to do.
      this.#threads.delete(thread)
      void thread.worker.terminate()
    })
    this.#assign()
  }

  /** Its time is over: it waits no longer, or is given a moment to see it by itself. */
  #expire(waiting: Waiting): void {
    if (this.#forget(waiting)) {
      waiting.done.reject(failed('timeout', 'query timed out in query queue'))
      return
    }
    const thread = [...this.#threads].find(({ current }) => current === waiting)
    waiting.cancelTimer = this.#clock.after(GRACE_MS, () => void thread?.worker.terminate())
  }

  /** Takes a query out of those that wait. False where it does not wait. */
  #forget(waiting: Waiting): boolean {
    const at = this.#waiting.indexOf(waiting)
    if (at < 0) return false
    this.#waiting.splice(at, 1)
    waiting.cancelTimer()
    return true
  }
}

function failed(errorType: QueryFailure['errorType'], message: string): FailedQueryError {
  return new FailedQueryError({ errorType, message })
}

function post(thread: Thread, message: ToQueryThread, transfer: ArrayBuffer[] = []): void {
  thread.worker.postMessage(message, transfer)
}
