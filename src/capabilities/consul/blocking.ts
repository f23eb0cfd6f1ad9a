import { createHash } from 'node:crypto'
import { NOT_TIMED, type Timed } from '../../mechanisms/timer-wheel/timer-wheel.ts'
import type { Clock, Random } from '../../platform/capability.ts'
import { createWheel, type Wheel } from '../../platform/wheel.ts'
import type { Answer, Watched } from './answers.ts'
import type { Patience } from './call.ts'

/** How late a wait may end. */
const TICK_MS = 50
/** A wait is longer by a random part of it, so that clients that began together do not come back together. */
const JITTER_PARTS = 16

/** An answer, and what the client should know when it asks again. */
export interface Settled {
  readonly answer: Answer
  /** Of an answer by index. */
  readonly index: number | undefined
  /** Of an answer by hash. */
  readonly hash: string | undefined
}

/** Calls that wait. */
export interface Waits {
  /** Settles at once, or when there is something new, or when the time is over. Returns the end of waiting, for a client that left. */
  settle(watched: Watched, patience: Patience, settled: (what: Settled) => void): () => void
  readonly count: number
  /** Answers all, with what is there now, and lets nobody wait any more. */
  close(): void
}

class Waiting implements Timed {
  dueAtMs: number = NOT_TIMED.dueAtMs
  slot: number = NOT_TIMED.slot
  before: Timed | undefined = undefined
  after: Timed | undefined = undefined
  readonly watched: Watched
  readonly patience: Patience
  readonly settled: (what: Settled) => void
  unsubscribe: () => void = () => {}

  constructor(watched: Watched, patience: Patience, settled: (what: Settled) => void) {
    this.watched = watched
    this.patience = patience
    this.settled = settled
  }
}

/** Blocking queries: https://developer.hashicorp.com/consul/api-docs/features/blocking */
export function createWaits(clock: Clock, random: Random): Waits {
  const all = new Set<Waiting>()
  const wheel: Wheel<Waiting> = createWheel(clock, TICK_MS, (one) => end(one))
  let isClosed = false

  function leave(one: Waiting): boolean {
    if (!all.delete(one)) return false
    wheel.clear(one)
    one.unsubscribe()
    return true
  }

  function end(one: Waiting): void {
    if (leave(one)) one.settled(read(one.watched))
  }

  function look(one: Waiting): void {
    const fresh = newsOf(one.watched, one.patience)
    if (fresh !== undefined && leave(one)) one.settled(fresh)
  }

  return {
    settle(watched, patience, settled) {
      const fresh = newsOf(watched, patience)
      if (fresh !== undefined || isClosed) {
        settled(fresh ?? read(watched))
        return () => {}
      }
      const one = new Waiting(watched, patience, settled)
      // From the look at the index to here nothing else has run: no change can fall between.
      all.add(one)
      one.unsubscribe = watched.topic.subscribe(() => look(one))
      wheel.set(one, patience.waitMs + (random() * patience.waitMs) / JITTER_PARTS)
      return () => void leave(one)
    },
    get count() {
      return all.size
    },
    close() {
      isClosed = true
      for (const one of all) end(one)
      wheel.close()
    },
  }
}

/** The answer, where there is one that the client does not know yet. */
function newsOf(watched: Watched, { index, hash }: Patience): Settled | undefined {
  if (watched.by === 'hash') {
    const now = read(watched)
    return hash === '' || now.hash !== hash ? now : undefined
  }
  const isBeyond = watched.topic.index() > index
  // An index that nobody has handed out is of another history: the client must hear of it now.
  return index === 0 || isBeyond || index > Math.max(watched.topic.newest(), 1)
    ? read(watched)
    : undefined
}

function read(watched: Watched): Settled {
  const index = Math.max(watched.topic.index(), 1)
  const answer = watched.read()
  if (watched.by === 'index') return { answer, index, hash: undefined }
  return { answer, index: undefined, hash: hashOf(answer) }
}

function hashOf({ body }: Answer): string {
  const text = body.kind === 'json' ? JSON.stringify(body.value) : ''
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16)
}
