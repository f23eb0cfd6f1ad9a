import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createChoice } from '../../mechanisms/balancing/choice.ts'
import { RecordWriter, type RecordSource } from '../../contracts/records.ts'
import type { RequestRecord } from '../../contracts/snapshot.ts'
import {
  encodeTelemetryFrame,
  TELEMETRY_FRAME,
  TelemetryFrameReader,
} from '../../contracts/telemetry.ts'
import { systemClock } from '../../platform/clock.ts'
import { createListenerApp } from '../../platform/http/listener.ts'
import { startTelemetry } from './telemetry.ts'

async function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-telemetry-'))
  const recordsSocket = join(folder, 'records.sock')
  const logged: string[] = []
  const log = (_level: string, message: string) => void logged.push(message)
  const part = await startTelemetry(
    { recordsSocket },
    {},
    { clock: systemClock, log, onStop: (release) => t.after(release) },
  )
  const app = createListenerApp({ log, hosts: [], token: undefined })
  for (const register of part.routes ?? []) register(app)
  t.after(() => app.close())
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const get = async (url: string) => {
    const answer = await app.inject({ url, headers: { host: 'localhost' } })
    return { status: answer.statusCode, body: answer.json<unknown>() }
  }
  return { recordsSocket, get, logged, part }
}

async function dial(t: TestContext, path: string) {
  const socket: Socket = connect(path)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  let acknowledged = 0
  const reader = new TelemetryFrameReader((kind, payload) => {
    if (kind === TELEMETRY_FRAME.acknowledge) acknowledged += payload.readUInt32BE(0)
  })
  socket.on('data', (chunk: Buffer) => reader.feed(chunk))
  return {
    socket,
    async acknowledged(count: number) {
      while (acknowledged < count) await once(socket, 'data')
    },
  }
}

function source(requestId: string, fields: Partial<RecordSource> = {}): RecordSource {
  const id = Buffer.from(requestId)
  return {
    requestId: id,
    requestIdLength: id.length,
    traceId: Buffer.alloc(16, 0xab),
    spanId: Buffer.alloc(8, 1),
    parentSpanId: Buffer.alloc(8),
    isSampled: true,
    text: Buffer.from('shop/orders'),
    hostLength: 4,
    isHostCut: false,
    pathLength: 7,
    isPathCut: false,
    detailLength: 0,
    startedAtMs: 1_000,
    startedMs: 0,
    listener: 'gateway',
    caller: '',
    client: '::1',
    protocol: 'http/1.1',
    tls: '',
    method: 'GET',
    route: 'r',
    routeSource: '',
    service: 'orders',
    serviceSource: '',
    algorithm: '',
    status: 200,
    reason: '',
    version: 1,
    queueMs: 0,
    durationMs: 1,
    requestBytes: 0,
    responseBytes: 0,
    hasDefect: false,
    attemptCount: 1,
    attempts: [
      {
        instance: 'orders-1',
        address: '127.0.0.1:1',
        candidates: 1,
        excluded: 0,
        choice: createChoice(),
        startedMs: 0,
        connectedMs: 0,
        answeredMs: 1,
        outcome: 'answered',
        status: 200,
      },
    ],
    policyCount: 0,
    policies: [],
    ...fields,
  }
}

function batchFrame(worker: number, records: readonly RecordSource[]): Buffer {
  const into = Buffer.alloc(128 * 1024)
  const writer = new RecordWriter()
  let end = writer.begin(into, 0)
  for (const record of records) end = writer.write(record, into, end)
  const number = Buffer.from([0, worker])
  return encodeTelemetryFrame(TELEMETRY_FRAME.records, number, into.subarray(0, end))
}

test('requests are told newest first, and found by service, trace and failure', async (t) => {
  const { recordsSocket, get } = await start(t)
  const data = await dial(t, recordsSocket)
  data.socket.write(batchFrame(1, [source('a'), source('b', { startedAtMs: 3_000, status: 502 })]))
  const other = { startedAtMs: 2_000, service: 'users', traceId: Buffer.alloc(16, 0xcd) }
  data.socket.write(batchFrame(2, [source('c', other)]))
  await data.acknowledged(2)
  const ids = async (query: string) => {
    const { status, body } = await get(`/api/v1/telemetry/requests${query}`)
    assert.equal(status, 200)
    return (body as RequestRecord[]).map(({ requestId }) => requestId)
  }
  assert.deepEqual(await ids(''), ['b', 'c', 'a'])
  assert.deepEqual(await ids('?service=users'), ['c'])
  assert.deepEqual(await ids('?failed=true'), ['b'])
  assert.deepEqual(await ids(`?trace=${'cd'.repeat(16)}`), ['c'])
  assert.deepEqual(await ids('?limit=1'), ['c'], 'a limit takes the newest batches')
  assert.equal((await get('/api/v1/telemetry/requests?limit=0')).status, 400)
  const status = (await get('/api/v1/telemetry/status')).body as Record<string, number>
  assert.equal(status['requestBatches'], 2)
  assert.ok(status['requestBytes']! > 100)
})

test('only our user may open the socket', async (t) => {
  const { recordsSocket } = await start(t)
  assert.equal(statSync(recordsSocket).mode & 0o077, 0)
})

test('what cannot be read costs itself: a batch, or a connection, and nothing else', async (t) => {
  const { recordsSocket, get, logged } = await start(t)
  const first = await dial(t, recordsSocket)
  const noise = Buffer.from([0xb7, 1, 255, 255, 255])
  first.socket.write(encodeTelemetryFrame(TELEMETRY_FRAME.records, Buffer.from([0, 1]), noise))
  first.socket.write(batchFrame(1, [source('a')]))
  first.socket.write(encodeTelemetryFrame(99, noise))
  await first.acknowledged(3)
  const told = (await get('/api/v1/telemetry/requests')).body as RequestRecord[]
  assert.equal(told.length, 1)
  assert.ok(logged.includes('a batch of records cannot be read'))
  for (const bytes of [
    Buffer.alloc(8, 0xff),
    encodeTelemetryFrame(TELEMETRY_FRAME.changes, Buffer.from('{')),
    encodeTelemetryFrame(TELEMETRY_FRAME.changes, Buffer.from('{"edges":7}')),
    encodeTelemetryFrame(TELEMETRY_FRAME.changes, Buffer.from('null')),
    encodeTelemetryFrame(TELEMETRY_FRAME.records, Buffer.from([1])),
  ]) {
    const broken = await dial(t, recordsSocket)
    broken.socket.write(bytes)
    await once(broken.socket, 'close')
  }
  first.socket.write(batchFrame(1, [source('z')]))
  await first.acknowledged(4)
})

test('a question for series that is too large is refused with what to do', async (t) => {
  const { get } = await start(t)
  assert.deepEqual((await get('/api/v1/telemetry/series')).status, 200)
  for (const query of ['from=5&to=5', 'from=0&to=100000000&step=1000']) {
    const { status, body } = await get(`/api/v1/telemetry/series?${query}`)
    assert.equal(status, 400)
    assert.equal((body as { code: string }).code, 'ERR_TELEMETRY_RANGE')
  }
  assert.equal((await get('/api/v1/telemetry/series?by=nonsense')).status, 400)
})
