import type { FromData, RequestRecord, ToData } from '../../contracts/snapshot.ts'
import type { RequestStore } from '../../platform/records/request-store.ts'
import type { ToWorker } from '../threads/messages.ts'

/** Questions that may be open; beyond it the oldest is answered with what there is. */
const ASKS_MAX = 256

type Question = Extract<ToData, { type: 'why' | 'recent' }>

/** Answers questions about finished requests from what the workers have handed over; what they still hold is asked for first. */
export interface Asks {
  ask(question: Question): void
  /** A worker has handed over all that it held when it was asked. */
  flushed(ask: number, worker: number): void
  lost(worker: number): void
}

interface OpenAsk {
  readonly question: Question
  readonly waiting: Set<number>
}

export function createAsks(
  workers: number,
  send: (worker: number, message: ToWorker) => boolean,
  store: RequestStore,
  onBroken: (error: unknown) => void,
  answer: (message: FromData) => void,
): Asks {
  const open = new Map<number, OpenAsk>()

  function bodyOf(question: Question): RequestRecord | null | readonly RequestRecord[] {
    if (question.type === 'why') return store.find(question.requestId, onBroken)
    const isWanted = question.onlyFailed ? hasFailed : () => true
    return store.newest(question.limit, isWanted, onBroken)
  }

  function finish(ask: number, { question }: OpenAsk): void {
    open.delete(ask)
    answer({ type: 'answer', ask, body: bodyOf(question) })
  }

  function settle(ask: number, entry: OpenAsk, worker: number): void {
    entry.waiting.delete(worker)
    if (entry.waiting.size === 0) finish(ask, entry)
  }

  return {
    ask(question) {
      const entry: OpenAsk = { question, waiting: new Set() }
      const oldest = open.entries().next().value
      if (open.size >= ASKS_MAX && oldest !== undefined) finish(...oldest)
      open.set(question.ask, entry)
      for (let worker = 0; worker < workers; worker++) {
        if (send(worker, { type: 'flush', ask: question.ask })) entry.waiting.add(worker)
      }
      if (entry.waiting.size === 0) finish(question.ask, entry)
    },
    flushed(ask, worker) {
      const entry = open.get(ask)
      if (entry !== undefined) settle(ask, entry, worker)
    },
    lost(worker) {
      for (const [ask, entry] of open) settle(ask, entry, worker)
    },
  }
}

function hasFailed({ reason, status }: RequestRecord): boolean {
  return reason !== '' || status >= 500
}
