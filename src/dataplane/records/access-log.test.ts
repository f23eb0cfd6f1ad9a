import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRequestHead } from '../../mechanisms/http1/request-head.ts'
import { AccessLine, lineBytesMax } from './access-line.ts'
import { createAccessLog } from './access-log.ts'
import { BATCH_BYTES, BATCHES_MAX } from './batch-buffers.ts'
import { createLogFile } from './log-file.ts'
import {
  addAttempt,
  createRecord,
  type ExchangeRecord,
  noteRequestId,
  noteRequestLine,
  noteTrace,
  PATH_BYTES_MAX,
} from './record.ts'

const latin1 = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/** A record with bytes that no parser would let through. */
function hostileRecord(host: string, path: string): ExchangeRecord {
  const record = createRecord()
  const head = { ...createRequestHead(1), method: 'GET', host, target: path, pathEnd: path.length }
  noteRequestLine(record, { ...head, targetEnd: path.length }, Buffer.from(path, 'latin1'))
  noteRequestId(record, host)
  record.startedAtMs = 1_700_000_000_123.4
  return record
}

/** Writes one line into a buffer in which anything else would be seen. */
function lineOf(record: ExchangeRecord, line = new AccessLine()): string {
  const into = Buffer.alloc(BATCH_BYTES, '#')
  const end = line.write(record, into, 7)
  assert.ok(end - 7 <= lineBytesMax(record), `${end - 7} bytes of ${lineBytesMax(record)}`)
  assert.ok(into.subarray(0, 7).every((byte) => byte === 0x23) && into[end] === 0x23)
  return into.toString('latin1', 7, end)
}

const hostile = fc.string({ unit: 'binary', maxLength: 3000 })

test('every line is one JSON object in ASCII, whatever a client sends', () => {
  const line = new AccessLine()
  fc.assert(
    fc.property(hostile, fc.string({ unit: 'binary' }), hostile, (path, host, name) => {
      const record = hostileRecord(host, path)
      for (const field of ['client', 'listener', 'caller', 'method', 'route', 'service'] as const)
        record[field] = name
      record.reason = name
      addAttempt(record, 0).instance = name
      const text = lineOf(record, line)
      // oxlint-disable-next-line no-control-regex -- the newline is the only control character
      assert.match(text, /^[\x20-\x7e]*\n$/)
      const parsed = JSON.parse(text) as Record<string, unknown>
      assert.equal(parsed['time'], '2023-11-14T22:13:20.123Z')
      assert.ok(path.length > PATH_BYTES_MAX || parsed['path'] === latin1(path))
      assert.ok(host.length > 128 || parsed['id'] === latin1(host))
      for (const field of ['client', 'listener', 'method', 'route', 'service', 'instance'])
        assert.equal(parsed[field], name.length > 256 ? `${name.slice(0, 256)}...` : name)
      assert.equal(parsed['caller'] ?? '', parsed['client'])
    }),
  )
})

test('the longest line that there can be has room', () => {
  const record = hostileRecord('\u00ff'.repeat(300), '\u00ff'.repeat(2_000))
  const name = '\u20ac'.repeat(400)
  Object.assign(record, { client: name, listener: name, caller: name, method: name })
  Object.assign(record, { route: name, service: name, reason: name, durationMs: 1e15 })
  addAttempt(record, 0).instance = name
  assert.ok(JSON.parse(lineOf(record)))
  const sent: number[] = []
  const log = createAccessLog((buffer, length) => {
    sent.push(length)
    queueMicrotask(() => log.giveBack(buffer))
  })
  while (sent.length < 2) log.write(record)
  assert.equal(log.droppedCount, 0)
  assert.ok(sent.every((length) => length < BATCH_BYTES))
})

test('a line says what the record says, in this order', () => {
  const record = hostileRecord('shop.example:80', '/a"b')
  noteTrace(record, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', null)
  Object.assign(record, { client: '::1', listener: 'gateway', status: 502, reason: 'ERR_X' })
  Object.assign(record, { durationMs: 1.2345, queueMs: 0.5, responseBytes: 5e9, route: 'r' })
  record.service = 'orders'
  addAttempt(record, 0).instance = 'orders-1'
  addAttempt(record, 0).instance = 'orders-2'
  const line = new AccessLine()
  const expected =
    '{"time":"2023-11-14T22:13:20.123Z","id":"shop.example:80","trace":"4bf92f3577b34da6a3ce929d0e0e4736","client":"::1",' +
    '"listener":"gateway","protocol":"http/1.1","method":"GET","host":"shop.example:80","path":"/a\\"b","route":"r","service":"orders",' +
    '"instance":"orders-2","attempts":2,"status":502,"reason":"ERR_X","us":1235,"queueUs":500,"in":0,"out":5000000000}\n'
  assert.equal(lineOf(record, line), expected)
  assert.equal(lineOf(record, line), expected)
  record.caller = 'users'
  record.attemptCount = 0
  record.startedAtMs += 900
  assert.match(
    lineOf(record, line),
    /21\.023Z.*"gateway","caller":"users","protocol":"http\/1.1","method".*"instance":"","attempts":0,/,
  )
})

test('parts that are kept ready are those of this record, however requests are mixed, and bounded', () => {
  const kept = new AccessLine()
  const name = fc.constantFrom('', 'a', 'b', 'gateway', 'orders')
  const values = fc.record({
    client: name,
    listener: name,
    caller: name,
    method: name,
    route: name,
    service: name,
    instance: fc.oneof(name, fc.nat(3_000).map(String)),
    startedAtMs: fc.integer({ min: 1, max: 5_000 }),
    status: fc.nat(),
    requestBytes: fc.maxSafeNat(),
  })
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 50 }), (all) => {
      for (const { instance, ...fields } of all) {
        const record = hostileRecord('h', '/p')
        Object.assign(record, fields)
        addAttempt(record, 0).instance = instance
        assert.equal(lineOf(record, kept), lineOf(record))
        const parsed = JSON.parse(lineOf(record)) as Record<string, unknown>
        assert.equal(parsed['in'], fields.requestBytes)
        assert.equal(parsed['time'], new Date(fields.startedAtMs).toISOString())
      }
    }),
    { numRuns: 60 },
  )
  for (let i = 0; i < 3_000; i++) {
    const record = hostileRecord('h', '/p')
    addAttempt(record, 0).instance = `i-${i}`
    assert.match(lineOf(record, kept), new RegExp(`"i-${i}"`))
  }
})

test('when the disk does not keep up, lines are dropped and counted, and memory stays', () => {
  const sent: ArrayBuffer[] = []
  const log = createAccessLog((buffer) => void sent.push(buffer))
  const record = hostileRecord('', `/${'x'.repeat(1000)}`)
  while (log.droppedCount < 10) log.write(record)
  assert.equal(sent.length, BATCHES_MAX)
  log.giveBack(sent.pop()!)
  log.write(record)
  log.flush()
  assert.equal(sent.length, BATCHES_MAX)
  assert.equal(log.droppedCount, 10)
})

test('a full file is put aside, and only so many are kept', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = createLogFile(folder, () => {}, 10)
  for (let i = 0; i < 6; i++) await file.append(Buffer.from(`line ${i}\n`), 1)
  await file.close()
  assert.deepEqual(readdirSync(folder).toSorted(), [
    'access.log',
    'access.log.1',
    'access.log.2',
    'access.log.3',
  ])
  assert.equal(readFileSync(join(folder, 'access.log'), 'utf8'), 'line 5\n')
  assert.equal(readFileSync(join(folder, 'access.log.3'), 'utf8'), 'line 2\n')
})

test('a disk that fails is said once, its lines are counted, and it stops nobody', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const blocked = join(folder, 'file')
  writeFileSync(blocked, '')
  const said: string[] = []
  const file = createLogFile(blocked, (_level, message) => void said.push(message))
  await file.append(Buffer.from('a'), 3)
  await file.append(Buffer.from('b'), 4)
  assert.deepEqual(said, ['the access log cannot be written'])
  assert.equal(file.lostCount, 7)
})
