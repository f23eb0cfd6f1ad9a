// Emmett with its store for EventStoreDB: append with an expected version, read, fold, refuse. `emmett.mjs HOST:PORT`.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { load } from './load.mjs'

const { EventStoreDBClient } = load('@eventstore/db-client')
// Its CommonJS file has an await at its top level, which Node refuses; the other one is as published.
const modules = join(process.env.INTEROP_CLIENTS, 'node_modules/@event-driven-io')
const { getEventStoreDBEventStore } = await import(
  pathToFileURL(join(modules, 'emmett-esdb/dist/index.js'))
)
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
