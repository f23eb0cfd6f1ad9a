import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startStorage } from '../../platform/storage/storage.ts'
import { openPortStore } from './port-store.ts'
import {
  allocateOutboundListeners,
  OUTBOUND_PORT_COUNT,
  OUTBOUND_PORT_FIRST,
  OutboundPortsUsedUpError,
} from './outbound-listeners.ts'

const edges = fc.uniqueArray(
  fc.record({ caller: fc.constantFrom('a', 'b', 'c'), service: fc.constantFrom('x', 'y', 'z') }),
  { selector: ({ caller, service }) => `${caller} ${service}` },
)
const keyOf = (listener: { caller: string; service: string }) =>
  `${listener.caller} ${listener.service}`

test('every edge has a port of its own in the range, the one from before unless it is taken', () => {
  fc.assert(
    fc.property(
      edges,
      edges,
      fc.nat(9),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (first, second, lostCount, random) => {
        const before = allocateOutboundListeners(first, [], new Set(), () => random)
        const taken = new Set(before.slice(0, lostCount).map(({ port }) => port))
        const after = allocateOutboundListeners(second, before, taken, () => random)
        const ports = after.map(({ port }) => port)
        assert.equal(new Set(ports).size, second.length)
        assert.deepEqual(after.map(keyOf), second.map(keyOf))
        for (const { port, ...edge } of after) {
          assert.ok(port >= OUTBOUND_PORT_FIRST && port < OUTBOUND_PORT_FIRST + OUTBOUND_PORT_COUNT)
          assert.ok(!taken.has(port))
          const old = before.find((listener) => keyOf(listener) === keyOf(edge))
          if (old !== undefined && !taken.has(old.port)) assert.equal(port, old.port)
        }
      },
    ),
  )
})

test('a used up range is an error that says what to do', () => {
  const all = new Set(
    Array.from({ length: OUTBOUND_PORT_COUNT }, (_, at) => OUTBOUND_PORT_FIRST + at),
  )
  assert.throws(
    () => allocateOutboundListeners([{ caller: 'a', service: 'b' }], [], all, () => 0),
    OutboundPortsUsedUpError,
  )
  all.delete(OUTBOUND_PORT_FIRST + 7)
  const [last] = allocateOutboundListeners([{ caller: 'a', service: 'b' }], [], all, () => 0.5)
  assert.equal(last?.port, OUTBOUND_PORT_FIRST + 7)
})

test('the store keeps what was saved last', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const store = await openPortStore(storage)
  assert.deepEqual(await store.load(), [])
  const listeners = [
    { caller: 'a', service: 'b', port: 20_001 },
    { caller: 'b', service: 'a', port: 20_002 },
  ]
  await store.save(listeners)
  await store.save(listeners.slice(1))
  assert.deepEqual(await (await openPortStore(storage)).load(), listeners.slice(1))
})
