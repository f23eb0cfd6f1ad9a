import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SortedKeys } from './sorted-keys.ts'

const keyText = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '€'), maxLength: 5 }),
  fc.nat(5_000).map((count) => `k/${count}`),
)

test('it is a sorted list of all that was added and not deleted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key: keyText, isAdded: fc.boolean() }), { maxLength: 300 }),
      fc.array(keyText, { maxLength: 5 }),
      (steps, prefixes) => {
        const keys = new SortedKeys()
        const model = new Set<string>()
        for (const { key, isAdded } of steps) {
          if (isAdded) {
            assert.equal(keys.add(key), !model.has(key))
            model.add(key)
          } else assert.equal(keys.delete(key), model.delete(key))
        }
        assert.equal(keys.size, model.size)
        for (const prefix of ['', ...prefixes]) {
          const wanted = [...model].filter((key) => key.startsWith(prefix))
          const sorted = wanted.toSorted((a, b) => (a < b ? -1 : 1))
          assert.deepEqual([...keys.withPrefix(prefix)], sorted)
          assert.equal(keys.has(prefix), model.has(prefix))
        }
      },
    ),
  )
})

test('many keys are cut into runs, and runs that are empty go', () => {
  const keys = new SortedKeys()
  const all = Array.from({ length: 5_000 }, (_, index) => String((index * 7_919) % 5_000))
  for (const key of all) keys.add(key)
  const sorted = all.toSorted((a, b) => (a < b ? -1 : 1))
  assert.deepEqual([...keys.withPrefix('')], sorted)
  for (const key of all) keys.delete(key)
  assert.deepEqual([...keys.withPrefix('')], [])
  keys.add('again')
  assert.deepEqual([...keys.withPrefix('ag')], ['again'])
})
