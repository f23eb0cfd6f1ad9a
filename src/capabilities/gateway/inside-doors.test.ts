import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startStorage } from '../../platform/storage/storage.ts'
import { openDoorBook } from './door-book.ts'
import {
  allocateInsideDoors,
  INSIDE_PORT_COUNT,
  INSIDE_PORT_FIRST,
  InsidePortsUsedUpError,
} from './inside-doors.ts'

const edges = fc.uniqueArray(
  fc.record({ caller: fc.constantFrom('a', 'b', 'c'), service: fc.constantFrom('x', 'y', 'z') }),
  { selector: ({ caller, service }) => `${caller} ${service}` },
)
const keyOf = (door: { caller: string; service: string }) => `${door.caller} ${door.service}`

test('every edge has a port of its own in the range, the one from before unless it is taken', () => {
  fc.assert(
    fc.property(
      edges,
      edges,
      fc.nat(9),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (first, second, lostCount, random) => {
        const before = allocateInsideDoors(first, [], new Set(), () => random)
        const taken = new Set(before.slice(0, lostCount).map(({ port }) => port))
        const after = allocateInsideDoors(second, before, taken, () => random)
        const ports = after.map(({ port }) => port)
        assert.equal(new Set(ports).size, second.length)
        assert.deepEqual(after.map(keyOf), second.map(keyOf))
        for (const { port, ...edge } of after) {
          assert.ok(port >= INSIDE_PORT_FIRST && port < INSIDE_PORT_FIRST + INSIDE_PORT_COUNT)
          assert.ok(!taken.has(port))
          const old = before.find((door) => keyOf(door) === keyOf(edge))
          if (old !== undefined && !taken.has(old.port)) assert.equal(port, old.port)
        }
      },
    ),
  )
})

test('a used up range is an error that says what to do', () => {
  const all = new Set(Array.from({ length: INSIDE_PORT_COUNT }, (_, at) => INSIDE_PORT_FIRST + at))
  assert.throws(
    () => allocateInsideDoors([{ caller: 'a', service: 'b' }], [], all, () => 0),
    InsidePortsUsedUpError,
  )
  all.delete(INSIDE_PORT_FIRST + 7)
  const [last] = allocateInsideDoors([{ caller: 'a', service: 'b' }], [], all, () => 0.5)
  assert.equal(last?.port, INSIDE_PORT_FIRST + 7)
})

test('the book keeps what was saved last', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const book = await openDoorBook(storage)
  assert.deepEqual(await book.load(), [])
  const doors = [
    { caller: 'a', service: 'b', port: 20_001 },
    { caller: 'b', service: 'a', port: 20_002 },
  ]
  await book.save(doors)
  await book.save(doors.slice(1))
  assert.deepEqual(await (await openDoorBook(storage)).load(), doors.slice(1))
})
