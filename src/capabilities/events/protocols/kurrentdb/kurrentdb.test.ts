import assert from 'node:assert/strict'
import { connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { ProtobufReader } from '../../../../mechanisms/protobuf/protobuf.ts'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import { appendTo, testEvent } from '../../engines/testing/requests.ts'
import { GROUP_DEFAULTS } from '../../subscriptions/groups/group-model.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { serveTestStore } from '../../testing/serve.ts'
import { showEvents } from './event-messages.ts'
import { CODE } from './grpc-error.ts'

const STREAMS = '/event_store.client.streams.Streams'
const GROUPS = '/event_store.client.persistent_subscriptions.PersistentSubscriptions'

async function open(t: TestContext, options: Parameters<typeof serveTestStore>[1] = {}) {
  const { url, served } = await serveTestStore(t, options)
  const session = connect(url)
  session.on('error', () => {})
  t.after(() => session.destroy())
  /** One call; resolves when it has ended. */
  const call = async (
    path: string,
    messages: readonly Uint8Array[],
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('error', () => {})
    const all: Buffer[] = []
    let said: IncomingHttpHeaders = {}
    stream.on('response', (fields) => (said = { ...said, ...fields }))
    stream.on('trailers', (fields) => (said = { ...said, ...fields }))
    stream.on('data', (chunk: Buffer) => all.push(chunk))
    for (const message of messages) stream.write(framed(message))
    stream.end()
    await new Promise((resolve) => stream.on('close', resolve))
    return { status: Number(said['grpc-status']), said, bytes: Buffer.concat(all) }
  }
  return { served, session, call, url }
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Options of an append or a deletion. */
function target(stream: string, build: (options: ProtobufWriter) => void = (o) => o.message(4)) {
  return new ProtobufWriter()
    .message(1, (options) => {
      options.message(1, (identifier) => identifier.text(3, stream))
      build(options)
    })
    .finish()
}

function proposed(data: Uint8Array, type = 'counted', contentType = 'application/json') {
  return new ProtobufWriter()
    .message(2, (message) =>
      message
        .message(1, (id) => id.message(1, (halves) => halves.bigint(1, 1n).bigint(2, -1n)))
        .message(2, (entry) => entry.text(1, 'type').text(2, type))
        .message(2, (entry) => entry.text(1, 'content-type').text(2, contentType))
        .bytes(4, data),
    )
    .finish()
}

const json = Buffer.from('{"n":1}')

test('an id of two numbers is the same id as text', async (t) => {
  const { served, call } = await open(t)
  const { status } = await call(`${STREAMS}/Append`, [target('a-1'), proposed(json)])
  assert.equal(status, CODE.ok)
  const { events } = await served.store.readPage({
    source: { kind: 'stream', name: 'a-1' },
    from: 0,
    isBackwards: false,
  })
  assert.equal(events[0]?.id, '00000000-0000-0001-ffff-ffffffffffff')
})

test('bad calls end with the status of the protocol, store nothing, and leave the connection', async (t) => {
  const { served, call } = await open(t)
  const append = (...messages: Uint8Array[]) => call(`${STREAMS}/Append`, messages)
  const cases: [string, Promise<{ status: number; said: IncomingHttpHeaders }>, number, string?][] =
    [
      ['unknown method', call('/no.Service/Call', []), CODE.unimplemented],
      ['no message', append(), CODE.invalidArgument],
      ['no protobuf', append(Buffer.from([255, 255, 255])), CODE.invalidArgument],
      ['no options', append(proposed(json)), CODE.invalidArgument],
      ['invalid JSON', append(target('a'), proposed(Buffer.from('{"n":'))), CODE.invalidArgument],
      [
        'reserved stream',
        append(target('$ce-a'), proposed(json)),
        CODE.permissionDenied,
        'access-denied',
      ],
      [
        'reserved type',
        append(target('a'), proposed(json, '$x')),
        CODE.permissionDenied,
        'access-denied',
      ],
      ['no type', append(target('a'), proposed(json, '')), CODE.invalidArgument],
      ['no name', append(target(''), proposed(json)), CODE.invalidArgument],
      [
        'a revision that does not fit',
        append(
          target('a', (options) => options.bigint(2, 2n ** 63n)),
          proposed(json),
        ),
        CODE.invalidArgument,
      ],
      [
        'large event',
        append(
          target('a'),
          proposed(Buffer.alloc(1024 * 1024 + 1), 't', 'application/octet-stream'),
        ),
        CODE.invalidArgument,
        'maximum-append-size-exceeded',
      ],
      [
        'tombstone at another revision',
        call(`${STREAMS}/Tombstone`, [target('a', (options) => options.uint(2, 7))]),
        CODE.failedPrecondition,
        'wrong-expected-version',
      ],
    ]
  for (const [name, answer, status, exception] of cases) {
    const { status: got, said } = await answer
    assert.equal(got, status, `${name}: ${String(said['grpc-message'])}`)
    if (exception !== undefined) assert.equal(said['exception'], exception, name)
  }
  assert.equal(served.store.engine.end(), 0)
  assert.equal((await append(target('a'), proposed(json))).status, CODE.ok)
})

test('a group that is not there, and an expression that cannot be linear, are refused', async (t) => {
  const { call } = await open(t)
  const group = new ProtobufWriter()
    .message(1, (options) => options.message(1, (s) => s.text(3, 'a')).text(2, 'none'))
    .finish()
  const unknown = await call(`${GROUPS}/Read`, [group])
  assert.equal(unknown.status, CODE.notFound)
  assert.equal(unknown.said['exception'], 'persistent-subscription-does-not-exist')
  const read = new ProtobufWriter()
    .message(1, (options) =>
      options
        .message(2, (all) => all.message(2))
        .uint(5, 1)
        .message(7, (filter) => filter.message(1, (one) => one.text(1, '(a)\\1'))),
    )
    .finish()
  assert.equal((await call(`${STREAMS}/Read`, [read])).status, CODE.invalidArgument)
})

test('a message that says more bytes than may come ends its call before they come', async (t) => {
  const { session } = await open(t)
  const stream = session.request({
    ':method': 'POST',
    ':path': `${STREAMS}/Append`,
    'content-type': 'application/grpc',
  })
  stream.on('error', () => {})
  let status: unknown
  stream.on('response', (fields) => (status = fields['grpc-status']))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(0xffffffff, 1)
  stream.write(head)
  stream.resume()
  await new Promise((resolve) => stream.on('end', resolve))
  assert.equal(status, String(CODE.resourceExhausted))
  stream.close()
})

test('in a batch an append that cannot be stored is an answer, and the others are stored', async (t) => {
  const { served, call } = await open(t)
  const batch = (id: string, data: Uint8Array, stream: string) => {
    const event = new ProtobufReader(proposed(data))
    event.next()
    const { bytes, at } = event.message()
    return new ProtobufWriter()
      .message(1, (uuid) => uuid.text(2, id))
      .message(2, (options) => options.message(1, (s) => s.text(3, stream)).message(4))
      .bytes(3, bytes.subarray(at))
      .bool(4, true)
      .finish()
  }
  const ids = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`)
  const { status, bytes } = await call(`${STREAMS}/BatchAppend`, [
    batch(ids[0] ?? '', json, 'a-1'),
    batch(ids[1] ?? '', Buffer.from('{'), 'a-2'),
    batch(ids[2] ?? '', json, 'a-3'),
  ])
  assert.equal(status, CODE.ok)
  const outcomes = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 1)
    const reader = new ProtobufReader(bytes, at + 5, at + 5 + length)
    at += 5 + length
    let id = ''
    while (reader.next()) {
      if (reader.field === 1) {
        const uuid = reader.message()
        uuid.next()
        id = uuid.text()
      } else {
        if (reader.field === 2 || reader.field === 3) {
          outcomes.set(id, reader.field === 2 ? 'error' : 'success')
        }
        reader.skip()
      }
    }
  }
  assert.deepEqual(
    [...outcomes].toSorted(([a], [b]) => a.localeCompare(b)),
    [
      [ids[0], 'success'],
      [ids[1], 'error'],
      [ids[2], 'success'],
    ],
  )
  assert.equal(served.store.engine.end(), 2)
})

test('with a token a call without it is refused', async (t) => {
  const { call } = await open(t, { token: 'a-token-of-sixteen' })
  const append = (headers: Record<string, string>) =>
    call(`${STREAMS}/Append`, [target('a'), proposed(json)], headers)
  const refused = await append({})
  assert.deepEqual(
    [refused.status, refused.said['exception']],
    [CODE.unauthenticated, 'access-denied'],
  )
  const basic = Buffer.from('admin:a-token-of-sixteen').toString('base64')
  assert.equal((await append({ authorization: `Basic ${basic}` })).status, CODE.ok)
})

test('a subscriber that does not read is not read for, and does not hold up the others', async (t) => {
  const { served, session } = await open(t)
  const data = Buffer.alloc(100_000, 32)
  for (let n = 0; n < 20; n++) {
    const events = Array.from({ length: 10 }, () => testEvent({ data, isJson: false }))
    await served.store.append(appendTo('a-1', 'any', events))
  }
  const subscribe = () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `${STREAMS}/Read`,
      'content-type': 'application/grpc',
    })
    stream.on('error', () => {})
    const request = new ProtobufWriter()
      .message(1, (options) =>
        options
          .message(2, (all) => all.message(2))
          .message(6)
          .message(8),
      )
      .finish()
    stream.end(framed(request))
    return stream
  }
  const before = process.memoryUsage().rss
  for (let n = 0; n < 20; n++) subscribe().pause()
  const reading = subscribe()
  let seen = 0
  await new Promise<void>((resolve) =>
    reading.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen > 19_000_000) resolve()
    }),
  )
  // Twenty that do not read would hold 400 MB if they were read for.
  assert.ok(process.memoryUsage().rss - before < 250 * 1024 * 1024)
})

test('a call that is cancelled in the middle stores nothing of what it has sent', async (t) => {
  const { served, session: whole, call, url } = await open(t)
  const record = new ProtobufWriter()
    .text(1, 'half')
    .message(2, (one) => one.message(3, (schema) => schema.uint(1, 1).text(2, 'x')).bytes(4, json))
    .sint(3, -2)
    .finish()
  const half: readonly [string, readonly Uint8Array[]][] = [
    [`${STREAMS}/Append`, [target('half'), proposed(json)]],
    ['/kurrentdb.protocol.v2.streams.StreamsService/AppendSession', [record]],
  ]
  for (const [path, messages] of half) {
    for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR, 'connection']) {
      const session = code === 'connection' ? connect(url) : whole
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
      })
      stream.on('error', () => {})
      for (const message of messages) stream.write(framed(message))
      // The server has read it all once it has answered what came behind it.
      await new Promise((resolve) => session.ping(resolve))
      if (typeof code === 'number') stream.close(code)
      else session.socket.destroy()
      await new Promise((resolve) => whole.ping(resolve))
    }
  }
  assert.equal((await call(`${STREAMS}/Append`, [target('whole'), proposed(json)])).status, 0)
  const { head } = await served.store.engine.stream('half')
  assert.equal(head, 'none')
})

test('a consumer of a group that does not read is not written to for ever', async (t) => {
  const clock = manualClock()
  const { served, session } = await open(t, { clock })
  const settings = { ...GROUP_DEFAULTS, startFrom: 0, messageTimeoutMs: 1, maxRetryCount: 1_000 }
  await served.groups.create({ stream: 'a-1', name: 'g', filter: undefined, settings })
  const data = Buffer.alloc(500_000, 32)
  const events = Array.from({ length: 8 }, () => testEvent({ data, isJson: false }))
  await served.store.append(appendTo('a-1', 'any', events))
  const stream = session.request({
    ':method': 'POST',
    ':path': `${GROUPS}/Read`,
    'content-type': 'application/grpc',
  })
  stream.on('error', () => {})
  stream.pause()
  const request = new ProtobufWriter().message(1, (options) =>
    options
      .message(1, (one) => one.text(3, 'a-1'))
      .text(2, 'g')
      .uint(3, 100),
  )
  stream.write(framed(request.finish()))
  const group = served.groups.get('a-1', 'g')
  for (let turns = 0; turns < 1_000 && (await group.view()).inFlight === 0; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (let n = 0; n < 50; n++) clock.move(1_000)
  // 50 times 8 events were pushed at a client that has taken none.
  assert.ok((await group.view()).retried <= 16)
  // When it reads again, it gets them.
  let seen = 0
  await new Promise<void>((resolve) =>
    stream
      .on('data', (chunk: Buffer) => {
        seen += chunk.length
        if (seen > 4_000_000) resolve()
      })
      .resume(),
  )
})

test('messages made to cost more than they weigh are refused at once', async (t) => {
  const { call } = await open(t)
  const before = performance.now()
  const huge = new ProtobufWriter()
    .message(2, (message) =>
      message.message(1, (id) => id.message(1, (halves) => halves.bytes(1, Buffer.alloc(400_000)))),
    )
    .finish()
  const { status } = await call(`${STREAMS}/Append`, [target('a'), huge])
  assert.equal(status, CODE.invalidArgument)
  const v2 = '/kurrentdb.protocol.v2.streams.StreamsService'
  // Records of two bytes each, and streams without a record.
  const empty = Buffer.alloc(200_000, Buffer.from([0x12, 0]))
  assert.equal((await call(`${v2}/AppendSession`, [empty])).status, CODE.invalidArgument)
  const names = Array.from({ length: 30_000 }, (_, n) =>
    new ProtobufWriter().text(1, `s-${n}`).finish(),
  )
  assert.equal((await call(`${v2}/AppendSession`, names)).status, CODE.invalidArgument)
  assert.ok(performance.now() - before < 5_000)
})

test('three clients resolve pages of links at once, and none of them is told to try again', async (t) => {
  const { served } = await open(t)
  await served.store.append(appendTo('a-1', 'any', [testEvent()]))
  const link = () => testEvent({ type: '$>', isJson: false, data: Buffer.from('0@a-1') })
  await served.store.append(appendTo('links', 'any', Array.from({ length: 512 }, link)))
  const source = { kind: 'stream', name: 'links' } as const
  const { events } = await served.store.readPage({ source, from: 0, isBackwards: false })
  const all = await Promise.all(
    Array.from({ length: 3 }, () => showEvents(served.store, events, '', true)),
  )
  assert.ok(all.flat().every(({ event }) => event?.stream === 'a-1'))
})
