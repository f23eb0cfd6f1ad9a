import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EarlyBytes } from './early-bytes.ts'

test('bytes that come one by one are copied a few times each, and stay in order', () => {
  const early = new EarlyBytes()
  const count = 64 * 1024
  const buffers = new Set<Buffer>()
  let copied = 0
  for (let at = 0; at < count; at++) {
    early.add(Buffer.of(at & 255), 0, 1)
    if (buffers.has(early.bytes)) continue
    buffers.add(early.bytes)
    copied += early.length
  }
  assert.ok(copied <= 2 * count, `${copied} bytes copied for ${count}`)
  assert.equal(early.length, count)
  for (let at = 0; at < count; at++) assert.equal(early.bytes[at], at & 255)
  early.dropUntil(100)
  assert.deepEqual([early.length, early.bytes[0]], [count - 100, 100])
  early.dropUntil(count)
  assert.deepEqual([early.length, early.bytes.length], [0, 0])
})
