import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGround, REQUEST_RECORDS_MAX } from './draft.ts'
import { readPush } from './loki/push.ts'
import { decodeLogs } from './otlp/logs.ts'
import { decodeSpans } from './otlp/spans.ts'
import { readRaw } from './splunk/events.ts'
import { readSpans } from './zipkin/spans.ts'

const COUNT = REQUEST_RECORDS_MAX + 1

/** A field 1 or 2 of protobuf with what is in it. */
function field(number: 1 | 2, inner: Uint8Array): Buffer {
  const length: number[] = []
  let left = inner.length
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, left]), inner])
}

test('a request of nothing but empty records is refused before they fill the memory', () => {
  const empty = Buffer.alloc(2 * COUNT, field(2, new Uint8Array()))
  const some = Buffer.alloc(200, field(2, new Uint8Array()))
  const tooLarge = { statusCode: 413, code: 'ERR_LOGS_BODY_SIZE' }
  const ground = createGround(1)
  const refused = (read: () => unknown): void => assert.throws(read, tooLarge)
  refused(() => decodeLogs(field(1, field(2, empty)), createGround(1)))
  refused(() => decodeLogs(field(1, empty), createGround(1)))
  refused(() => decodeSpans(field(1, field(2, empty)), createGround(1)))
  refused(() => readPush(field(1, empty), createGround(1)))
  refused(() =>
    readSpans(
      Array.from({ length: COUNT }, () => ({})),
      createGround(1),
    ),
  )
  const none = { host: '', source: '', sourcetype: '', index: '' }
  refused(() => readRaw('a\n'.repeat(COUNT), none, createGround(1)))
  assert.equal(decodeLogs(field(1, field(2, some)), ground).length, 100)
  assert.equal(readPush(field(1, some), ground).length, 100)
})
