import { cpus } from 'node:os'
import { RecordWriter } from '../src/contracts/records.ts'
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

const REQUEST = Buffer.from(
  'GET /api/orders/4711?page=2 HTTP/1.1\r\nhost: shop.example:8080\r\n\r\n',
)

function createSample(): ReturnType<typeof createRecord> {
  const record = createRecord()
  const head = createRequestHead(16)
  parseRequestHead(
    REQUEST,
    0,
    REQUEST.length,
    { requestLineBytesMax: 8192, headBytesMax: 32_768 },
    head,
  )
  noteRequestLine(record, head, REQUEST)
  noteRequestId(record, '0123456789abcdef0123456789')
  noteTrace(record, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', null)
  Object.assign(record, { listener: 'gateway', client: '127.0.0.1', route: '/api/orders/{id}' })
  Object.assign(record, { service: 'orders', status: 200, durationMs: 1.234, responseBytes: 512 })
  record.startedAtMs = 1_700_000_000_123
  addAttempt(record, 1).instance = 'orders-1'
  return record
}

const record = createSample()
const told = tellRecord(record, 0)
const into = Buffer.alloc(64 * 1024)
const line = new AccessLine()
const writer = new RecordWriter()
writer.begin(into, 0)

/** The line as it was put together before it was written as bytes; names that repeat were quoted already. */
function formatLine(): string {
  return (
    `{"time":"${new Date(told.startedAtMs).toISOString()}","id":${quote(told.requestId)},"trace":"${told.traceId}"` +
    `,"client":"${told.client}","listener":"${told.listener}","method":"${told.method}","host":"${told.host}"` +
    `,"path":${quote(told.target)},"route":"${told.route}","service":"${told.service}"` +
    `,"instance":"${told.attempts[0]!.instance}","attempts":1,"status":${told.status}` +
    `,"us":${Math.round(told.durationMs * 1000)},"queueUs":0,"in":${told.requestBytes},"out":${told.responseBytes}}\n`
  )
}

function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /["\\\u0000-\u001f\u007f-\uffff]/.test(text) ? JSON.stringify(text) : `"${text}"`
}

const ways: readonly (readonly [string, () => number])[] = [
  ['access log, as a string', () => into.write(formatLine(), 0, 'latin1')],
  ['access log, as bytes', () => line.write(record, into, 0)],
  ['record for telemetry', () => writer.write(record, into, 0)],
]

const least = new Map<string, number>()
let sum = 0
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, write] of ways) {
    const before = process.cpuUsage()
    for (let i = 0; i < PER_ROUND; i++) sum += write()
    const { user, system } = process.cpuUsage(before)
    const ns = ((user + system) * 1000) / PER_ROUND
    least.set(name, Math.min(ns, least.get(name) ?? Infinity))
  }
}

process.stdout.write(
  `${cpus()[0]?.model}, Node ${process.version}\n\n| what | ns | bytes |\n| --- | --- | --- |\n`,
)
for (const [name, write] of ways) {
  process.stdout.write(`| ${name} | ${least.get(name)!.toFixed(0)} | ${Math.round(write())} |\n`)
}
if (sum === 0) throw new Error('nothing was written')
