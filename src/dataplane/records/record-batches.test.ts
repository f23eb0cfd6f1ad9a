import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RECORD_NAME_UNITS_MAX } from '../../contracts/records.ts'
import { readRecords } from '../../contracts/records-reader.ts'
import { BATCHES_MAX } from './batch-buffers.ts'
import { createRecordBatches, RECORD_BATCH_BYTES } from './record-batches.ts'
import {
  addAttempt,
  ATTEMPTS_MAX,
  createRecord,
  type ExchangeRecord,
  notePolicy,
  noteReason,
  noteRequestId,
  noteTrace,
  POLICY_NOTES_MAX,
  tellRecord,
} from './record.ts'

function recordOf(requestId: string): ExchangeRecord {
  const record = createRecord()
  noteRequestId(record, requestId)
  noteTrace(record, `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`, null)
  Object.assign(record, { startedAtMs: 1.7e12, startedMs: 1_000, service: 'orders', status: 200 })
  Object.assign(record, { durationMs: 1.25, queueMs: 0.5, requestBytes: 3, responseBytes: 5e9 })
  const attempt = addAttempt(record, 1_000.5)
  Object.assign(attempt, { instance: 'orders-1', outcome: 'answered', answeredMs: 1_001 })
  Object.assign(attempt.choice, { rule: 'ewma', chosenEwmaMs: -1, otherId: 'orders-2' })
  return record
}

test('telemetry reads what control is told for why', () => {
  const read: unknown[] = []
  const batches = createRecordBatches((buffer, length, count) => {
    const records = readRecords(Buffer.from(buffer, 0, length), 7)
    assert.equal(records.length, count)
    read.push(...records)
  })
  const told = ['a', 'b', 'c'].map((requestId) => {
    const record = recordOf(requestId)
    if (requestId === 'b') noteReason(record, 'ERR_X', 'because of \u20ac')
    if (requestId === 'c') notePolicy(record, 'limit', 'allowed', 0.5)
    batches.add(record)
    return tellRecord(record, 7)
  })
  batches.flush()
  assert.deepEqual(read, told)
})

test('the largest record has room in a batch, and does not stop the next one', () => {
  const counts: number[] = []
  const batches = createRecordBatches((buffer, length, count) => {
    assert.equal(readRecords(Buffer.from(buffer, 0, length), 0).length, count)
    counts.push(count)
  })
  const record = recordOf('i'.repeat(128))
  let number = 0
  const name = () => `${++number}`.padEnd(RECORD_NAME_UNITS_MAX, '\u20ac')
  const names = ['listener', 'caller', 'client', 'protocol', 'method', 'route', 'routeSource']
  for (const field of [...names, 'service', 'serviceSource', 'algorithm', 'reason'])
    Object.assign(record, { [field]: name() })
  for (let i = 0; i < ATTEMPTS_MAX; i++) {
    const attempt = addAttempt(record, 1_000)
    Object.assign(attempt, { instance: name(), address: name(), outcome: name() })
    attempt.choice.otherId = name()
  }
  for (let i = 0; i < POLICY_NOTES_MAX; i++) notePolicy(record, name(), name(), i)
  let added = 0
  for (; counts.length < 2; added++) batches.add(record)
  batches.flush()
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    added,
  )
  assert.equal(batches.droppedCount, 0)
})

test('when nobody takes the batches, records are dropped and counted, and memory stays', () => {
  const sent: ArrayBuffer[] = []
  let sentCount = 0
  const batches = createRecordBatches((buffer, _length, count) => {
    sent.push(buffer)
    sentCount += count
  })
  let added = 0
  while (batches.droppedCount < 10) {
    batches.add(recordOf('x'))
    added++
  }
  assert.equal(sent.length, BATCHES_MAX)
  assert.equal(sentCount + batches.droppedCount, added)
  assert.ok(sent.every((buffer) => buffer.byteLength === RECORD_BATCH_BYTES))
  batches.giveBack(sent.pop()!)
  batches.add(recordOf('x'))
  batches.flush()
  assert.equal(sent.length, BATCHES_MAX)
})
