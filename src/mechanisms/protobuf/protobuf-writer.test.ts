import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtobufReader } from './protobuf.ts'
import { ProtobufWriter } from './protobuf-writer.ts'

test('what was written is read: numbers, texts and messages in messages of any length', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.integer(),
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.uint8Array({ maxLength: 40_000 }),
      (number, signed, text, bytes) => {
        const written = new ProtobufWriter(4)
          .message(3, (outer) => outer.message(1, (inner) => inner.bytes(2, bytes)).text(4, text))
          .uint(1, number)
          .sint(2, signed)
          .finish()
        const reader = new ProtobufReader(written)
        assert.ok(reader.next())
        const outer = reader.message()
        outer.next()
        const inner = outer.message()
        inner.next()
        const length = inner.length()
        assert.deepEqual(inner.bytes.slice(inner.at - length, inner.at), bytes)
        outer.next()
        assert.equal(outer.text(), text.toWellFormed())
        reader.next()
        assert.equal(reader.uint64(), number)
        reader.next()
        assert.equal(reader.sint64(), signed)
        assert.ok(!reader.next())
      },
    ),
  )
})

test('numbers of 64 bits are whole', () => {
  const written = new ProtobufWriter()
    .bigint(1, -1n)
    .bigint(1, 2n ** 63n)
    .finish()
  assert.equal(
    Buffer.from(written).toString('hex'),
    '08ffffffffffffffffff0108808080808080808080' + '01',
  )
})
