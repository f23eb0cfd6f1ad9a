import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRequestHead } from '../../mechanisms/http1/request-head.ts'
import { createAccessLog, formatAccess, LOG_BATCHES_MAX } from './access-log.ts'
import { createLogFile } from './log-file.ts'
import { createRecordRing } from './ring.ts'
import {
  addAttempt,
  bytesOfRecord,
  createRecord,
  type ExchangeRecord,
  noteRequestId,
  noteRequestLine,
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

test('every line is one JSON object in ASCII, whatever a client sends', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), fc.string(), (path, host) => {
      const record = hostileRecord(host, path)
      const line = formatAccess(record)
      // oxlint-disable-next-line no-control-regex -- the newline is the only control character
      assert.match(line, /^[\x20-\x7e]*\n$/)
      const parsed = JSON.parse(line) as Record<string, unknown>
      assert.equal(parsed['time'], '2023-11-14T22:13:20.123Z')
      assert.ok(path.length > PATH_BYTES_MAX || parsed['path'] === latin1(path))
    }),
  )
})

test('when the disk does not keep up, lines are dropped and counted, and memory stays', () => {
  const sent: ArrayBuffer[] = []
  const log = createAccessLog((buffer) => void sent.push(buffer))
  const record = hostileRecord('', `/${'x'.repeat(1000)}`)
  while (log.droppedCount < 10) log.write(record)
  assert.equal(sent.length, LOG_BATCHES_MAX)
  log.giveBack(sent.pop()!)
  log.write(record)
  log.flush()
  assert.equal(sent.length, LOG_BATCHES_MAX)
  assert.equal(log.droppedCount, 10)
})

test('a full file is put aside, and only so many are kept', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = createLogFile(folder, () => {}, 10)
  for (let i = 0; i < 6; i++) await file.append(Buffer.from(`line ${i}\n`))
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

test('a disk that fails is said once and stops nobody', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const blocked = join(folder, 'file')
  writeFileSync(blocked, '')
  const said: string[] = []
  const file = createLogFile(blocked, (_level, message) => void said.push(message))
  await file.append(Buffer.from('a'))
  await file.append(Buffer.from('b'))
  assert.deepEqual(said, ['the access log cannot be written'])
})

test('the ring keeps the newest, finds by id, and hands out what it overwrites', () => {
  const ring = createRecordRing(3, 4)
  const first = createRecord()
  noteRequestId(first, '0')
  ring.keep(first)
  for (let i = 1; i < 6; i++) {
    const record = createRecord()
    noteRequestId(record, String(i))
    record.status = i === 4 ? 502 : 200
    addAttempt(record, 5).instance = `echo-${i}`
    const old = ring.keep(record)
    if (i === 4) assert.equal(old, first)
  }
  assert.deepEqual(
    ring.recent(3, false).map(({ requestId }) => requestId),
    ['5', '4', '3'],
  )
  assert.deepEqual(
    ring.recent(9, true).map(({ requestId }) => requestId),
    ['4'],
  )
  assert.equal(ring.find('0'), null)
  assert.equal(ring.find('2')?.worker, 3)
  assert.equal(ring.find('5')?.attempts[0]?.instance, 'echo-5')
})

test('the ring is bounded in bytes too: long requests push out more than one', () => {
  const bytesMax = 20_000
  const ring = createRecordRing(0, 100, bytesMax)
  const short = createRecord()
  for (let i = 0; i < 50; i++) ring.keep(createRecord())
  assert.ok(ring.bytes <= bytesMax && ring.bytes > bytesMax - bytesOfRecord(short))
  const before = ring.recent(100, false).length
  ring.keep(hostileRecord('h'.repeat(300), 'p'.repeat(2_000)))
  const after = ring.recent(100, false)
  assert.ok(ring.bytes <= bytesMax && after.length < before)
  assert.match(after[0]!.target, /^p+\.\.\.$/)
  createRecordRing(0, 100, 1).keep(short)
})
