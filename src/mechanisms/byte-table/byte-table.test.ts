import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteTable, ByteTableKeyError, KEY_BYTES_MAX } from './byte-table.ts'

test('a table answers as a map of texts does', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 300 }),
      (seed, keys) => {
        const table = new ByteTable(seed)
        const oracle = new Map<string, number>()
        for (const key of keys) {
          const padded = Uint8Array.from([1, 2, ...key, 3])
          const text = key.join()
          assert.equal(table.find(padded, 2, 2 + key.length), oracle.get(text) ?? -1)
          const id = table.add(padded, 2, 2 + key.length)
          if (!oracle.has(text)) oracle.set(text, oracle.size)
          assert.equal(id, oracle.get(text))
          assert.deepEqual(Uint8Array.from(table.key(id)), key)
        }
        assert.equal(table.count, oracle.size)
      },
    ),
  )
})

test('many keys, over several pages, are all found', () => {
  const table = new ByteTable(7)
  const key = (index: number) => Buffer.from(`series number ${index}`.padEnd(40 + (index % 60)))
  for (let index = 0; index < 20_000; index++) {
    const bytes = key(index)
    assert.equal(table.add(bytes, 0, bytes.length), index)
  }
  for (let index = 0; index < 20_000; index++) {
    const bytes = key(index)
    assert.equal(table.find(bytes, 0, bytes.length), index)
  }
  assert.ok(table.bytes < 4_000_000)
})

test('a key that is too long is refused and leaves nothing', () => {
  const table = new ByteTable(7)
  const long = new Uint8Array(KEY_BYTES_MAX + 1)
  assert.throws(() => table.add(long, 0, long.length), ByteTableKeyError)
  assert.equal(table.add(long, 0, KEY_BYTES_MAX), 0)
})
