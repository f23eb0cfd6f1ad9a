// Emmett with its store for EventStoreDB: append with an expected version, read, fold, refuse. `emmett.mjs HOST:PORT`.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { load } from './load.mjs'

const { EventStoreDBClient } = load('@eventstore/db-client')
const { getEventStoreDBEventStore } = load('@event-driven-io/emmett-esdb')
const client = EventStoreDBClient.connectionString(`esdb://${process.argv[2]}?tls=false`)
const store = getEventStoreDBEventStore(client)
const stream = `cart-${randomUUID()}`
const added = (quantity) => ({ type: 'ProductItemAdded', data: { quantity } })
const { nextExpectedStreamVersion } = await store.appendToStream(stream, [added(2), added(3)])
assert.equal(nextExpectedStreamVersion, 1n)
await store.appendToStream(stream, [added(5)], { expectedStreamVersion: nextExpectedStreamVersion })
await assert.rejects(store.appendToStream(stream, [added(7)], { expectedStreamVersion: 0n }))
const { state } = await store.aggregateStream(stream, {
  evolve: (total, { data }) => total + data.quantity,
  initialState: () => 0,
})
assert.equal(state, 10)
const { events } = await store.readStream(stream)
assert.equal(events.length, 3)
process.stdout.write('done')
process.exit(0)
