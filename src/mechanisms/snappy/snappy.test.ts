import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compressSnappy, decompressSnappy, SnappyError } from './snappy.ts'

const runs = fc
  .array(
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 200 })),
    { maxLength: 20 },
  )
  .map((parts) =>
    Uint8Array.from(
      parts.flatMap(([bytes, count]) => Array.from({ length: count }, () => [...bytes]).flat()),
    ),
  )

test('what is compressed comes back, and repetitions become small', () => {
  fc.assert(
    fc.property(runs, (bytes) => {
      const block = compressSnappy(bytes)
      assert.deepEqual(decompressSnappy(block, bytes.length), bytes)
    }),
  )
  const far = Buffer.concat([
    Buffer.from('needle in it'),
    Buffer.alloc(70_000, 'x'),
    Buffer.from('needle in it'),
  ])
  assert.deepEqual(Buffer.from(decompressSnappy(compressSnappy(far), 100_000)), far)
  assert.ok(compressSnappy(far).length < 5_000)
})

test('blocks of the description: literals of every length, copies of every kind', () => {
  const literal = (text: string) =>
    Buffer.from([((text.length - 1) << 2) | 0, ...Buffer.from(text)])
  const block = (length: number, ...parts: Uint8Array[]) =>
    Buffer.concat([Buffer.from([length]), ...parts])
  const plain = (bytes: Uint8Array) => Buffer.from(decompressSnappy(bytes, 1_000)).toString()
  assert.equal(plain(block(0)), '')
  assert.equal(plain(block(9, literal('abc'), Buffer.from([((6 - 4) << 2) | 1, 3]))), 'abcabcabc')
  assert.equal(plain(block(5, literal('ab'), Buffer.from([((3 - 1) << 2) | 2, 1, 0]))), 'abbbb')
  assert.equal(
    plain(block(4, literal('ab'), Buffer.from([((2 - 1) << 2) | 3, 2, 0, 0, 0]))),
    'abab',
  )
  assert.equal(plain(block(70, Buffer.from([60 << 2, 69]), Buffer.alloc(70, 'y'))), 'y'.repeat(70))
})

test('what is no block is refused, and a lie about its size costs no memory', () => {
  const refused = (bytes: number[], code: SnappyError['code'], max = 1_000) =>
    assert.throws(() => decompressSnappy(Uint8Array.from(bytes), max), { code })
  refused([], 'ERR_SNAPPY_CORRUPT')
  refused([0x80], 'ERR_SNAPPY_CORRUPT')
  refused([5, 8, 97], 'ERR_SNAPPY_CORRUPT')
  refused([3, 0, 97, 1, 5], 'ERR_SNAPPY_CORRUPT')
  refused([3, 0, 97, 2, 0, 0], 'ERR_SNAPPY_CORRUPT')
  refused([1, 4, 97, 98], 'ERR_SNAPPY_CORRUPT')
  refused([0xff, 0xff, 0xff, 0xff, 0x0f, 0], 'ERR_SNAPPY_TOO_LARGE')
  refused([0xff, 0xff, 0xff, 0xff, 0x0f, 0], 'ERR_SNAPPY_CORRUPT', 2 ** 32)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decompressSnappy(bytes, 10_000)
      } catch (error) {
        assert.ok(error instanceof SnappyError)
      }
    }),
    { numRuns: 2_000 },
  )
})
