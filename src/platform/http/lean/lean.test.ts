import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dial, openForTest, text } from './testing/open.ts'
import type { LeanExchange } from './options.ts'

const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`

test('it answers over one connection, one request after the other', async (t) => {
  const { url, port } = await openForTest(t, {
    handle: (exchange) => {
      const { method, path, query, body, address } = exchange.request
      const kept = exchange.request.field('x-kept')
      exchange.answer(text([method, path, query, kept, body, address].join('|')))
    },
  })
  const put = await fetch(`${url}/a%2Fb?x=1&y`, {
    method: 'PUT',
    body: 'value',
    headers: { 'x-kept': 'yes' },
  })
  assert.equal(await put.text(), 'PUT|/a%2Fb|x=1&y|yes|value|127.0.0.1')
  assert.match(put.headers.get('date') ?? '', /GMT$/)
  const raw = dial(t, port)
  raw.socket.write(get('/one') + get('/two', 'x-kept: a\r\nx-kept: b\r\n') + get('/three'))
  const seen = await raw.until(/three/)
  assert.deepEqual(seen.match(/GET\|[^|]*\|\|[^|]*/g), [
    'GET|/one||',
    'GET|/two||a, b',
    'GET|/three||',
  ])
})

test('pipelined requests are taken one at a time', async (t) => {
  const waiting: LeanExchange[] = []
  let woken = Promise.withResolvers<void>()
  const { port } = await openForTest(t, {
    handle(exchange) {
      waiting.push(exchange)
      woken.resolve()
    },
  })
  const raw = dial(t, port)
  raw.socket.write(get('/one') + get('/two'))
  await woken.promise
  assert.deepEqual(
    waiting.map(({ request }) => request.path),
    ['/one'],
  )
  woken = Promise.withResolvers()
  waiting[0]!.answer(text('1'))
  await woken.promise
  assert.equal(waiting[1]!.request.path, '/two')
  waiting[1]!.answer(text('2'))
  waiting[1]!.answer(text('again'))
  assert.doesNotMatch(await raw.until(/2$/), /again/)
})

test('however a request is cut into pieces, it is the same request', async (t) => {
  const { port: echo } = await openForTest(t, {
    handle: (exchange) => exchange.answer(text(`<${exchange.request.body.toString()}>`)),
  })
  const whole =
    'PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello' +
    'PUT /b HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbye\r\n2\r\n!!\r\n0\r\n\r\n'
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 6 }), async (cuts) => {
      const raw = dial(t, echo)
      const places = [...new Set([0, ...cuts, whole.length])].toSorted((a, b) => a - b)
      for (const [index, place] of places.entries()) {
        const piece = whole.slice(place, places[index + 1])
        await new Promise((done) => raw.socket.write(piece, done))
        await new Promise((done) => setImmediate(done))
      }
      assert.match(await raw.until(/<bye!!>/), /<hello>/)
      raw.socket.destroy()
    }),
    { numRuns: 60 },
  )
})

test('who leaves while it waits is noticed, by end and by reset', async (t) => {
  const exchanges: LeanExchange[] = []
  let gone = Promise.withResolvers<void>()
  let came = Promise.withResolvers<void>()
  const { port, opened } = await openForTest(t, {
    handle(exchange) {
      exchange.whenGone = () => gone.resolve()
      exchanges.push(exchange)
      came.resolve()
    },
  })
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const raw = dial(t, port)
    raw.socket.write(get('/wait'))
    await came.promise
    raw.socket[leave]()
    await gone.promise
    assert.equal(exchanges.at(-1)!.isOver, true)
    exchanges.at(-1)!.answer(text('too late'))
    raw.socket.destroy()
    gone = Promise.withResolvers()
    came = Promise.withResolvers()
  }
  assert.ok(opened.connectionCount() <= 2)
})

test('who ends its side and does not wait gets its answer', async (t) => {
  let came: LeanExchange | undefined
  const arrived = Promise.withResolvers<void>()
  const { port } = await openForTest(t, {
    handle(exchange) {
      came = exchange
      arrived.resolve()
    },
  })
  const raw = dial(t, port)
  raw.socket.end(get('/write'))
  await arrived.promise
  came!.answer(text('stored'))
  await raw.closed
  assert.match(raw.read(), /stored$/)
})

test('what is malformed, too large or foreign is refused in the words of the protocol', async (t) => {
  const { port } = await openForTest(t, { limits: { headBytesMax: 2_000 } })
  const cases: readonly (readonly [string, RegExp])[] = [
    ['GET / HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 .*ERR_HTTP1_HOST_MISSING$/s],
    ['GET / HTTP/3.0\r\nhost: a\r\n\r\n', /^HTTP\/1.1 505/],
    [get('/', `x: ${'x'.repeat(3_000)}\r\n`), /^HTTP\/1.1 431/],
    [
      `PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1001\r\n\r\n`,
      /^HTTP\/1.1 413 .*ERR_HTTP_BODY_TOO_LARGE/s,
    ],
    [
      `PUT / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1_001)}`,
      /^HTTP\/1.1 413/,
    ],
    [get('/', 'content-length: 1\r\ntransfer-encoding: chunked\r\n'), /^HTTP\/1.1 400/],
    ['GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n', /^HTTP\/1.1 421 .*ERR_HTTP_HOST_UNKNOWN$/s],
    [get('/', 'origin: http://evil.example\r\n'), /^HTTP\/1.1 403 .*ERR_HTTP_ORIGIN_FOREIGN$/s],
    [get('/', 'sec-fetch-site: cross-site\r\n'), /^HTTP\/1.1 403/],
  ]
  for (const [request, answer] of cases) {
    const raw = dial(t, port)
    raw.socket.write(request)
    assert.match(await raw.until(/ERR_\w+$/), answer)
    raw.socket.destroy()
  }
})

test('a handler that throws costs its request', async (t) => {
  const { url, errors } = await openForTest(t, {
    handle(exchange) {
      if (exchange.request.path === '/bad') throw new Error('broken')
      exchange.answer(text('well'))
    },
  })
  assert.equal((await fetch(`${url}/bad`)).status, 500)
  assert.match(String(errors[0]), /broken/)
  assert.equal(await (await fetch(`${url}/good`)).text(), 'well')
})

test('HEAD and 204 have no body, HTTP/1.0 ends, 100-continue is told', async (t) => {
  const { port } = await openForTest(t, {
    handle: (exchange) =>
      exchange.answer(text('four', exchange.request.path === '/none' ? 204 : 200)),
  })
  const raw = dial(t, port)
  raw.socket.write('HEAD /a HTTP/1.1\r\nhost: localhost\r\n\r\n' + get('/none') + get('/end'))
  const seen = await raw.until(/four$/)
  assert.equal(seen.match(/four/g)?.length, 1)
  assert.equal(seen.match(/content-length: 4/g)?.length, 2)
  const old = dial(t, port)
  old.socket.write('GET /a HTTP/1.0\r\n\r\n')
  await old.closed
  assert.match(old.read(), /421|connection: close/)
  const put = dial(t, port)
  put.socket.write(
    'PUT /a HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n',
  )
  await put.until(/100 Continue\r\n\r\n$/)
  put.socket.write('ok')
  await put.until(/200 OK.*four$/s)
})

test('silence is bounded: the oldest silent connection gives way, never one at work', async (t) => {
  const { port, opened } = await openForTest(t, {
    limits: { connectionsMax: 3, drainMs: 50 },
    handle(exchange) {
      exchange.whenGone = () => {}
      if (exchange.request.path !== '/wait') exchange.answer(text('done'))
    },
  })
  const atWork = dial(t, port)
  atWork.socket.write(get('/wait'))
  const silent = dial(t, port)
  const second = dial(t, port)
  second.socket.write(get('/x'))
  await second.until(/done/)
  const third = dial(t, port)
  third.socket.write(get('/x'))
  await third.until(/done/)
  await silent.closed
  assert.equal(atWork.socket.destroyed, false)
  assert.equal(opened.refused()['silent'], 1)
  assert.equal(opened.connectionCount(), 3)
})

test('an answer that nobody reads is bounded, and cut off by time', async (t) => {
  const large = 'x'.repeat(8 * 1024 * 1024)
  const { port, opened } = await openForTest(t, {
    limits: { unreadBytesMax: 12 * 1024 * 1024, readMs: 60_000 },
    handle: (exchange) => exchange.answer(text(large)),
  })
  for (let count = 0; count < 3; count++) {
    const lazy = dial(t, port)
    lazy.socket.pause()
    lazy.socket.write(get('/'))
  }
  while ((opened.refused()['unread'] ?? 0) === 0) await new Promise((done) => setImmediate(done))
  assert.ok(opened.refused()['unread']! >= 1)
  const reader = dial(t, port)
  reader.socket.write(get('/', 'connection: close\r\n'))
  await reader.closed
  assert.ok(reader.read().length > large.length)
})

test('closing lets what is under way end, and cuts off what does not', async (t) => {
  let exchange: LeanExchange | undefined
  const came = Promise.withResolvers<void>()
  const { port, opened } = await openForTest(t, {
    limits: { drainMs: 500 },
    handle(one) {
      if (one.request.path === '/never') return
      exchange = one
      came.resolve()
    },
  })
  const idle = dial(t, port)
  const never = dial(t, port)
  never.socket.write(get('/never'))
  const busy = dial(t, port)
  busy.socket.write(get('/busy'))
  await came.promise
  const closing = opened.close()
  await idle.closed
  exchange!.answer(text('finished'))
  assert.match(await busy.until(/finished/), /connection: close/)
  for (const { socket } of [idle, busy]) socket.end()
  await closing
  await never.closed
  assert.equal(opened.connectionCount(), 0)
})

test('bytes behind a waiting request are bounded', async (t) => {
  let exchange: LeanExchange | undefined
  const came = Promise.withResolvers<void>()
  const { port } = await openForTest(t, {
    handle(one) {
      if (one.request.path !== '/wait') return one.answer(text('x'))
      exchange = one
      came.resolve()
    },
  })
  const raw = dial(t, port)
  raw.socket.write(get('/wait'))
  await came.promise
  const many = get('/more', `x: ${'y'.repeat(1_000)}\r\n`)
  for (let sent = 0; sent < 40_000; sent++) raw.socket.write(many)
  await new Promise((done) => setImmediate(done))
  const before = process.memoryUsage().arrayBuffers
  assert.ok(raw.socket.writableLength > 1024 * 1024, 'the sender is held back')
  assert.ok(before < 400 * 1024 * 1024)
  exchange!.answer(text('first'))
  await raw.until(/first/)
  raw.socket.destroy()
})
