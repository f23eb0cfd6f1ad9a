import type { FromData, RequestRecord, ToData } from '../../contracts/snapshot.ts'
import type { ToWorker } from '../threads/messages.ts'

/** Questions that may be open; beyond it the oldest is answered with what there is. */
const ASKS_MAX = 256

type Question = Extract<ToData, { type: 'why' | 'recent' }>

/** Asks every worker and puts their answers together. */
export interface Asks {
  ask(question: Question): void
  answered(ask: number, worker: number, body: unknown): void
  lost(worker: number): void
}

interface OpenAsk {
  readonly question: Question
  readonly waiting: Set<number>
  readonly bodies: unknown[]
}

export function createAsks(
  workers: number,
  send: (worker: number, message: ToWorker) => boolean,
  answer: (message: FromData) => void,
): Asks {
  const open = new Map<number, OpenAsk>()

  function finish(ask: number, entry: OpenAsk): void {
    open.delete(ask)
    answer({ type: 'answer', ask, body: joinAnswers(entry.question, entry.bodies) })
  }

  function settle(ask: number, entry: OpenAsk, worker: number): void {
    entry.waiting.delete(worker)
    if (entry.waiting.size === 0) finish(ask, entry)
  }

  return {
    ask(question) {
      const entry: OpenAsk = { question, waiting: new Set(), bodies: [] }
      const oldest = open.entries().next().value
      if (open.size >= ASKS_MAX && oldest !== undefined) finish(...oldest)
      open.set(question.ask, entry)
      for (let worker = 0; worker < workers; worker++) {
        if (send(worker, question)) entry.waiting.add(worker)
      }
      if (entry.waiting.size === 0) finish(question.ask, entry)
    },
    answered(ask, worker, body) {
      const entry = open.get(ask)
      if (entry === undefined) return
      entry.bodies.push(body)
      settle(ask, entry, worker)
    },
    lost(worker) {
      for (const [ask, entry] of open) settle(ask, entry, worker)
    },
  }
}

function joinAnswers(question: Question, bodies: readonly unknown[]): unknown {
  if (question.type === 'why') {
    const records = (bodies as (RequestRecord | null)[]).filter((record) => record !== null)
    const byTime = records.toSorted((a, b) => a.startedAtMs - b.startedAtMs)
    return byTime.find((record) => record.caller === '') ?? byTime[0] ?? null
  }
  return (bodies as RequestRecord[][])
    .flat()
    .toSorted((a, b) => b.startedAtMs - a.startedAtMs)
    .slice(0, question.limit)
}
