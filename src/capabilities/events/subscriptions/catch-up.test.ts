import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendTo, testEvent } from '../engines/testing/requests.ts'
import { openTestStore } from '../testing/open-store.ts'
import { runClients } from '../testing/clients.ts'
import { catchUp, type CatchUpOptions, type SubscriptionMessage } from './catch-up.ts'
import { TAIL_EVENTS_MAX } from './tail.ts'

const ALL = { kind: 'all', filter: undefined } as const

async function take(
  messages: AsyncGenerator<SubscriptionMessage>,
  isDone: (seen: readonly SubscriptionMessage[]) => boolean,
): Promise<SubscriptionMessage[]> {
  const seen: SubscriptionMessage[] = []
  while (!isDone(seen)) {
    const { value, done } = await messages.next()
    if (done === true) break
    seen.push(value)
  }
  return seen
}

const positionsOf = (messages: readonly SubscriptionMessage[]) =>
  messages.flatMap((one) => (one.kind === 'events' ? one.events.map((e) => e.position) : []))

test('the past, then that it is caught up, then what is committed, without a gap or a repeat', async (t) => {
  const { store, tail } = await openTestStore(t)
  const put = (stream: string, count = 1) =>
    store.append(
      appendTo(
        stream,
        'any',
        Array.from({ length: count }, () => testEvent()),
      ),
    )
  await put('a-1', 700)
  const stop = new AbortController()
  const options: Omit<CatchUpOptions, 'source'> = { from: 0, signal: stop.signal }
  const all = catchUp(store, tail, { source: ALL, ...options })
  const one = catchUp(store, tail, { source: { kind: 'stream', name: 'b-1' }, ...options })
  const first = await take(all, (seen) => seen.at(-1)?.kind === 'caught-up')
  assert.deepEqual(positionsOf(first), [...Array(700).keys()])
  assert.deepEqual(first.at(-1), { kind: 'caught-up', position: 699 })
  await take(one, (seen) => seen.at(-1)?.kind === 'caught-up')
  const more = take(all, (seen) => positionsOf(seen).length >= 5)
  const ofOne = take(one, (seen) => positionsOf(seen).length >= 3)
  await Promise.all([put('b-1', 2), put('a-1', 2), put('b-1', 1)])
  assert.deepEqual(positionsOf(await more), [700, 701, 702, 703, 704])
  assert.deepEqual(positionsOf(await ofOne), [700, 701, 704])
  stop.abort()
  assert.deepEqual(await take(all, () => false), [])
})

test('filters give what fits and say how far they looked', async (t) => {
  const { store, tail } = await openTestStore(t)
  for (let n = 0; n < 30; n++) {
    const type = n % 10 === 0 ? 'rare' : 'common'
    await store.append(appendTo('s-1', 'any', [testEvent({ type })]))
  }
  const stop = new AbortController()
  const filter = { on: 'type', prefixes: ['rare'], expression: '' } as const
  const source = { kind: 'all', filter } as const
  const options = { source, from: 0, checkpointEvery: 7, signal: stop.signal }
  const messages = catchUp(store, tail, options)
  const seen = await take(messages, (all) => all.at(-1)?.kind === 'caught-up')
  assert.deepEqual(positionsOf(seen), [0, 10, 20])
  const checkpoints = seen.flatMap((one) => (one.kind === 'checkpoint' ? [one.position] : []))
  assert.deepEqual(checkpoints, [6, 13, 20, 27, 29])
  const next = take(messages, (all) => all.at(-1)?.kind === 'checkpoint')
  const common = Array.from({ length: 8 }, () => testEvent())
  await store.append(appendTo('s-1', 'any', common))
  assert.deepEqual(await next, [{ kind: 'checkpoint', position: 37 }])
  stop.abort()
})

test('whoever does not read for long has fallen behind, is told, and misses nothing', async (t) => {
  const { store, tail } = await openTestStore(t)
  const stop = new AbortController()
  const messages = catchUp(store, tail, { source: ALL, from: 0, signal: stop.signal })
  // Another one follows, so that the events pass through memory.
  const other = catchUp(store, tail, { source: ALL, from: 'end', signal: stop.signal })
  await take(messages, (seen) => seen.at(-1)?.kind === 'caught-up')
  const following = take(other, (seen) => positionsOf(seen).length >= TAIL_EVENTS_MAX * 2)
  const events = () => Array.from({ length: TAIL_EVENTS_MAX / 2 }, () => testEvent())
  for (let n = 0; n < 4; n++) await store.append(appendTo('s-1', 'any', events()))
  await following
  const seen = await take(messages, (all) => all.at(-1)?.kind === 'caught-up')
  assert.deepEqual(positionsOf(seen), [...Array(TAIL_EVENTS_MAX * 2).keys()])
  assert.ok(seen.some(({ kind }) => kind === 'fell-behind'))
  stop.abort()
})

test('a stream that is over for ever ends its subscription with an error', async (t) => {
  const { store, tail } = await openTestStore(t)
  await store.append(appendTo('s-1', 'any', [testEvent()]))
  const stop = new AbortController()
  const source = { kind: 'stream', name: 's-1' } as const
  const options = { source, from: 0, signal: stop.signal } as const
  const messages = catchUp(store, tail, options)
  await take(messages, (seen) => seen.at(-1)?.kind === 'caught-up')
  const rest = take(messages, () => false)
  await store.remove({ stream: 's-1', expected: 'any', isForEver: true })
  await assert.rejects(rest, { code: 'ERR_EVENTS_STREAM_DELETED' })
  await assert.rejects(
    take(catchUp(store, tail, options), () => false),
    { code: 'ERR_EVENTS_STREAM_DELETED' },
  )
})

test('while many write, what each subscriber has is a beginning of all events', async (t) => {
  const { store, tail } = await openTestStore(t)
  const stop = new AbortController()
  const seen = Array.from({ length: 5 }, async (_, at) => {
    const positions: number[] = []
    const from = at === 4 ? 'end' : 0
    for await (const message of catchUp(store, tail, { source: ALL, from, signal: stop.signal })) {
      if (message.kind !== 'events') continue
      positions.push(...message.events.map(({ position }) => position))
      if (message.events.some(({ stream }) => stream === 'end-1')) break
    }
    return positions
  })
  let left = 600
  const seed = Math.floor(Math.random() * 1e6)
  t.diagnostic(`seed ${seed}`)
  await runClients({
    seed,
    clientCount: 6,
    append: (append) => store.append(append),
    isGoing: () => left-- > 0,
  })
  await store.append(appendTo('end-1', 'any', [testEvent()]))
  for (const positions of await Promise.all(seen)) {
    const first = positions[0] ?? 0
    assert.deepEqual(
      positions,
      Array.from(positions, (_, at) => first + at),
    )
    assert.equal(positions.at(-1), store.engine.end() - 1)
  }
  stop.abort()
})
