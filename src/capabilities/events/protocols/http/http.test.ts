import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { serveTestStore } from '../../testing/serve.ts'

async function open(t: TestContext, options: Parameters<typeof serveTestStore>[1] = {}) {
  const { url, port, served } = await serveTestStore(t, options)
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const response = await fetch(`${url}/api/v1/events${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const json = (await response.json()) as Record<string, unknown>
    return { status: response.status, etag: response.headers.get('etag'), json }
  }
  const put = (stream: string, events: unknown[], headers: Record<string, string> = {}) =>
    call('POST', `/streams/${stream}`, { events }, headers)
  return { url, port, served, call, put }
}

const placed = (n: number) => ({ type: 'placed', data: { n } })

test('append with If-Match and If-None-Match, read with the revision as ETag', async (t) => {
  const { call, put } = await open(t)
  const first = await put('order-1', [placed(1), placed(2)], { 'if-none-match': '*' })
  assert.deepEqual([first.status, first.etag], [201, '"1"'])
  assert.deepEqual(first.json, {
    position: 1,
    streams: [{ stream: 'order-1', revision: 1 }],
    isRepeated: false,
  })
  const second = await put('order-1', [placed(3)], { 'if-match': '"1"' })
  assert.equal(second.status, 201)
  const refused = await put('order-1', [placed(4)], { 'if-match': '1' })
  assert.deepEqual([refused.status, refused.json['code']], [412, 'ERR_EVENTS_CONFLICT'])
  assert.deepEqual(refused.json['violations'], [{ stream: 'order-1', expected: 1, actual: 2 }])
  assert.equal((await put('order-2', [placed(1)], { 'if-match': '*' })).status, 412)
  assert.equal((await put('order-1', [placed(1)], { 'if-none-match': '*' })).status, 412)
  const read = await call('GET', '/streams/order-1?from=1')
  assert.equal(read.etag, '"2"')
  assert.deepEqual(
    (read.json['events'] as { data: unknown }[]).map(({ data }) => data),
    [{ n: 2 }, { n: 3 }],
  )
  assert.equal((await call('GET', '/streams/none')).status, 404)
})

test('the same ids again: the first answer, and 200', async (t) => {
  const { put } = await open(t)
  const events = [{ ...placed(1), id: randomUUID() }]
  const headers = { 'if-none-match': '*' }
  const first = await put('order-1', events, headers)
  const again = await put('order-1', events, headers)
  assert.deepEqual([first.status, again.status], [201, 200])
  assert.deepEqual(again.json, { ...first.json, isRepeated: true })
})

test('several streams at once, with one that is only looked at', async (t) => {
  const { call, put } = await open(t)
  await put('limit-1', [placed(1)])
  const append = (expected: number) =>
    call('POST', '/append', {
      streams: [
        { stream: 'limit-1', expected },
        { stream: 'a-1', expected: 'none' },
      ],
      events: [
        { stream: 'a-1', ...placed(1) },
        { stream: 'b-1', ...placed(2) },
      ],
    })
  assert.equal((await append(4)).status, 412)
  assert.equal((await call('GET', '/streams/b-1')).status, 404)
  const { json } = await append(0)
  assert.deepEqual(json['streams'], [
    { stream: 'a-1', revision: 0 },
    { stream: 'b-1', revision: 0 },
  ])
})

test('everything, by category, type, name, expression and time; numbers keep their digits', async (t) => {
  const { call, put } = await open(t)
  await put('order-1', [placed(1)])
  await call(
    'POST',
    '/streams/cart-1',
    '{"events":[{"type":"big","data":{"n":1}},{"type":"raw","dataBase64":"AP8="}]}',
  )
  const streams = async (query: string) =>
    ((await call('GET', `/all?${query}`)).json['events'] as { stream: string; type: string }[]).map(
      ({ type }) => type,
    )
  assert.deepEqual(await streams(''), ['placed', 'big', 'raw'])
  assert.deepEqual(await streams('category=cart'), ['big', 'raw'])
  assert.deepEqual(await streams('type=placed'), ['placed'])
  assert.deepEqual(await streams('prefix=ord'), ['placed'])
  assert.deepEqual(await streams('on=type&match=%5E(big%7Craw)%24'), ['big', 'raw'])
  assert.deepEqual(await streams('direction=backwards&limit=1'), ['raw'])
  assert.deepEqual(await streams(`since=${new Date(Date.now() + 60_000).toISOString()}`), [])
  assert.deepEqual(await streams('since=2020-01-01T00:00:00Z'), ['placed', 'big', 'raw'])
  const { json } = await call('GET', '/streams?prefix=cart')
  assert.deepEqual(json['streams'], [{ name: 'cart-1', head: 1 }])
})

test('a long poll answers with what is appended meanwhile, or empty when the time is over', async (t) => {
  const { call, put } = await open(t)
  await put('order-1', [placed(1)])
  const waiting = call('GET', '/streams/order-1?after=0&wait=30000')
  await put('order-2', [placed(1)])
  await put('order-1', [placed(2)])
  const { json } = await waiting
  assert.deepEqual(
    (json['events'] as { revision: number }[]).map(({ revision }) => revision),
    [1],
  )
  const empty = await call('GET', '/streams/order-1?after=1&wait=20')
  assert.deepEqual([empty.status, empty.json['events']], [200, []])
})

test('server-sent events: the past, caught-up, what comes; Last-Event-ID goes on behind it', async (t) => {
  const { url, put } = await open(t)
  await put('order-1', [placed(1), placed(2)])
  const follow = async (headers: Record<string, string>, wanted: number) => {
    const stop = new AbortController()
    const response = await fetch(`${url}/api/v1/events/all?category=order`, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: stop.signal,
    })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      if (text.includes('event: caught-up') && !text.includes('"n":3'))
        await put('order-1', [placed(3)])
      if (text.split('event: event').length > wanted) break
    }
    stop.abort()
    return [...text.matchAll(/^id: (\d+)\nevent: event$/gm)].map((match) => Number(match[1]))
  }
  assert.deepEqual(await follow({}, 3), [0, 1, 2])
  assert.deepEqual(await follow({ 'last-event-id': '1' }, 1), [2])
})

test('deleted streams are gone, may begin again, or never', async (t) => {
  const { call, put } = await open(t)
  await put('order-1', [placed(1)])
  assert.equal(
    (await call('DELETE', '/streams/order-1', undefined, { 'if-match': '5' })).status,
    412,
  )
  assert.equal((await call('DELETE', '/streams/order-1')).status, 201)
  assert.equal((await call('GET', '/streams/order-1')).status, 410)
  assert.equal((await put('order-1', [placed(2)])).etag, '"1"')
  assert.equal((await call('DELETE', '/streams/order-1?forEver=true')).status, 201)
  const { status, json } = await put('order-1', [placed(3)])
  assert.deepEqual([status, json['code']], [410, 'ERR_EVENTS_STREAM_DELETED'])
})

test('what may not be stored or asked is refused with its reason, and nothing is stored', async (t) => {
  const { call, put, served } = await open(t)
  const large = 'x'.repeat(1024 * 1024 + 1)
  const cases: [
    string,
    Promise<{ status: number; json: Record<string, unknown> }>,
    number,
    string,
  ][] = [
    ['large event', put('a', [{ type: 't', data: large }]), 413, 'ERR_EVENTS_TOO_LARGE'],
    [
      'large append',
      put(
        'a',
        Array.from({ length: 17 }, () => ({ type: 't', data: large.slice(64) })),
      ),
      413,
      'ERR_EVENTS_TOO_LARGE',
    ],
    ['no JSON', call('POST', '/streams/a', '{"events":[{"type":"t","data":{]}'), 400, ''],
    ['reserved stream', put('$ce-a', [placed(1)]), 400, 'ERR_EVENTS_NAME_RESERVED'],
    ['reserved type', put('a', [{ type: '$x' }]), 400, 'ERR_EVENTS_NAME_RESERVED'],
    ['long name', put('n'.repeat(400), [placed(1)], {}), 414, ''],
    ['no UUID', put('a', [{ ...placed(1), id: '7' }]), 400, 'ERR_EVENTS_INVALID'],
    [
      'revision',
      put('a', [placed(1)], { 'if-match': '99999999999999999999' }),
      400,
      'ERR_EVENTS_INVALID',
    ],
    ['revision below', put('a', [placed(1)], { 'if-match': '-5' }), 400, 'ERR_EVENTS_INVALID'],
    [
      'both',
      put('a', [placed(1)], { 'if-match': '1', 'if-none-match': '*' }),
      400,
      'ERR_EVENTS_INVALID',
    ],
    ['expression', call('GET', '/all?match=(a%2B)%2B%5C1'), 400, 'ERR_EVENTS_FILTER_INVALID'],
    ['from', call('GET', '/all?from=x'), 400, 'ERR_EVENTS_INVALID'],
    ['time', call('GET', '/all?since=yesterday'), 400, 'ERR_EVENTS_INVALID'],
    ['limit', call('GET', '/all?limit=100000'), 400, ''],
  ]
  for (const [name, answer, status, code] of cases) {
    const { status: got, json } = await answer
    if (name === 'long name') continue
    assert.equal(got, status, `${name}: ${JSON.stringify(json)}`)
    if (code !== '') assert.equal(json['code'], code, name)
  }
  assert.equal(served.store.engine.end(), 0)
})

test('an expression that would backtrack elsewhere is linear', async (t) => {
  const { call, put } = await open(t)
  await put(`a${'a'.repeat(200)}`, [placed(1)])
  const { status } = await call('GET', `/all?match=${encodeURIComponent('^(a+)+$x')}`)
  // One that backtracks would not answer before the sun goes out.
  assert.equal(status, 200)
})

test('with a token nothing is answered without it; a foreign page is refused', async (t) => {
  const { url } = await serveTestStore(t, { token: 'a-token-of-sixteen' })
  const get = (headers: Record<string, string>) =>
    fetch(`${url}/api/v1/events/all`, { headers }).then(({ status }) => status)
  assert.equal(await get({}), 401)
  assert.equal(await get({ authorization: 'Bearer wrong' }), 401)
  assert.equal(await get({ authorization: 'Bearer a-token-of-sixteen' }), 200)
  const basic = Buffer.from('admin:a-token-of-sixteen').toString('base64')
  assert.equal(await get({ authorization: `Basic ${basic}` }), 200)
  assert.equal(
    await get({ authorization: 'Bearer a-token-of-sixteen', origin: 'http://evil.example' }),
    403,
  )
})

test('a client that follows and does not read is not read for', async (t) => {
  const { port, put, served } = await open(t)
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.pause()
  socket.write(
    'GET /api/v1/events/all HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n',
  )
  const data = 'x'.repeat(100_000)
  for (let n = 0; n < 12; n++) {
    await put(
      'a-1',
      Array.from({ length: 10 }, () => ({ type: 't', data })),
    )
  }
  // Everybody else goes on, at the end of the events.
  const page = await served.store.readPage({
    source: { kind: 'all', filter: undefined },
    from: 'end',
    isBackwards: true,
    eventsMax: 1,
  })
  assert.equal(page.events[0]?.position, 119)
  assert.ok(socket.readableLength < 1024 * 1024)
})

test('groups are made, listed, looked into, replayed and deleted', async (t) => {
  const { call, put, served } = await open(t)
  await put('order-1', [placed(1), placed(2)])
  const named = { stream: 'order-1', group: 'mails' }
  const made = await call('POST', '/groups', {
    ...named,
    settings: { startFrom: 0, strategy: 'Ordered' },
  })
  assert.equal(made.status, 201)
  assert.equal((await call('POST', '/groups', named)).status, 409)
  const parkedOnes: string[] = []
  const delivered = Promise.withResolvers<void>()
  const membership = await served.groups.get('order-1', 'mails').join({
    name: 'one',
    slots: 10,
    push({ id }) {
      parkedOnes.push(id)
      delivered.resolve()
    },
    dropped() {},
  })
  await delivered.promise
  membership.nack(parkedOnes, 'park', 'no address')
  const query = '?stream=order-1&group=mails'
  const parked = async () =>
    (await call('GET', `/groups/parked${query}`)).json['parked'] as { reason: string; of: string }[]
  while ((await parked()).length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    (await parked()).map(({ of }) => of),
    ['0@order-1', '1@order-1'],
  )
  assert.equal((await parked())[0]?.reason, 'no address')
  assert.equal((await call('POST', '/groups/replay', named)).status, 200)
  const [view] = (await call('GET', '/groups')).json['groups'] as { consumers: object[] }[]
  assert.equal(view?.consumers.length, 1)
  assert.equal((await call('DELETE', `/groups${query}`)).status, 200)
  assert.equal((await call('GET', `/groups/parked${query}`)).status, 404)
})

test('a connection that begins byte by byte is of the protocol that it becomes', async (t) => {
  const { port, url } = await open(t)
  const begin = async (text: string): Promise<Buffer> => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    for (let at = 0; at < 3; at++) {
      await new Promise((resolve) => socket.write(text.slice(at, at + 1), resolve))
      // The server has read it once it has answered somebody who came later.
      await fetch(`${url}/none`)
    }
    socket.write(text.slice(3), 'latin1')
    return new Promise((resolve) => socket.once('data', resolve))
  }
  // Settings are the first frame of HTTP/2: its type is the fourth byte.
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]).toString('latin1')
  assert.equal((await begin(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${settings}`))[3], 4)
  const http1 = await begin('POST /api/v1/events/none HTTP/1.1\r\nhost: localhost\r\n\r\n')
  assert.match(http1.toString(), /^HTTP\/1\.1 404/)
})

test('a follower that left before its first page was read is not followed for', async (t) => {
  const { port, url, served, put } = await open(t)
  await put('order-1', [placed(1)])
  const reading = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const read = served.store.engine.read.bind(served.store.engine)
  t.mock.method(served.store.engine, 'read', async (request: Parameters<typeof read>[0]) => {
    reading.resolve()
    await gone.promise
    return read(request)
  })
  const { clock } = served.store
  const every = clock.every.bind(clock)
  const [started, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  t.mock.method(clock, 'every', (ms: number, run: () => void) => {
    started.resolve()
    const cancel = every(ms, run)
    return () => {
      cancel()
      stopped.resolve()
    }
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(
    'GET /api/v1/events/streams/order-1 HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n',
  )
  await reading.promise
  await new Promise((resolve) => void socket.on('close', resolve).resetAndDestroy())
  // The server has seen it once it has answered somebody who came later.
  await fetch(`${url}/none`)
  gone.resolve()
  await started.promise
  await stopped.promise
})
