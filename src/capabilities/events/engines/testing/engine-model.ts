import fc from 'fast-check'
import {
  metadataStreamOf,
  METADATA_TYPE,
  TOMBSTONE_TYPE,
  type Append,
  type AppendOutcome,
  type Deletion,
  type Expected,
  type StreamHead,
  type Violation,
} from '../../model.ts'
import { testEvent } from './requests.ts'

/** What is asked of an engine. */
export type Operation =
  | { readonly kind: 'append'; readonly append: Append }
  | { readonly kind: 'remove'; readonly deletion: Deletion }

interface ModelEvent {
  readonly stream: string
  readonly revision: number
  readonly type: string
  readonly id: string
}

interface ModelStream {
  events: ModelEvent[]
  state: 'there' | 'deleted' | 'tombstoned'
  first: number
}

/** The obvious store: lists in memory. */
export interface Model {
  readonly all: ModelEvent[]
  readonly streams: Map<string, ModelStream>
}

export function createModel(): Model {
  return { all: [], streams: new Map() }
}

const names = fc.constantFrom('a-1', 'a-2', 'b')
const expectation: fc.Arbitrary<Expected> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Expected>('any') },
  { weight: 1, arbitrary: fc.constantFrom<Expected>('none', 'exists') },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 6 }) },
)
const ids = fc
  .integer({ min: 0, max: 15 })
  .map((n) => `00000000-0000-4000-8000-0000000000${n.toString(16).padStart(2, '0')}`)

/** Few streams and few ids, so that they meet. */
export const appendArbitrary: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        streams: fc.uniqueArray(fc.record({ name: names, expected: expectation }), {
          minLength: 1,
          maxLength: 3,
          selector: ({ name }) => name,
        }),
        events: fc.array(fc.tuple(ids, fc.nat(2)), { maxLength: 4 }),
      })
      .map(({ streams, events }) => ({
        kind: 'append' as const,
        append: {
          streams,
          events: events.map(([id]) => testEvent({ id })),
          streamOf: events.map(([, at]) => at % streams.length),
        },
      })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ stream: names, expected: expectation, isForEver: fc.boolean() })
      .map((deletion) => ({ kind: 'remove' as const, deletion })),
  },
)

/** Does it to the model. */
export function applyToModel(model: Model, operation: Operation): AppendOutcome {
  return operation.kind === 'append'
    ? append(model, operation.append)
    : remove(model, operation.deletion)
}

function append(model: Model, { streams, events, streamOf }: Append): AppendOutcome {
  const states = streams.map(({ name }) => streamOfName(model, name))
  const violations = streams.flatMap(({ name, expected }, at): Violation[] => {
    const stream = states[at]!
    return holds(expected, stream, streamOf.includes(at))
      ? []
      : [{ stream: name, expected, actual: headOf(stream) }]
  })
  const repeated = findRepeated(model, { streams, events, streamOf }, violations.length > 0)
  if (repeated !== undefined) return repeated
  const [first, ...others] = violations
  if (first !== undefined) return { kind: 'conflict', violations: [first, ...others] }
  for (const at of new Set(streamOf)) reopen(model, streams[at]!.name)
  for (const [at, { id, type }] of events.entries()) {
    store(model, streams[streamOf[at]!]!.name, type, id)
  }
  const position = events.length === 0 ? -1 : model.all.length - 1
  const revisions = states.map((stream, at) =>
    events.length === 0 || streamOf.includes(at) ? stream.events.length - 1 : -1,
  )
  return { kind: 'appended', position, revisions, isRepeated: false }
}

function findRepeated(
  model: Model,
  { streams, events, streamOf }: Append,
  isRefused: boolean,
): AppendOutcome | undefined {
  if (events.length === 0) return undefined
  const next = new Map<number, number>()
  let position = -1
  for (const [n, { id }] of events.entries()) {
    const at = streamOf[n]!
    const { name, expected } = streams[at]!
    const stream = streamOfName(model, name)
    const isExact = typeof expected === 'number' || expected === 'none'
    if (isExact && !isRefused) return undefined
    const first =
      typeof expected === 'number'
        ? expected + 1
        : expected === 'none'
          ? stream.first
          : stream.events.findLastIndex((event) => event.id === id)
    const revision = next.get(at) ?? first
    const found = stream.events[revision]
    if (found?.id !== id) return undefined
    next.set(at, revision + 1)
    position = Math.max(position, model.all.indexOf(found))
  }
  const revisions = streams.map((_, at) => (next.get(at) ?? 0) - 1)
  return { kind: 'appended', position, revisions, isRepeated: true }
}

function remove(model: Model, { stream: name, expected, isForEver }: Deletion): AppendOutcome {
  const stream = streamOfName(model, name)
  const isOver = !isForEver && stream.state === 'deleted'
  if (isOver || !holds(expected, stream, true)) {
    return { kind: 'conflict', violations: [{ stream: name, expected, actual: headOf(stream) }] }
  }
  if (isForEver) {
    reopen(model, name)
    store(model, name, TOMBSTONE_TYPE, 'system')
    stream.state = 'tombstoned'
    stream.first = stream.events.length - 1
  } else {
    store(model, metadataStreamOf(name), METADATA_TYPE, 'system')
    stream.state = 'deleted'
    stream.first = stream.events.length
  }
  const revisions = [stream.events.length - 1]
  return { kind: 'appended', position: model.all.length - 1, revisions, isRepeated: false }
}

function reopen(model: Model, name: string): void {
  const stream = streamOfName(model, name)
  if (stream.state !== 'deleted') return
  store(model, metadataStreamOf(name), METADATA_TYPE, 'system')
  stream.state = 'there'
}

function store(model: Model, name: string, type: string, id: string): void {
  const stream = streamOfName(model, name)
  const event = { stream: name, revision: stream.events.length, type, id }
  stream.events.push(event)
  model.all.push(event)
}

function streamOfName(model: Model, name: string): ModelStream {
  const found = model.streams.get(name)
  if (found !== undefined) return found
  const made: ModelStream = { events: [], state: 'there', first: 0 }
  model.streams.set(name, made)
  return made
}

function headOf({ state, events }: ModelStream): StreamHead {
  if (state !== 'there') return state
  return events.length === 0 ? 'none' : events.length - 1
}

function holds(expected: Expected, stream: ModelStream, isWritten: boolean): boolean {
  const { state, events } = stream
  if (state === 'tombstoned') return expected === 'any' && !isWritten
  if (expected === 'any') return true
  if (expected === 'none') return events.length === 0 || state === 'deleted'
  if (expected === 'exists') return events.length > 0 && state === 'there'
  return events.length - 1 === expected
}
