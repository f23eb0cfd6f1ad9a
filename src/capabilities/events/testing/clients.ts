import type { Append, AppendOutcome, Expected } from '../model.ts'
import { testEvent } from '../engines/testing/requests.ts'
import { recordOf, type HistoryRecord } from './history.ts'

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What clients do, and what they see: one shared order of time. */
export interface ClientsOptions {
  readonly seed: number
  readonly clientCount: number
  append(append: Append): Promise<AppendOutcome>
  /** Told of each record twice: when it is sent and when it has an answer. */
  noted?(record: HistoryRecord): void
  /** Whether to go on. */
  isGoing(): boolean
}

/** Clients that append to few streams with all expectations, over several streams, and send some of it again. An error ends a client. */
export async function runClients(options: ClientsOptions): Promise<readonly HistoryRecord[]> {
  const records: HistoryRecord[] = []
  const heads = new Map<string, number>()
  let time = 0

  async function send(client: number, append: Append): Promise<AppendOutcome> {
    const record = recordOf(client, ++time, append)
    records.push(record)
    options.noted?.(record)
    const outcome = await options.append(append)
    record.ended = { at: ++time, outcome }
    options.noted?.(record)
    if (outcome.kind === 'appended') {
      for (const [at, { name }] of append.streams.entries()) {
        const revision = outcome.revisions[at] ?? -1
        if (revision >= 0) heads.set(name, revision)
      }
    } else {
      for (const { stream, actual } of outcome.violations) {
        if (typeof actual === 'number') heads.set(stream, actual)
      }
    }
    return outcome
  }

  async function run(client: number): Promise<void> {
    const random = seededRandom(options.seed * 1_000 + client)
    while (options.isGoing()) {
      const append = chooseAppend(random, heads)
      await send(client, append)
      if (random() < 0.15) await send(client, append)
    }
  }

  await Promise.allSettled(Array.from({ length: options.clientCount }, (_, client) => run(client)))
  return records
}

function chooseAppend(random: () => number, heads: ReadonlyMap<string, number>): Append {
  const below = (count: number) => Math.floor(random() * count)
  const first = below(6)
  const names = [`s-${first}`]
  if (random() < 0.3) names.push(`s-${(first + 1 + below(5)) % 6}`)
  const streams = names.map((name) => ({ name, expected: expectation(random, heads.get(name)) }))
  const count = 1 + below(4)
  return {
    streams,
    events: Array.from({ length: count }, () => testEvent()),
    streamOf: Array.from({ length: count }, (_, at) => (at === 0 ? 0 : below(streams.length))),
  }
}

function expectation(random: () => number, head: number | undefined): Expected {
  const drawn = random()
  if (drawn < 0.6) return head ?? 'none'
  if (drawn < 0.9) return 'any'
  return drawn < 0.95 ? 'exists' : 'none'
}
