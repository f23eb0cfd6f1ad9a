import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LumberjackError, readLumberjackFrame, WINDOW_MAX, writeAcknowledgement } from './frames.ts'

const frame = (kind: string, number: number, ...more: Uint8Array[]): Buffer => {
  const head = Buffer.from([0x32, kind.charCodeAt(0), 0, 0, 0, 0])
  head.writeUInt32BE(number, 2)
  return Buffer.concat([head, ...more])
}
const size = (length: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

test('frames of a client, cut anywhere', () => {
  const event = Buffer.from('{"message":"a"}')
  const stream = Buffer.concat([
    frame('W', 2),
    frame('J', 1, size(event.length), event),
    frame('C', 3, Buffer.from('zip')),
  ])
  for (let end = 0; end <= stream.length; end++) {
    const found: string[] = []
    let at = 0
    for (;;) {
      const one = readLumberjackFrame(stream.subarray(0, end), at, 1_000)
      if (one === undefined) break
      found.push(one.kind)
      at = one.next
    }
    const whole = ['window', 'event', 'compressed'].slice(
      0,
      end < 6 ? 0 : end < 31 ? 1 : end < 40 ? 2 : 3,
    )
    assert.deepEqual(found, whole, `${end} bytes`)
  }
  assert.deepEqual([...writeAcknowledgement(258)], [0x32, 0x41, 0, 0, 1, 2])
})

test('what is no frame, or too much, ends the connection', () => {
  for (const bytes of [
    Buffer.from('1W'),
    frame('X', 1),
    frame('W', WINDOW_MAX + 1),
    frame('C', 2_000),
    frame('J', 1, size(2_000)),
  ]) {
    assert.throws(() => readLumberjackFrame(bytes, 0, 1_000), LumberjackError)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
      try {
        readLumberjackFrame(Buffer.from(noise), 0, 1_000)
      } catch (error) {
        assert.ok(error instanceof LumberjackError)
      }
    }),
  )
})
