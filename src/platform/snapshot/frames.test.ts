import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFrameReader, encodeFrame, FrameError } from './frames.ts'
import { FRAME_BYTES_MAX } from '../../contracts/snapshot.ts'

test('what is encoded is read again, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 20 }),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)))
        const read: unknown[] = []
        const reader = createFrameReader((message) => read.push(message))
        let at = 0
        for (let i = 0; at < bytes.length; i++) {
          const length = 1 + (cuts[i % cuts.length] ?? 0)
          reader.feed(bytes.subarray(at, at + length))
          at += length
        }
        assert.equal(JSON.stringify(read), JSON.stringify(messages))
      },
    ),
  )
})

test('a length beyond the limit is refused before anything is allocated', () => {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(FRAME_BYTES_MAX + 1)
  const reader = createFrameReader(() => assert.fail('no message'))
  assert.throws(
    () => reader.feed(prefix),
    (error) => error instanceof FrameError && error.code === 'ERR_SNAPSHOT_FRAME_TOO_LARGE',
  )
})

test('bytes that are not JSON are refused', () => {
  const frame = Buffer.from([0, 0, 0, 2, 0x7b, 0x5d])
  const reader = createFrameReader(() => assert.fail('no message'))
  assert.throws(
    () => reader.feed(frame),
    (error) => error instanceof FrameError && error.code === 'ERR_SNAPSHOT_FRAME_UNREADABLE',
  )
})
