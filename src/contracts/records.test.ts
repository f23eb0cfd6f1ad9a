import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createChoice } from '../mechanisms/balancing/choice.ts'
import { VarintError } from '../mechanisms/varint/varint.ts'
import {
  type AttemptSource,
  CHOICE_RULES,
  recordBytesMax,
  type RecordSource,
  RecordWriter,
} from './records.ts'
import { readRecords, RecordsError } from './records-reader.ts'

const name = fc.oneof(
  fc.constantFrom('', 'gateway', 'orders', 'orders-1', '127.0.0.1:80'),
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.slice(0, 200).toWellFormed()),
)
/** Milliseconds in whole microseconds, as a clock gives them. */
const ms = fc.nat(3_600_000_000).map((us) => us / 1_000)
const id = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes))
const bytes = fc.maxSafeNat()
const plain = <Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) =>
  fc.record(model, { noNullPrototype: true })

const attempt: fc.Arbitrary<AttemptSource> = plain({
  instance: name,
  address: name,
  candidates: fc.nat(),
  excluded: fc.nat(),
  choice: fc
    .record({
      rule: fc.constantFrom(...CHOICE_RULES),
      chosenEwmaMs: fc.oneof(fc.constant(-1), ms),
      chosenInFlight: fc.nat(),
      chosenWeight: fc.nat(),
      otherId: name,
      otherEwmaMs: fc.oneof(fc.constant(-1), ms),
      otherInFlight: fc.nat(),
      otherWeight: fc.nat(),
      isPanic: fc.boolean(),
      isUnstuck: fc.boolean(),
    })
    .map((choice) => ({ ...createChoice(), ...choice })),
  startedMs: ms,
  connectedMs: ms,
  answeredMs: ms,
  outcome: name,
  status: fc.nat(),
})

const text = fc.tuple(fc.nat(261), fc.nat(1_024), fc.string({ unit: 'grapheme', maxLength: 100 }))

const source: fc.Arbitrary<RecordSource> = fc
  .record({
    requestId: id(128),
    requestIdLength: fc.nat(128),
    traceId: fc.oneof(id(16), fc.constant(Buffer.alloc(16))),
    spanId: id(8),
    parentSpanId: fc.oneof(id(8), fc.constant(Buffer.alloc(8))),
    isSampled: fc.boolean(),
    text,
    isHostCut: fc.boolean(),
    isPathCut: fc.boolean(),
    startedAtMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
    listener: name,
    caller: name,
    client: name,
    protocol: name,
    tls: name,
    method: name,
    route: name,
    routeSource: name,
    service: name,
    serviceSource: name,
    algorithm: name,
    status: fc.nat(),
    reason: name,
    version: bytes,
    queueMs: ms,
    durationMs: ms,
    requestBytes: bytes,
    responseBytes: bytes,
    hasDefect: fc.boolean(),
    attempts: fc.array(attempt, { maxLength: 4 }),
    policies: fc.array(plain({ policy: name, decision: name, value: fc.double() }), {
      maxLength: 3,
    }),
  })
  .map(({ text: [hostLength, pathLength, detail], ...fields }) => {
    const detailBytes = Buffer.from(detail.toWellFormed())
    const front = Buffer.from(Array.from({ length: hostLength + pathLength }, (_, at) => at % 256))
    return {
      ...fields,
      startedMs: 0,
      text: Buffer.concat([front, detailBytes]),
      hostLength,
      pathLength,
      detailLength: detailBytes.length,
      attemptCount: fields.attempts.length,
      policyCount: fields.policies.length,
    }
  })

function write(records: readonly RecordSource[], writer = new RecordWriter()): Buffer {
  const into = Buffer.alloc(2 + records.reduce((sum, one) => sum + recordBytesMax(one), 0))
  let end = writer.begin(into, 0)
  for (const record of records) {
    const before = end
    end = writer.write(record, into, end)
    assert.ok(end - before <= recordBytesMax(record))
  }
  return into.subarray(0, end)
}

test('what is written is read again, whatever it is', () => {
  const writer = new RecordWriter()
  fc.assert(
    fc.property(fc.array(source, { minLength: 1, maxLength: 4 }), (records) => {
      const read = readRecords(write(records, writer), 3)
      assert.equal(read.length, records.length)
      for (const [at, record] of records.entries()) {
        const told = read[at]!
        const hex = (one: Buffer) => (one.every((byte) => byte === 0) ? '' : one.toString('hex'))
        assert.equal(told.requestId, record.requestId.toString('latin1', 0, record.requestIdLength))
        assert.equal(told.traceId, hex(record.traceId))
        assert.equal(told.spanId, hex(record.spanId))
        assert.equal(told.parentSpanId, hex(record.parentSpanId))
        const pathEnd = record.hostLength + record.pathLength
        const path = record.text.toString('latin1', record.hostLength, pathEnd)
        assert.equal(told.target, record.isPathCut ? `${path}...` : path)
        assert.equal(told.detail, record.text.toString('utf8', pathEnd))
        for (const field of SAME) assert.deepEqual(told[field], record[field], field)
        assert.deepEqual(told.policies, record.policies)
        assert.equal(told.attempts.length, record.attempts.length)
        for (const [index, one] of record.attempts.entries()) {
          const { choice, ...fields } = one
          const { choice: sentence, ...toldFields } = told.attempts[index]!
          assert.deepEqual(toldFields, fields)
          assert.equal(typeof sentence, 'string')
          assert.equal(sentence.includes('ejection was ignored'), choice.isPanic)
        }
      }
    }),
    { numRuns: 200 },
  )
})

const SAME = [
  'isSampled',
  'startedAtMs',
  'listener',
  'caller',
  'client',
  'protocol',
  'tls',
  'method',
  'route',
  'routeSource',
  'service',
  'serviceSource',
  'algorithm',
  'status',
  'reason',
  'version',
  'queueMs',
  'durationMs',
  'requestBytes',
  'responseBytes',
  'hasDefect',
] as const

function readOrRefuse(batch: Buffer): number {
  try {
    return readRecords(batch, 0).length
  } catch (error) {
    assert.ok(error instanceof VarintError || error instanceof RecordsError, String(error))
    return -1
  }
}

test('hostile bytes are refused by name, and cost no more memory than they have bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      assert.ok(readOrRefuse(Buffer.from(noise)) < 400)
      assert.ok(readOrRefuse(Buffer.from([0xb7, 1, ...noise])) < 400)
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(
      fc.array(source, { minLength: 1, maxLength: 2 }),
      fc.nat(),
      fc.nat(255),
      (records, place, byte) => {
        const batch = write(records)
        assert.ok(readOrRefuse(batch.subarray(0, place % batch.length)) < 2)
        batch[place % batch.length] = byte
        readOrRefuse(batch)
      },
    ),
    { numRuns: 300 },
  )
})

test('a batch of another version is refused with a sentence that says what to do', () => {
  assert.throws(() => readRecords(Buffer.from([0xb7, 1]), 0), {
    code: 'ERR_TELEMETRY_RECORDS',
    message: /restart Backplane/,
  })
})

test('a name stands in a batch once', () => {
  const [record] = fc.sample(source, { numRuns: 1, seed: 1 })
  const long = { ...record!, service: 'orders-of-the-whole-shop', attempts: [], attemptCount: 0 }
  const one = write([long])
  const two = write([long, long])
  assert.equal(two.toString('latin1').split(long.service).length, 2)
  assert.ok(two.length < 2 * one.length)
})
