import { cpus } from 'node:os'
import { RecordWriter } from '../src/contracts/records.ts'
import type { RequestRecord } from '../src/contracts/snapshot.ts'
import { AccessLine } from '../src/dataplane/records/access-line.ts'
import {
  addAttempt,
  createRecord,
  noteRequestId,
  noteRequestLine,
  noteTrace,
  tellRecord,
} from '../src/dataplane/records/record.ts'
import { createRequestHead, parseRequestHead } from '../src/mechanisms/http1/request-head.ts'

/**
 * Nanoseconds of CPU to note one finished request, the least of several rounds: `node bench/records.ts [rounds]`. `as a string` is the way
 * the access log was written at first: the line is put together as a string and copied into the batch.
 */
const ROUNDS = Number(process.argv[2] ?? 7)
const PER_ROUND = 300_000

/** Requests differ in path, id and trace. */
function createSample(number: number): ReturnType<typeof createRecord> {
  const request = Buffer.from(
    `GET /api/orders/${4711 + number}?page=2 HTTP/1.1\r\nhost: shop.example:8080\r\n\r\n`,
  )
  const record = createRecord()
  const head = createRequestHead(16)
  const limits = { requestLineBytesMax: 8192, headBytesMax: 32_768 }
  parseRequestHead(request, 0, request.length, limits, head)
  noteRequestLine(record, head, request)
  noteRequestId(record, `0123456789abcdef012345${1000 + number}`)
  noteTrace(record, `00-4bf92f3577b34da6a3ce929d0e0e${1000 + number}-00f067aa0ba902b7-01`, null)
  Object.assign(record, { listener: 'gateway', client: '127.0.0.1', route: '/api/orders/{id}' })
  Object.assign(record, { service: 'orders', status: 200, durationMs: 1.234, responseBytes: 512 })
  record.startedAtMs = 1_700_000_000_123
  addAttempt(record, 1).instance = `orders-${number % 2}`
  return record
}

const records = Array.from({ length: 64 }, (_, number) => createSample(number))
const told = records.map((record) => tellRecord(record, 0))
/** At full load many lines share a millisecond. */
const time = new Date(1_700_000_000_123).toISOString()
const into = Buffer.alloc(64 * 1024)
const line = new AccessLine()
const writer = new RecordWriter()
writer.begin(into, 0)

/** The line as it was put together before it was written as bytes. */
function formatLine(one: RequestRecord): string {
  return (
    `{"time":"${time}","id":${quote(one.requestId)},"trace":"${one.traceId}"` +
    `,"client":"${one.client}","listener":${quote(one.listener)},"method":"${one.method}","host":${quote(one.host)}` +
    `,"path":${quote(one.target)},"route":${quote(one.route)},"service":${quote(one.service)}` +
    `,"instance":${quote(one.attempts[0]!.instance)},"attempts":1,"status":${one.status}` +
    `,"us":${Math.round(one.durationMs * 1000)},"queueUs":0,"in":${one.requestBytes},"out":${one.responseBytes}}\n`
  )
}

function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /["\\\u0000-\u001f\u007f-\uffff]/.test(text) ? JSON.stringify(text) : `"${text}"`
}

const ways: readonly (readonly [string, (nth: number) => number])[] = [
  ['access log, as a string', (nth) => into.write(formatLine(told[nth]!), 0, 'latin1')],
  ['access log, as bytes', (nth) => line.write(records[nth]!, into, 0)],
  ['record for telemetry', (nth) => writer.write(records[nth]!, into, 0)],
]

const least = new Map<string, number>()
let sum = 0
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, write] of ways) {
    const before = process.cpuUsage()
    for (let i = 0; i < PER_ROUND; i++) sum += write(i & 63)
    const { user, system } = process.cpuUsage(before)
    const ns = ((user + system) * 1000) / PER_ROUND
    least.set(name, Math.min(ns, least.get(name) ?? Infinity))
  }
}

process.stdout.write(
  `${cpus()[0]?.model}, Node ${process.version}\n\n| what | ns | bytes |\n| --- | --- | --- |\n`,
)
for (const [name, write] of ways) {
  process.stdout.write(`| ${name} | ${least.get(name)!.toFixed(0)} | ${Math.round(write(0))} |\n`)
}
if (sum === 0) throw new Error('nothing was written')
