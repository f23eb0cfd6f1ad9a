// The official clients, by their package's name: everything that they offer for streams and persistent subscriptions. `kurrent.mjs PACKAGE HOST:PORT`.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { load } from './load.mjs'

const [name, address] = process.argv.slice(2)
const lib = load(name)
const Client = lib.KurrentDBClient ?? lib.EventStoreDBClient
const scheme = lib.KurrentDBClient ? 'kurrentdb' : 'esdb'
const client = Client.connectionString(`${scheme}://${address}?tls=false`)
const { jsonEvent, binaryEvent, START, END, FORWARDS, BACKWARDS, ANY, NO_STREAM, STREAM_EXISTS } =
  lib
const event = (n, type = 'counted') =>
  jsonEvent({ type, data: { n }, metadata: { $correlationId: 'c1' } })
// The older client and the newer one call it differently.
const expecting = (state) => ({ expectedRevision: state, streamState: state })
const stream = () => `order-${randomUUID()}`
const all = async (read) => {
  const found = []
  for await (const one of read) found.push(one)
  return found
}
const take = async (subscription, count) => {
  const found = []
  for await (const one of subscription) {
    found.push(one)
    if (found.length === count) break
  }
  return found
}

const steps = {
  async appends() {
    const s = stream()
    const first = await client.appendToStream(s, [event(1), event(2)], expecting(NO_STREAM))
    assert.equal(first.nextExpectedRevision, 1n)
    assert.ok(first.success && first.position.commit >= 1n)
    await client.appendToStream(s, event(3), expecting(1n))
    await client.appendToStream(s, event(4), expecting(STREAM_EXISTS))
    await client.appendToStream(s, event(5), expecting(ANY))
    for (const expectedRevision of [NO_STREAM, 1n]) {
      await assert.rejects(
        client.appendToStream(s, event(6), expecting(expectedRevision)),
        (error) => {
          assert.equal(error.type, 'wrong-expected-version')
          assert.equal(error.actualVersion ?? error.currentState ?? error.actualState, 4n)
          return true
        },
      )
    }
    await assert.rejects(client.appendToStream(stream(), event(1), expecting(STREAM_EXISTS)), {
      type: 'wrong-expected-version',
    })
    const same = [event(7)]
    const [a, b] = [
      await client.appendToStream(s, same, expecting(4n)),
      await client.appendToStream(s, same, expecting(4n)),
    ]
    assert.deepEqual(a.position, b.position)
    // Credentials of a call take the other way: one call an append.
    const single = await client.appendToStream(s, [event(8), event(9)], {
      credentials: { username: 'u', password: 'p' },
    })
    assert.equal(single.nextExpectedRevision, 7n)
    await assert.rejects(
      client.appendToStream(s, event(1), {
        ...expecting(3n),
        credentials: { username: 'u', password: 'p' },
      }),
      { type: 'wrong-expected-version' },
    )
    const large = Array.from({ length: 3_000 }, (_, n) => event(n))
    const batch = await client.appendToStream(stream(), large, { batchAppendSize: 20_000 })
    assert.equal(batch.nextExpectedRevision, 2_999n)
  },
  async reads() {
    const s = stream()
    await client.appendToStream(
      s,
      [1, 2, 3, 4, 5].map((n) => event(n)),
    )
    await client.appendToStream(s, binaryEvent({ type: 'raw', data: Buffer.from([0, 255]) }))
    const forwards = await all(client.readStream(s, { fromRevision: START, direction: FORWARDS }))
    assert.deepEqual(
      forwards.map(({ event: one }) => [one.revision, one.type]),
      [0n, 1n, 2n, 3n, 4n].map((n) => [n, 'counted']).concat([[5n, 'raw']]),
    )
    assert.deepEqual(forwards[0].event.data, { n: 1 })
    assert.deepEqual(forwards[0].event.metadata, { $correlationId: 'c1' })
    assert.deepEqual([...forwards[5].event.data], [0, 255])
    assert.ok(Math.abs(Date.now() - new Date(forwards[0].event.created).getTime()) < 60_000)
    const back = await all(
      client.readStream(s, { direction: BACKWARDS, fromRevision: END, maxCount: 2 }),
    )
    assert.deepEqual(
      back.map(({ event: one }) => one.revision),
      [5n, 4n],
    )
    const part = await all(client.readStream(s, { fromRevision: 3n, maxCount: 2 }))
    assert.deepEqual(
      part.map(({ event: one }) => one.revision),
      [3n, 4n],
    )
    await assert.rejects(all(client.readStream(stream())), { type: 'stream-not-found' })
    const everything = await all(
      client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 3 }),
    )
    assert.equal(everything.length, 3)
    const { position } = everything[2].event
    const again = await all(client.readAll({ fromPosition: position, maxCount: 3 }))
    assert.deepEqual(
      again.map(({ event: one }) => one.id),
      everything.map(({ event: one }) => one.id).toReversed(),
    )
  },
  async indexes() {
    const category = `c${randomUUID().slice(0, 8)}`
    for (const n of [1, 2, 3])
      await client.appendToStream(`${category}-${n}`, event(n, `t-${category}`))
    for (const index of [`$ce-${category}`, `$et-t-${category}`]) {
      const found = await all(client.readStream(index, { resolveLinkTos: true }))
      assert.deepEqual(
        found.map(({ event: one }) => one.data.n),
        [1, 2, 3],
      )
      assert.equal(found[0].link.streamId, index)
      const links = await all(client.readStream(index, { resolveLinkTos: false }))
      assert.equal(links[0].event.type, '$>')
    }
  },
  async metadata() {
    const s = stream()
    await client.appendToStream(
      s,
      [1, 2, 3, 4].map((n) => event(n)),
    )
    assert.equal((await client.getStreamMetadata(s)).metadata, undefined)
    await client.setStreamMetadata(s, { maxCount: 2, customThing: 'yes' })
    const { metadata } = await client.getStreamMetadata(s)
    assert.equal(metadata.maxCount, 2)
    assert.equal(metadata.customThing, 'yes')
    assert.deepEqual(
      (await all(client.readStream(s))).map(({ event: one }) => one.revision),
      [2n, 3n],
    )
    await client.setStreamMetadata(s, { truncateBefore: 3 }, expecting(0n))
    assert.equal((await all(client.readStream(s))).length, 1)
  },
  async deletions() {
    const s = stream()
    await client.appendToStream(s, [event(1), event(2)])
    await assert.rejects(client.deleteStream(s, expecting(7n)), { type: 'wrong-expected-version' })
    const { position } = await client.deleteStream(s)
    assert.ok(position.commit > 0n)
    await assert.rejects(all(client.readStream(s)), { type: 'stream-not-found' })
    const again = await client.appendToStream(s, event(3), expecting(NO_STREAM))
    assert.equal(again.nextExpectedRevision, 2n)
    assert.deepEqual(
      (await all(client.readStream(s))).map(({ event: one }) => one.revision),
      [2n],
    )
    await client.tombstoneStream(s)
    await assert.rejects(all(client.readStream(s)), { type: 'stream-deleted' })
    await assert.rejects(client.appendToStream(s, event(4)), { type: 'stream-deleted' })
  },
  async subscriptions() {
    const s = stream()
    await client.appendToStream(s, [event(1), event(2)])
    const subscription = client.subscribeToStream(s)
    const caughtUp = new Promise((resolve) => subscription.on('caughtUp', resolve))
    const taken = take(subscription, 4)
    await caughtUp
    await client.appendToStream(s, [event(3), event(4)])
    assert.deepEqual(
      (await taken).map(({ event: one }) => one.revision),
      [0n, 1n, 2n, 3n],
    )
    await subscription.unsubscribe()
    const from = client.subscribeToStream(s, { fromRevision: 1n })
    assert.deepEqual(
      (await take(from, 2)).map(({ event: one }) => one.revision),
      [2n, 3n],
    )
    await from.unsubscribe()
    const end = client.subscribeToAll({ fromPosition: END })
    const next = take(end, 1)
    await new Promise((resolve) => end.on('confirmation', resolve))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const { position } = await client.appendToStream(s, event(5))
    assert.equal((await next)[0].event.position.commit, position.commit)
    await end.unsubscribe()
  },
  async filters() {
    const type = `rare${randomUUID().slice(0, 8)}`
    const s = stream()
    for (let n = 0; n < 60; n++)
      await client.appendToStream(s, event(n, n % 20 === 0 ? type : 'common'))
    const { eventTypeFilter, streamNameFilter } = lib
    let checkpoints = 0
    const prefixed = client.subscribeToAll({
      filter: eventTypeFilter({
        prefixes: [type],
        checkpointInterval: 1,
        checkpointReached: () => checkpoints++,
      }),
    })
    assert.deepEqual(
      (await take(prefixed, 3)).map(({ event: one }) => one.data.n),
      [0, 20, 40],
    )
    await prefixed.unsubscribe()
    assert.ok(checkpoints > 0)
    const matched = client.subscribeToAll({ filter: streamNameFilter({ regex: `^${s}$` }) })
    assert.equal((await take(matched, 60)).length, 60)
    await matched.unsubscribe()
  },
  async groups() {
    const { persistentSubscriptionToStreamSettingsFromDefaults: settings } = lib
    const [s, group] = [stream(), 'workers']
    await client.appendToStream(
      s,
      [1, 2, 3, 4, 5].map((n) => event(n)),
    )
    await client.createPersistentSubscriptionToStream(
      s,
      group,
      settings({ startFrom: START, maxRetryCount: 2 }),
    )
    await assert.rejects(client.createPersistentSubscriptionToStream(s, group, settings()), {
      type: 'persistent-subscription-exists',
    })
    const subscription = client.subscribeToPersistentSubscriptionToStream(s, group, {
      bufferSize: 10,
    })
    const actions = ['ack', 'park', 'skip', 'retry']
    const seen = []
    for await (const resolved of subscription) {
      const { n } = resolved.event.data
      seen.push([n, resolved.retryCount])
      const action = actions[n - 1] ?? 'ack'
      if (action === 'ack' || resolved.retryCount > 0) await subscription.ack(resolved)
      else await subscription.nack(action, `because ${n}`, resolved)
      if (seen.length === 6) break
    }
    assert.deepEqual(
      seen.toSorted(([a, x], [b, y]) => a - b || x - y),
      [
        [1, 0],
        [2, 0],
        [3, 0],
        [4, 0],
        [4, 1],
        [5, 0],
      ],
    )
    const parked = async () => {
      const { stats } = await client.getPersistentSubscriptionToStreamInfo(s, group)
      return Number(stats.parkedMessageCount)
    }
    for (let n = 0; n < 100 && (await parked()) !== 1; n++)
      await new Promise((r) => setTimeout(r, 20))
    assert.equal(await parked(), 1)
    const again = client.subscribeToPersistentSubscriptionToStream(s, group)
    await client.replayParkedMessagesToStream(s, group)
    const [replayed] = await take(again, 1)
    assert.equal(replayed.event.data.n, 2)
    await again.ack(replayed)
    const info = await client.getPersistentSubscriptionToStreamInfo(s, group)
    assert.equal(info.eventSource, s)
    assert.equal(info.settings.maxRetryCount, 2)
    const listed = await client.listPersistentSubscriptionsToStream(s)
    assert.deepEqual(
      listed.map(({ groupName }) => groupName),
      [group],
    )
    assert.ok((await client.listAllPersistentSubscriptions()).length > 0)
    await client.updatePersistentSubscriptionToStream(s, group, settings({ maxRetryCount: 5 }))
    const updated = await client.getPersistentSubscriptionToStreamInfo(s, group)
    assert.equal(updated.settings.maxRetryCount, 5)
    await client.deletePersistentSubscriptionToStream(s, group)
    await assert.rejects(client.getPersistentSubscriptionToStreamInfo(s, group), {
      type: 'persistent-subscription-does-not-exist',
    })
    await assert.rejects(client.deletePersistentSubscriptionToStream(s, 'none'), {
      type: 'persistent-subscription-does-not-exist',
    })
    await client.restartPersistentSubscriptionSubsystem()
  },
  async groupOfAll() {
    const { persistentSubscriptionToAllSettingsFromDefaults: settings, eventTypeFilter } = lib
    const type = `g${randomUUID().slice(0, 8)}`
    const group = `all-${type}`
    await client.createPersistentSubscriptionToAll(group, settings({ startFrom: START }), {
      filter: eventTypeFilter({ prefixes: [type] }),
    })
    await client.appendToStream(stream(), [event(1, type), event(2), event(3, type)])
    const subscription = client.subscribeToPersistentSubscriptionToAll(group)
    const found = await take(subscription, 2)
    assert.deepEqual(
      found.map(({ event: one }) => one.data.n),
      [1, 3],
    )
    await client.deletePersistentSubscriptionToAll(group)
  },
  async discovery() {
    const found = Client.connectionString(`${scheme}+discover://${address}?tls=false`)
    const { success } = await found.appendToStream(stream(), event(1))
    assert.ok(success)
    await found.dispose?.()
  },
  async several() {
    if (client.multiStreamAppend === undefined) return
    const [a, b] = [stream(), stream()]
    const plain = (n) =>
      jsonEvent({ type: 'counted', data: { n }, metadata: { by: 'test', n: String(n) } })
    const done = await client.multiStreamAppend([
      { streamName: a, expectedState: NO_STREAM, events: [plain(1), plain(2)] },
      { streamName: b, expectedState: ANY, events: [plain(3)] },
    ])
    assert.ok(done.position >= 0n)
    assert.equal((await all(client.readStream(a))).length, 2)
    assert.deepEqual((await all(client.readStream(b)))[0].event.metadata, { by: 'test', n: '3' })
    await assert.rejects(
      client.multiStreamAppend([
        { streamName: a, expectedState: NO_STREAM, events: [plain(1)] },
        { streamName: b, expectedState: ANY, events: [plain(3)] },
      ]),
      { type: 'wrong-expected-version' },
    )
    assert.equal((await all(client.readStream(b))).length, 1)
    if (client.appendRecords === undefined) return
    const records = () => [a, b, a].map((streamName, n) => ({ streamName, record: plain(n) }))
    const check = (expectedState) => ({ type: 'streamState', streamName: b, expectedState })
    await client.appendRecords(records(), [check(0n)])
    await assert.rejects(client.appendRecords(records(), [check(0n)]), {
      type: 'append-consistency-violation',
    })
  },
}

const only = process.argv[4]
for (const [step, run] of Object.entries(steps)) {
  if (only !== undefined && step !== only) continue
  try {
    await run()
  } catch (error) {
    console.error(`${name}: ${step}`)
    throw error
  }
}
await client.dispose?.()
process.stdout.write('done')
process.exit(0)
