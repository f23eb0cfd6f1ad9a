import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import type { LogsState } from '../../../contracts/logs-state.ts'
import type { CollectedLine } from '../../../contracts/supervisor.ts'
import { parseSearch } from '../../../mechanisms/log-query/parse.ts'
import { systemClock } from '../../../platform/clock.ts'
import { ListenerBoard } from '../../../platform/listeners/board.ts'
import { logListeners } from '../listeners.ts'
import { openLogs } from '../testing/opened.ts'
import { LogsHouse } from '../house.ts'
import { IngestBusyError } from './busy.ts'
import type { Ingest } from './ingest.ts'
import { openLogListeners } from './open-listeners.ts'
import { takeOutput } from './output.ts'

const NAMES = [
  'otlp-http',
  'otlp-grpc',
  'elasticsearch',
  'loki',
  'splunk',
  'zipkin',
  'beats',
  'syslog',
] as const
const ANY_PORT = { host: '127.0.0.1', port: 0 }

/** All listeners on free ports, over a store of their own, or over an ingest that the test gives. */
async function open(t: TestContext, otherIngest?: Partial<Ingest>, token?: string) {
  const logs = await openLogs(t)
  const listen = {
    default: 'off' as const,
    ...Object.fromEntries(NAMES.map((name) => [name, ANY_PORT])),
  }
  const board = new ListenerBoard({
    table: logListeners,
    listen,
    sourceOf: () => 'default',
    log: () => {},
    clock: systemClock,
    portsBefore: new Map(),
  })
  const needs = {
    ingest: (otherIngest ?? logs.ingest) as Ingest,
    store: logs.store,
    metrics: () => undefined,
    nowMs: () => Date.now(),
  }
  const closes = await openLogListeners(board, needs, { hosts: [], token }, systemClock)
  t.after(() => Promise.all(closes.map((close) => close())))
  const addresses = new Map(board.views().map(({ id, address }) => [id, address]))
  const post = async (
    name: (typeof NAMES)[number],
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`http://${addresses.get(name)}${path}`, {
      method: 'POST',
      body,
      headers,
    })
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  const find = (query: string) =>
    logs.queries.search(
      {
        signal: 'logs',
        expression: parseSearch(query),
        range: { from: 0, to: Number.MAX_SAFE_INTEGER },
        limit: 100,
      },
      new AbortController().signal,
    )
  return { ...logs, addresses, post, find }
}

const NDJSON = { 'content-type': 'application/x-ndjson' }
const JSON_TYPE = { 'content-type': 'application/json' }

test('what is strange is kept: one broken document of a bulk fails alone, the others live', async (t) => {
  const { post, find } = await open(t)
  const deep = `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`
  const wide = JSON.stringify({
    message: 'ten thousand fields',
    ...Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`f${at}`, at])),
  })
  const lines = [
    '{"message":"good"}',
    '{"message":"broken',
    `{"message":"deep","x":${deep}}`,
    wide,
    '{"@timestamp":"1970-01-01T00:00:01Z","message":"from 1970"}',
    '{"@timestamp":"2099-12-31T23:59:59Z","message":"from 2099"}',
    '{"@timestamp":-5,"message":"before time"}',
    '{"message":"conflict","status":"five hundred"}',
    '{"message":"conflict","status":500}',
    '{"message":"half \\ud800 character","__proto__":{"polluted":1},"constructor":2}',
    JSON.stringify({ message: `ten megabytes ${'x'.repeat(10_000_000)}` }),
  ]
  const body = lines.map((line) => `{"index":{"_index":"odd"}}\n${line}\n`).join('')
  const answer = await post('elasticsearch', '/_bulk', body, NDJSON)
  const { errors, items } = JSON.parse(answer.text) as {
    errors: boolean
    items: { index: { status: number } }[]
  }
  assert.equal(errors, true)
  assert.deepEqual(
    items.map(({ index }) => index.status),
    [201, 400, ...Array.from({ length: 9 }, () => 201)],
  )
  assert.equal((await find('source:elasticsearch')).length, 10)
  assert.equal((await find('conflict status:*')).length, 2)
  assert.equal((await find('conflict status>=500')).length, 1)
  const [from1970] = await find('"from 1970"')
  assert.equal(from1970?.['time'], 1_000_000)
  const [long] = await find('"ten megabytes"')
  assert.ok(String(long?.['body'] as string).length < 300_000)
  assert.ok((await find('"half"'))[0] !== undefined)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('bodies that are too much, or not what they say, are refused by the rule of each protocol', async (t) => {
  const { post } = await open(t)
  const bomb = gzipSync(Buffer.alloc(150_000_000))
  const zip = { 'content-encoding': 'gzip' }
  assert.equal((await post('otlp-http', '/v1/logs', bomb, { ...JSON_TYPE, ...zip })).status, 413)
  assert.equal((await post('elasticsearch', '/_bulk', bomb, { ...NDJSON, ...zip })).status, 413)
  assert.equal(
    (await post('otlp-http', '/v1/logs', 'no gzip', { ...JSON_TYPE, ...zip })).status,
    400,
  )
  assert.equal((await post('otlp-http', '/v1/logs', '{"resourceLogs":7}', JSON_TYPE)).status, 200)
  assert.equal((await post('otlp-http', '/v1/logs', 'nonsense', JSON_TYPE)).status, 400)
  const proto = { 'content-type': 'application/x-protobuf' }
  assert.equal(
    (await post('otlp-http', '/v1/traces', new Uint8Array([10, 255, 255, 3]), proto)).status,
    400,
  )
  assert.equal((await post('otlp-http', '/v1/traces', '', proto)).status, 200)
  assert.equal((await post('otlp-http', '/v1/metrics', '', proto)).status, 404)
  assert.equal(
    (await post('otlp-http', '/v1/logs', 'x', { 'content-type': 'text/plain' })).status,
    415,
  )
  assert.equal((await post('elasticsearch', '/_bulk', 'what\n', NDJSON)).status, 400)
  assert.equal((await post('loki', '/loki/api/v1/push', new Uint8Array([9, 9, 9]))).status, 400)
  assert.equal(
    (await post('loki', '/loki/api/v1/push', '{"streams":[{"values":[[1,2]]}]}', JSON_TYPE)).status,
    400,
  )
  const hec = await post('splunk', '/services/collector', '{"event":"a"}{"event":""}')
  assert.deepEqual(
    [hec.status, JSON.parse(hec.text)],
    [400, { text: 'Event field cannot be blank', code: 13, 'invalid-event-number': 1 }],
  )
  assert.equal((await post('zipkin', '/api/v2/spans', '{}', JSON_TYPE)).status, 400)
  const partial = await post(
    'otlp-http',
    '/v1/traces',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","name":"x"}]}]}]}',
    JSON_TYPE,
  )
  assert.match(partial.text, /partialSuccess.*"1"/)
})

test('a full disk is told to each sender so that it tries again', async (t) => {
  const busy = () => Promise.reject(new IngestBusyError(503, 2, 'the disk is full'))
  const { post } = await open(t, { takeLogs: busy, takeSpans: busy })
  const span = '[{"traceId":"00000000000000aa","id":"00000000000000ab","name":"x"}]'
  for (const [name, path, body, headers] of [
    ['otlp-http', '/v1/logs', '{}', JSON_TYPE],
    ['elasticsearch', '/_bulk', '{"index":{}}\n{"a":1}\n', NDJSON],
    ['loki', '/loki/api/v1/push', '{"streams":[]}', JSON_TYPE],
    ['splunk', '/services/collector', '{"event":"a"}', {}],
    ['zipkin', '/api/v2/spans', span, JSON_TYPE],
  ] as const) {
    const answer = await post(name, path, body, headers)
    assert.equal(answer.status, 503, name)
    assert.equal(answer.headers.get('retry-after'), '2', name)
  }
})

test('with a token nobody else may write, by the way that each protocol has', async (t) => {
  const { post } = await open(t, undefined, 's3cret')
  const bulk = '{"index":{}}\n{"a":1}\n'
  const basic = `Basic ${Buffer.from('any:s3cret').toString('base64')}`
  for (const [name, path, body, good] of [
    ['otlp-http', '/v1/logs', '{}', 'Bearer s3cret'],
    ['elasticsearch', '/_bulk', bulk, `ApiKey ${Buffer.from('id:s3cret').toString('base64')}`],
    ['elasticsearch', '/_bulk', bulk, basic],
    ['loki', '/loki/api/v1/push', '{"streams":[]}', basic],
    ['splunk', '/services/collector', '{"event":"a"}', 'Splunk s3cret'],
    ['zipkin', '/api/v2/spans', '[]', basic],
  ] as const) {
    const headers = { ...JSON_TYPE, authorization: good }
    assert.ok((await post(name, path, body, headers)).status < 300, name)
    const bad = { ...JSON_TYPE, authorization: good.replace(/.{3}$/, 'AAA') }
    assert.ok([401, 403].includes((await post(name, path, body, bad)).status), name)
    assert.equal((await post(name, path, body, JSON_TYPE)).status, 401, name)
  }
})

test("acknowledged by Splunk's collector means stored, and is told once", async (t) => {
  const { post, find } = await open(t)
  const channel = { 'x-splunk-request-channel': 'c1' }
  const sent = await post(
    'splunk',
    '/services/collector/raw?source=raw-one',
    'line one\nline two',
    channel,
  )
  assert.deepEqual(JSON.parse(sent.text), { text: 'Success', code: 0, ackId: 0 })
  assert.equal((await find('service:raw-one line')).length, 2)
  const acks = async () =>
    (await post('splunk', '/services/collector/ack', '{"acks":[0,1]}', channel)).text
  assert.equal(await acks(), '{"acks":{"0":true,"1":false}}')
  assert.equal(await acks(), '{"acks":{"0":false,"1":false}}')
})

test('syslog: noise over TCP is kept or ends its connection, and the next one is served', async (t) => {
  const { addresses, find } = await open(t)
  const [host = '', port = ''] = (addresses.get('syslog') ?? '').split(':')
  const send = (bytes: string | Uint8Array) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(port), host, () => socket.end(bytes))
      socket.on('close', () => resolve())
      socket.on('error', () => resolve())
      socket.resume()
    })
  await send(new Uint8Array(3_000_000).fill(65))
  await send('99999999 <13>')
  await send(new Uint8Array([0xff, 0xfe, 10, 60, 49, 62, 10]))
  await send('<11>1 2026-11-29T12:00:00Z h shop - - - still here\n')
  for (;;) {
    const found = await find('"still here"')
    if (found.length === 0) continue
    assert.equal(found[0]?.['service'], 'shop')
    break
  }
})

test('JSON of thousands of levels in one datagram, or one line of a service, costs nothing but its depth', async (t) => {
  const { addresses, ingest, find } = await open(t)
  const [host = '', port = ''] = (addresses.get('syslog') ?? '').split(':')
  const deep = `{"msg":"deep one","a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  await new Promise((resolve) => socket.send(`<11>1 - h shop - - - ${deep}`, +port, host, resolve))
  const line = { service: 'orders', process: 'orders-1', stream: 'stdout', atMs: Date.now() }
  const texts = [deep, 'its neighbour']
  await takeOutput(
    ingest,
    texts.map((text, at) => ({ ...line, seq: at + 1, text }) as CollectedLine),
    Date.now(),
  )
  assert.equal((await find('neighbour')).length, 1)
  assert.equal((await find('source:stdout "deep one"')).length, 1)
  while ((await find('source:syslog "deep one"')).length === 0);
})

test('a window of Beats is acknowledged when it is stored, compressed or not', async (t) => {
  const { addresses, find } = await open(t)
  const [host = '', port = ''] = (addresses.get('beats') ?? '').split(':')
  const frame = (kind: string, ...numbers: (number | Uint8Array)[]): Buffer =>
    Buffer.concat([
      Buffer.from(`2${kind}`),
      ...numbers.map((one) => (typeof one === 'number' ? uint32(one) : one)),
    ])
  const uint32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const event = (sequence: number, text: string): Buffer =>
    frame('J', sequence, Buffer.byteLength(text), Buffer.from(text))
  const events = Buffer.concat([
    event(1, '{"@timestamp":"2026-11-29T12:00:00.000Z","message":"one","service":{"name":"beat"}}'),
    event(2, 'no json'),
  ])
  const zipped = deflateSync(events)
  const socket = connect(Number(port), host)
  const answered: Buffer[] = []
  const bytesOf = async (count: number): Promise<Buffer> => {
    for await (const chunk of socket) {
      answered.push(chunk as Buffer)
      if (Buffer.concat(answered).length >= count) break
    }
    return Buffer.concat(answered)
  }
  socket.write(Buffer.concat([frame('W', 2), frame('C', zipped.length, zipped)]))
  assert.deepEqual([...(await bytesOf(6))], [0x32, 0x41, 0, 0, 0, 2])
  socket.destroy()
  assert.equal((await find('service:beat one')).length, 1)
  assert.equal((await find('source:beats "no json"')).length, 1)
})

test('compressed frames of Beats within each other, or windows without an end, end the connection', async (t) => {
  let waiting = 0
  const { addresses } = await open(t, {
    takeLogs: (records) => {
      waiting += records.length
      return new Promise(() => {})
    },
  })
  const [host = '', port = ''] = (addresses.get('beats') ?? '').split(':')
  const frame = (kind: string, number: number, bytes: Uint8Array = new Uint8Array()): Buffer => {
    const head = Buffer.from(`2${kind}1234`)
    head.writeUInt32BE(number, 2)
    return Buffer.concat([head, bytes])
  }
  const zip = (bytes: Uint8Array): Buffer => {
    const zipped = deflateSync(bytes)
    return frame('C', zipped.length, zipped)
  }
  const isEnded = (bytes: Uint8Array): Promise<true> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), host, () => socket.write(bytes))
      socket.on('close', () => resolve(true)).on('error', () => {})
      socket.resume()
    })
  assert.ok(await isEnded(zip(zip(zip(Buffer.alloc(0))))))
  const empty = Buffer.alloc(99_999 * 10, frame('J', 1, Buffer.alloc(4)))
  const window = Buffer.concat([frame('W', 100_000), empty])
  assert.ok(await isEnded(zip(Buffer.concat([window, window, window, window]))))
  assert.ok(waiting <= 200_000, `${waiting} records wait`)
})

test('a house opens only what the file names, and says where', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-logs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const state: LogsState = {
    listen: { default: 'off', 'otlp-http': ANY_PORT },
    portsBefore: {},
    hosts: [],
    token: undefined,
    retention: { logsMs: 3_600_000, spansMs: 3_600_000, bytesMax: 0, rules: [] },
    redact: { secrets: true, rules: [{ pattern: 'order-(\\d+)', by: 'order-#' }] },
    memory: { waitingMax: 1_000_000, queryBytesMax: 128_000_000 },
    query: { timeoutMs: 10_000 },
    gateway: { spansPerSecond: 1 },
  }
  const house = await LogsHouse.open({
    folder,
    state,
    clock: systemClock,
    log: () => {},
    metricsSink: () => undefined,
    changed: () => {},
  })
  t.after(() => house.close())
  await house.apply(state)
  const open = house.listeners().filter(({ error }) => error === '')
  assert.deepEqual(
    open.map(({ name }) => name),
    ['otlp-http'],
  )
  const tail = house.ingest.tail.open(parseSearch(''), () => {})
  const body =
    '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"order-77 paid"}}]}]}]}'
  await fetch(`http://${open[0]?.address}/v1/logs`, { method: 'POST', headers: JSON_TYPE, body })
  assert.equal(tail?.take().records[0]?.body, 'order-# paid')
  assert.deepEqual(house.problems(), [])
})

test('ten thousand levels in an event of Splunk or a line and a label of Loki are cut, and no reason to send it again', async (t) => {
  const { post, find } = await open(t)
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  const event = await post(
    'splunk',
    '/services/collector/event',
    `{"event":{"a":${deep}}}`,
    JSON_TYPE,
  )
  assert.equal(event.status, 200)
  const push = `{"streams":[{"stream":{"job":"deep","x":${deep}},"values":[["1","deep line",{"y":${deep}}]]}]}`
  const pushed = await post('loki', '/loki/api/v1/push', push, JSON_TYPE)
  assert.ok(pushed.status === 204 || pushed.status === 400, String(pushed.status))
  assert.equal((await find('source:splunk')).length, 1)
})
