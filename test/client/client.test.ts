import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import {
  ConflictError,
  connectEvents,
  given,
  handleCommand,
  liveVersion,
  startProjection,
  type Decider,
  type DomainEvent,
} from '../../client/src/index.ts'
import { serveTestStore } from '../../src/capabilities/events/testing/serve.ts'

type OrderEvent = DomainEvent<'Placed', { amount: number }> | DomainEvent<'Cancelled', object>
type Command = { readonly do: 'place'; readonly amount: number } | { readonly do: 'cancel' }
type State = 'none' | 'placed' | 'cancelled'

const orders: Decider<Command, OrderEvent, State> = {
  initialState: () => 'none',
  evolve: (_, { type }) => (type === 'Placed' ? 'placed' : 'cancelled'),
  decide(command, state) {
    if (command.do === 'place') {
      if (state !== 'none') throw new Error('placed already')
      return [{ type: 'Placed', data: { amount: command.amount } }]
    }
    return state === 'placed' ? [{ type: 'Cancelled', data: {} }] : []
  },
}

async function open(t: TestContext) {
  const { url, served } = await serveTestStore(t)
  return { client: connectEvents(url), served }
}

const place = { do: 'place', amount: 7 } as const
const cancel = { do: 'cancel' } as const

test('a decider is tested without a store', () => {
  const placed: OrderEvent = { type: 'Placed', data: { amount: 7 } }
  given(orders, []).when(place).gives([placed])
  given(orders, [placed])
    .when(cancel)
    .gives([{ type: 'Cancelled', data: {} }])
  given(orders, [placed])
    .when(place)
    .refuses(/placed already/)
  assert.throws(() => given(orders, []).when(place).gives([]))
})

test('commands are decided on what is there, and a command without facts stores nothing', async (t) => {
  const { client } = await open(t)
  const first = await handleCommand(client, orders, 'order-1', place)
  assert.deepEqual([first.revision, first.position], [0, 0])
  await assert.rejects(handleCommand(client, orders, 'order-1', place), /placed already/)
  assert.equal((await handleCommand(client, orders, 'order-1', cancel)).revision, 1)
  const nothing = await handleCommand(client, orders, 'order-1', cancel)
  assert.deepEqual([nothing.events, nothing.revision, nothing.position], [[], 1, -1])
})

test('two at once: one is quicker, the other decides again where it may', async (t) => {
  const { client } = await open(t)
  await handleCommand(client, orders, 'order-1', place)
  const both = await Promise.allSettled(
    [1, 2].map(() => handleCommand(client, orders, 'order-1', cancel)),
  )
  for (const one of both) {
    if (one.status === 'rejected') assert.ok(one.reason instanceof ConflictError)
  }
  await handleCommand(client, orders, 'order-2', place)
  const retried = await Promise.all(
    [1, 2, 3, 4].map(() => handleCommand(client, orders, 'order-2', cancel, { retries: 5 })),
  )
  assert.equal(retried.filter(({ events }) => events.length === 1).length, 1)
})

test('the same key again: the first result, also where both come at once', async (t) => {
  const { client, served } = await open(t)
  const send = () => handleCommand(client, orders, 'order-1', place, { key: 'k-1', retries: 3 })
  const [one, two] = await Promise.all([send(), send()])
  const three = await send()
  assert.deepEqual(
    [one, two, three].map(({ events, revision, position }) => [events, revision, position]),
    Array.from({ length: 3 }, () => [[{ type: 'Placed', data: { amount: 7 } }], 0, one.position]),
  )
  assert.deepEqual(
    [one, two].map(({ isRepeated }) => isRepeated).toSorted((a, b) => Number(a) - Number(b)),
    [false, true],
  )
  assert.equal(served.store.engine.end(), 2)
})

test('events of long ago are made events of today', async (t) => {
  const { client } = await open(t)
  const old = { stream: 'order-1', type: 'OrderPlacedV1', data: { cents: 700 } }
  await client.append([{ stream: 'order-1', expected: 'none' }], [old])
  const upcast = ({ type, data }: { type: string; data: unknown }): OrderEvent =>
    type === 'OrderPlacedV1'
      ? { type: 'Placed', data: { amount: (data as { cents: number }).cents / 100 } }
      : ({ type, data } as OrderEvent)
  const { events } = await handleCommand(client, orders, 'order-1', cancel, { upcast })
  assert.deepEqual(events, [{ type: 'Cancelled', data: {} }])
})

test('a read model has what a command did, each event once, also after a restart', async (t) => {
  const { client } = await open(t)
  const database = new DatabaseSync(':memory:')
  const options = {
    client,
    database,
    name: 'orders',
    category: 'order',
    create: (db: DatabaseSync, table: string) =>
      db.exec(`CREATE TABLE ${table} (id TEXT PRIMARY KEY, count INTEGER NOT NULL)`),
    apply: (db: DatabaseSync, table: string, { stream }: { stream: string }) =>
      void db
        .prepare(
          `INSERT INTO ${table} VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1`,
        )
        .run(stream),
  }
  const counts = (table: string) =>
    database
      .prepare(`SELECT id, count FROM ${table} ORDER BY id`)
      .all()
      .map((row) => Object.values(row))
  const first = startProjection({ ...options, version: 1 })
  const done = await handleCommand(client, orders, 'order-1', place, { key: 'k' })
  await first.waitFor(done.position)
  assert.deepEqual(counts('orders_v1'), [['order-1', 1]])
  assert.equal(liveVersion(database, 'orders'), 1)
  await first.stop()
  const { position } = await handleCommand(client, orders, 'order-1', cancel)
  // The old one goes on where it was, and a new one fills beside it.
  const [old, next] = [1, 2].map((version) => startProjection({ ...options, version }))
  await Promise.all([old?.waitFor(position), next?.waitFor(position)])
  assert.deepEqual(counts('orders_v1'), [['order-1', 2]])
  assert.deepEqual(counts('orders_v2'), [['order-1', 2]])
  assert.equal(liveVersion(database, 'orders'), 2)
  await assert.rejects(next?.waitFor(position + 1_000, 20) ?? Promise.resolve(), /has not reached/)
  await Promise.all([old?.stop(), next?.stop()])
})

test('a fact that cannot be applied leaves the table and the place as they were', async (t) => {
  const { client } = await open(t)
  const database = new DatabaseSync(':memory:')
  let isBroken = true
  const failures: unknown[] = []
  const projection = startProjection({
    client,
    database,
    name: 'sums',
    version: 1,
    create: (db, table) => db.exec(`CREATE TABLE ${table} (position INTEGER)`),
    apply(db, table, { position }) {
      db.prepare(`INSERT INTO ${table} VALUES (?)`).run(position)
      if (position === 1 && isBroken) throw new Error('broken')
    },
    failed: (error) => {
      failures.push(error)
      assert.equal(database.prepare('SELECT count(*) AS n FROM sums_v1').get()?.['n'], 0)
      isBroken = false
    },
  })
  await client.append(
    [{ stream: 'a-1', expected: 'any' }],
    [1, 2, 3].map((n) => ({ stream: 'a-1', type: 't', data: n })),
  )
  await projection.waitFor(2)
  assert.equal(database.prepare('SELECT count(*) AS n FROM sums_v1').get()?.['n'], 3)
  assert.equal(failures.length, 1)
  await projection.stop()
})
