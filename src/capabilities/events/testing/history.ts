import type { Append, AppendOutcome, Expected } from '../model.ts'

/** One append of a client in a history. Times are places in one order of everything that was seen. */
export interface HistoryRecord {
  readonly client: number
  readonly invokedAt: number
  /** Undefined: nobody knows what became of it. */
  ended: { readonly at: number; readonly outcome: AppendOutcome } | undefined
  readonly streams: readonly { readonly name: string; readonly expected: Expected }[]
  readonly ids: readonly string[]
  readonly streamOf: readonly number[]
}

/** An event as the store gives it at the end. */
export interface LoggedEvent {
  readonly position: number
  readonly stream: string
  readonly revision: number
  readonly id: string
}

/** What a history says of an append that is sent now. */
export function recordOf(client: number, invokedAt: number, append: Append): HistoryRecord {
  const { streams, events, streamOf } = append
  return { client, invokedAt, ended: undefined, streams, ids: events.map(({ id }) => id), streamOf }
}

/**
 * Every way in which the history and the log disagree, as sentences; none where all is well. Rules 1 to 6 and 8 of an event store: revisions without a hole,
 * each acknowledged append there once and in order, real time kept, one winner an expectation, repeats answered alike, all or nothing, nothing lost.
 */
export function checkHistory(
  records: readonly HistoryRecord[],
  log: readonly LoggedEvent[],
): readonly string[] {
  const place = new Map(log.map((event) => [event.id, event]))
  return [
    ...checkLog(log),
    ...records.flatMap((record) => [...checkAnswer(record, place)]),
    ...checkRealTime(records),
    ...checkWinners(records, place),
    ...checkRepeats(records),
  ]
}

function* checkLog(log: readonly LoggedEvent[]): Generator<string> {
  const next = new Map<string, number>()
  const seen = new Set<string>()
  for (const [at, { position, stream, revision, id }] of log.entries()) {
    if (position !== at) yield `position ${position} stands where ${at} should`
    const expected = next.get(stream) ?? 0
    if (revision !== expected) yield `${stream} has ${revision} where ${expected} should be`
    next.set(stream, revision + 1)
    if (seen.has(id)) yield `the event ${id} is there twice`
    seen.add(id)
  }
}

/** Acknowledged: everything is there, at the revisions and the position that were said. Never half. */
function* checkAnswer(
  { ids, streams, streamOf, ended }: HistoryRecord,
  place: ReadonlyMap<string, LoggedEvent>,
): Generator<string> {
  const found = ids.map((id) => place.get(id))
  const count = found.filter((event) => event !== undefined).length
  if (count !== 0 && count !== ids.length) yield `${count} of ${ids.length} events of ${ids[0]}`
  const positions = found.map((event) => event?.position ?? -1)
  if (count > 0 && positions.some((position, at) => position !== (positions[0] ?? 0) + at)) {
    yield `the events of ${ids[0]} do not stand together: ${positions.join()}`
  }
  if (ended?.outcome.kind !== 'appended' || ids.length === 0) return
  const { position, revisions } = ended.outcome
  if (count !== ids.length) yield `the acknowledged append of ${ids[0]} is lost`
  if (positions.at(-1) !== position) yield `${ids[0]} was said to end at ${position}`
  for (const [at, { name }] of streams.entries()) {
    const last = streamOf.lastIndexOf(at)
    const event = last < 0 ? undefined : found[last]
    if (event !== undefined && (event.revision !== revisions[at] || event.stream !== name)) {
      yield `${event.id} was said to be ${revisions[at]}@${name}, and is ${event.revision}@${event.stream}`
    }
  }
}

/** What was acknowledged before another was sent stands before it. */
function* checkRealTime(records: readonly HistoryRecord[]): Generator<string> {
  const appended = records.flatMap(({ ended, invokedAt, ids }) =>
    ended?.outcome.kind === 'appended' && ids.length > 0 && !ended.outcome.isRepeated
      ? [{ invokedAt, endedAt: ended.at, position: ended.outcome.position }]
      : [],
  )
  const byEnd = appended.toSorted((a, b) => a.endedAt - b.endedAt)
  let highest = -1
  let at = 0
  for (const { invokedAt, position } of appended.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
    for (let one = byEnd[at]; one !== undefined && one.endedAt < invokedAt; one = byEnd[++at]) {
      highest = Math.max(highest, one.position)
    }
    if (position <= highest) yield `${position} came after ${highest} and stands before it`
  }
}

/** One winner an exact expectation; a loser is told of a revision that was the last one at some time between question and answer. */
function* checkWinners(
  records: readonly HistoryRecord[],
  place: ReadonlyMap<string, LoggedEvent>,
): Generator<string> {
  const winners = new Map<string, string>()
  const acknowledged = new Map<string, number>()
  const invoked = new Map<string, number>()
  for (const { ids, streams, streamOf, ended, invokedAt } of records) {
    for (const [at, id] of ids.entries()) {
      const event = place.get(id)
      if (event === undefined) continue
      const key = `${event.revision}@${event.stream}`
      if (ended !== undefined) {
        acknowledged.set(key, Math.min(ended.at, acknowledged.get(key) ?? Infinity))
      }
      invoked.set(key, Math.min(invokedAt, invoked.get(key) ?? Infinity))
      const { name, expected } = streams[streamOf[at] ?? 0] ?? { name: '', expected: 'any' }
      const isFirst = streamOf.indexOf(streamOf[at] ?? 0) === at
      if (typeof expected !== 'number' || !isFirst) continue
      const won = winners.get(`${expected}@${name}`)
      if (won !== undefined && won !== id) yield `${won} and ${id} both won ${expected}@${name}`
      winners.set(`${expected}@${name}`, id)
      if (event.revision !== expected + 1) yield `${id} expected ${expected}, is ${event.revision}`
    }
  }
  for (const { ended, invokedAt } of records) {
    if (ended?.outcome.kind !== 'conflict') continue
    for (const { stream, actual } of ended.outcome.violations) {
      if (actual === 'deleted' || actual === 'tombstoned') continue
      const last = actual === 'none' ? -1 : actual
      const next = acknowledged.get(`${last + 1}@${stream}`) ?? Infinity
      if (next < invokedAt) yield `a loser was told of ${actual}@${stream}, which was over by then`
      const began = last < 0 ? 0 : (invoked.get(`${last}@${stream}`) ?? Infinity)
      if (began > ended.at) yield `a loser was told of ${actual}@${stream}, which was not there yet`
    }
  }
}

/** The same events with the same expectation have one answer. */
function* checkRepeats(records: readonly HistoryRecord[]): Generator<string> {
  const answers = new Map<string, string>()
  for (const { ids, streams, ended } of records) {
    if (ended?.outcome.kind !== 'appended' || ids.length === 0) continue
    const { position, revisions } = ended.outcome
    const key = JSON.stringify([streams, ids])
    const answer = JSON.stringify([position, revisions])
    const before = answers.get(key)
    if (before !== undefined && before !== answer) yield `${key}: ${before}, then ${answer}`
    answers.set(key, answer)
  }
}
