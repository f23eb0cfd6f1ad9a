import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { appendTo, testEvent } from '../../engines/testing/requests.ts'
import { openTestStore } from '../../testing/open-store.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { Group } from './group.ts'
import { GROUP_DEFAULTS, type Delivery, type GroupSettings } from './group-model.ts'
import { Groups } from './group-registry.ts'

async function open(t: TestContext, given: Partial<GroupSettings> = {}, stream = '$ce-s') {
  const clock = manualClock()
  const { store, tail } = await openTestStore(t, clock)
  const groups = await Groups.open({ store, tail, log: () => {} })
  t.after(() => groups.close())
  const settings = { ...GROUP_DEFAULTS, startFrom: 0, ...given }
  await groups.create({ stream, name: 'g', filter: undefined, settings })
  const group = groups.get(stream, 'g')
  const put = (name: string, count = 1) =>
    store.append(
      appendTo(
        name,
        'any',
        Array.from({ length: count }, () => testEvent()),
      ),
    )
  return { store, tail, groups, group, put, clock }
}

/** A consumer that keeps what it gets. */
async function join(group: Group, slots = 10, name = 'one') {
  const got: Delivery[] = []
  const drops: string[] = []
  let wake = () => {}
  const membership = await group.join({
    name,
    slots,
    push(delivery) {
      got.push(delivery)
      wake()
    },
    dropped: (reason) => void drops.push(reason),
  })
  const reach = async (count: number): Promise<void> => {
    while (got.length < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  const keys = () => got.map(({ event }) => `${event.revision}@${event.stream}`)
  return { ...membership, got, drops, reach, keys }
}

/** Waits until what the store was asked for has been answered. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

test('each event goes to one consumer, as many as it has room for, and the next one when one is acknowledged', async (t) => {
  const { group, put } = await open(t)
  await put('s-1', 6)
  const one = await join(group, 2)
  const two = await join(group, 2, 'two')
  await Promise.all([one.reach(2), two.reach(2)])
  const all = [...one.keys(), ...two.keys()].toSorted()
  assert.deepEqual(all, ['0@s-1', '1@s-1', '2@s-1', '3@s-1'])
  one.ack([one.got[0]?.id ?? ''])
  await one.reach(3)
  const view = await group.view()
  assert.deepEqual([view.inFlight, view.handled, view.lag > 0], [4, 1, true])
  two.leave()
  one.ack(one.got.slice(1).map(({ id }) => id))
  await until(async () => (await group.view()).inFlight === 2)
})

test('acks of what is not in flight are counted and change nothing', async (t) => {
  const { group, put } = await open(t)
  await put('s-1', 1)
  const one = await join(group)
  await one.reach(1)
  const id = one.got[0]?.id ?? ''
  one.ack([id, id])
  one.nack([id, '00000000-0000-4000-8000-000000000000'], 'retry', 'no')
  const view = await group.view()
  assert.deepEqual([view.unknownAnswers, view.handled, view.retried], [3, 1, 0])
})

test('retry with a back-off, then parked; a replay delivers it again', async (t) => {
  const { group, put, clock } = await open(t, { maxRetryCount: 2, retryDelayMs: 100 })
  await put('s-1', 1)
  const one = await join(group)
  const fail = (at: number) => one.nack([one.got[at]?.id ?? ''], 'retry', 'broken')
  await one.reach(1)
  fail(0)
  clock.move(99)
  assert.equal(one.got.length, 1)
  clock.move(1)
  await one.reach(2)
  fail(1)
  clock.move(200)
  await one.reach(3)
  assert.deepEqual(
    one.got.map(({ retryCount }) => retryCount),
    [0, 1, 2],
  )
  fail(2)
  await until(async () => (await group.view()).parked === 1)
  for await (const parked of group.parked(0)) {
    assert.deepEqual([parked.reason, parked.of], ['2 retries: broken', '0@s-1'])
  }
  await group.replayParked()
  await one.reach(4)
  one.ack([one.got[3]?.id ?? ''])
  await until(async () => (await group.view()).parked === 0)
})

test('park, skip and stop do what they say', async (t) => {
  const { group, put } = await open(t)
  await put('s-1', 3)
  const one = await join(group)
  await one.reach(3)
  const [a, b, c] = one.got.map(({ id }) => id)
  one.nack([a ?? ''], 'park', 'bad')
  one.nack([b ?? ''], 'skip', '')
  one.nack([c ?? ''], 'stop', '')
  assert.deepEqual(one.drops, ['stopped'])
  const two = await join(group, 10, 'two')
  await two.reach(1)
  assert.deepEqual(two.keys(), ['2@s-1'])
  await until(async () => (await group.view()).parked === 1)
})

test('a lease that ends goes to another consumer; so does everything of one that leaves', async (t) => {
  const { group, put, clock } = await open(t, { messageTimeoutMs: 1_000 })
  await put('s-1', 1)
  const one = await join(group, 1)
  await one.reach(1)
  const two = await join(group, 1, 'two')
  clock.move(1_300)
  await two.reach(1)
  assert.equal(two.got[0]?.retryCount, 1)
  one.ack([one.got[0]?.id ?? ''])
  assert.equal((await group.view()).handled, 0, 'it is no longer his')
  two.leave()
  await one.reach(2)
  assert.equal(one.got[1]?.retryCount, 1, 'nobody has said that it failed')
})

test('ordered: one event of a key at a time; a parked one holds back its key and no other, until it is replayed', async (t) => {
  const { group, put } = await open(t, { strategy: 'Ordered' })
  await put('s-1', 3)
  await put('s-2', 2)
  const one = await join(group)
  await one.reach(2)
  assert.deepEqual(one.keys(), ['0@s-1', '0@s-2'])
  const idOf = (key: string) => one.got[one.keys().lastIndexOf(key)]?.id ?? ''
  one.nack([idOf('0@s-1')], 'park', 'bad')
  one.ack([idOf('0@s-2')])
  await one.reach(3)
  one.ack([idOf('1@s-2')])
  await until(async () => (await group.view()).parked === 3)
  await put('s-1', 1)
  await until(async () => (await group.view()).parked === 4)
  assert.deepEqual(one.keys(), ['0@s-1', '0@s-2', '1@s-2'])
  await group.replayParked()
  for (const [at, key] of ['0@s-1', '1@s-1', '2@s-1', '3@s-1'].entries()) {
    await one.reach(4 + at)
    assert.equal(one.keys().at(-1), key)
    one.ack([idOf(key)])
  }
  await put('s-1', 1)
  await one.reach(8)
  assert.equal(one.keys().at(-1), '4@s-1')
  assert.equal((await group.view()).parked, 0)
})

test('ordered: a replayed event that fails again stays before what stands behind it', async (t) => {
  const { group, put } = await open(t, { strategy: 'Ordered', maxRetryCount: 0 })
  await put('s-1', 2)
  const one = await join(group)
  await one.reach(1)
  one.nack([one.got[0]?.id ?? ''], 'park', 'bad')
  await until(async () => (await group.view()).parked === 2)
  await group.replayParked()
  await one.reach(2)
  await put('s-1', 1)
  one.nack([one.got[1]?.id ?? ''], 'retry', 'bad again')
  await until(async () => (await group.view()).parked === 3)
  await group.replayParked()
  for (const [at, key] of ['0@s-1', '1@s-1', '2@s-1'].entries()) {
    await one.reach(3 + at)
    assert.equal(one.keys().at(-1), key)
    one.ack([one.got.at(-1)?.id ?? ''])
  }
})

test('after a restart it goes on where it was: what was acknowledged does not come again, what was not does', async (t) => {
  const { store, tail, groups, group, put } = await open(t)
  await put('s-1', 5)
  const one = await join(group)
  await one.reach(5)
  one.ack([0, 1, 3].map((at) => one.got[at]?.id ?? ''))
  await groups.close()
  const again = await Groups.open({ store, tail, log: () => {} })
  t.after(() => again.close())
  const two = await join(again.get('$ce-s', 'g'))
  await two.reach(2)
  assert.deepEqual(two.keys(), ['2@s-1', '4@s-1'])
})

test('pinned: a stream stays with its consumer, and goes to another when that one leaves', async (t) => {
  const { group, put } = await open(t, { strategy: 'Pinned' })
  const one = await join(group, 100)
  const two = await join(group, 100, 'two')
  for (let n = 0; n < 20; n++) await put(`s-${n % 10}`)
  await until(() => one.got.length + two.got.length === 20)
  const streams = [one, two].map(({ got }) => new Set(got.map(({ event }) => event.stream)))
  assert.ok(streams.every(({ size }) => size > 0))
  assert.equal(streams[0]?.isDisjointFrom(streams[1] ?? new Set()), true)
  two.leave()
  await until(() => one.got.length === 20)
})

test('groups are made once, found, changed, listed and deleted; full ones say so', async (t) => {
  const { groups, group, put } = await open(t, { maxSubscriberCount: 1 })
  const config = group.config
  await assert.rejects(groups.create(config), { code: 'ERR_EVENTS_GROUP_EXISTS' })
  assert.throws(() => groups.get('s', 'other'), { code: 'ERR_EVENTS_GROUP_UNKNOWN' })
  const one = await join(group)
  await assert.rejects(join(group), { code: 'ERR_EVENTS_GROUP_FULL' })
  const settings = { ...config.settings, maxSubscriberCount: 2 }
  await groups.update({ ...config, settings })
  await join(group, 1, 'two')
  assert.equal(groups.list().length, 1)
  await put('s-1', 1)
  await groups.delete('$ce-s', 'g')
  assert.deepEqual(one.drops, ['deleted'])
  assert.equal(groups.list('$ce-s').length, 0)
})

test('a consumer that never answers costs one buffer, however much is appended', async (t) => {
  const { group, put } = await open(t, { bufferSize: 20 })
  const one = await join(group, 3)
  await put('s-1', 500)
  await one.reach(3)
  await until(async () => {
    const { waiting, inFlight } = await group.view()
    return waiting + inFlight === 20
  })
  assert.equal(one.got.length, 3)
})

test('ordered: one that is held back does not let the next of its stream pass the one in flight', async (t) => {
  const { group, put } = await open(t, { strategy: 'Ordered', maxRetryCount: 0 })
  await put('s-1', 2)
  const one = await join(group)
  await one.reach(1)
  one.nack([one.got[0]?.id ?? ''], 'park', 'bad')
  await until(async () => (await group.view()).parked === 2)
  await group.replayParked()
  await one.reach(2)
  await put('s-1')
  // The third is parked behind it; the second still waits.
  await until(async () => {
    const { parked, waiting } = await group.view()
    return parked === 1 && waiting <= 1
  })
  assert.deepEqual(one.keys(), ['0@s-1', '0@s-1'])
  one.ack([one.got[1]?.id ?? ''])
  await one.reach(3)
  assert.deepEqual(one.keys(), ['0@s-1', '0@s-1', '1@s-1'])
})

test('a group that is made again after a kill in the middle of its deletion begins where it is told', async (t) => {
  const { groups, store, put, tail } = await open(t, {}, 's-1')
  await put('s-1', 3)
  const one = await join(groups.get('s-1', 'g'))
  await one.reach(3)
  one.ack(one.got.map(({ id }) => id))
  await groups.close()
  // What a kill leaves of a deletion: the group is gone, its own streams are not.
  const data = Buffer.from(JSON.stringify({ kind: 'deleted', stream: 's-1', name: 'g' }))
  const event = testEvent({ type: '$groupChanged', data })
  await store.engine.append(appendTo('$persistentSubscriptionConfig', 'any', [event]))
  const next = await Groups.open({ store, tail, log: () => {} })
  t.after(() => next.close())
  const settings = { ...GROUP_DEFAULTS, startFrom: 0 }
  await next.create({ stream: 's-1', name: 'g', filter: undefined, settings })
  assert.equal((await next.get('s-1', 'g').view()).checkpoint, 0)
})

test('a group whose own streams could have no name is refused, as is a filter that is none', async (t) => {
  const { groups, store } = await open(t)
  const settings = { ...GROUP_DEFAULTS, startFrom: 0 }
  const code = { code: 'ERR_EVENTS_INVALID' }
  for (const stream of ['', 's'.repeat(1_000), 's'.repeat(70_000)]) {
    await assert.rejects(groups.create({ stream, name: 'g', filter: undefined, settings }), code)
  }
  const filter = { on: 'type', prefixes: [], expression: '(' } as const
  await assert.rejects(groups.create({ stream: '$all', name: 'g', filter, settings }), {
    code: 'ERR_EVENTS_FILTER_INVALID',
  })
  await store.readPage({ source: { kind: 'all', filter: undefined }, from: 0, isBackwards: false })
})

test('what was read before the reading failed is not delivered twice when a consumer comes again', async (t) => {
  const { store, tail, group, put } = await open(t, {}, 's-1')
  await put('s-1', 3)
  const one = await join(group)
  await one.reach(3)
  one.ack([one.got[1]?.id ?? ''])
  const behind = t.mock.method(tail, 'from', () => undefined)
  const read = t.mock.method(store, 'readPage', () => Promise.reject(new Error('busy')))
  await put('s-1')
  await until(() => one.drops.length === 1)
  behind.mock.restore()
  read.mock.restore()
  const two = await join(group)
  await two.reach(3)
  two.ack(two.got.map(({ id }) => id))
  await until(async () => (await group.view()).checkpoint === 4)
  assert.deepEqual(two.keys(), ['0@s-1', '2@s-1', '3@s-1'])
})

test('nobody bounds the streams in which groups keep themselves', async (t) => {
  const { store } = await open(t)
  const data = Buffer.from('{"$maxCount":1}')
  for (const name of ['$$$persistentSubscriptionConfig', '$$$persistentsubscription-a::g-parked']) {
    const append = appendTo(name, 'any', [testEvent({ type: '$metadata', data })])
    await assert.rejects(store.append(append), { code: 'ERR_EVENTS_NAME_RESERVED' })
  }
})
