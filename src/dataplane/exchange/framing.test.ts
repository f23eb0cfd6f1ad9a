import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { UPSTREAM_IDLE_MS } from '../upstream/pool.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'

test('head and body of a small request go upstream and its answer comes back, each in one piece', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { reader } = say(
    t,
    gateway,
    'POST /x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  )
  const { socket, reader: request } = await upstream.accept()
  const got = await request.until('hello')
  assert.match(got, /^POST \/x\?y=1 HTTP\/1\.1\r\nHost: a\r\ncontent-length: 5\r\n/)
  assert.match(
    got,
    /\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\nx-request-deadline: \d{13}\r\n\r\nhello$/,
  )
  socket.write('HTTP/1.1 201 Made\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok')
  const answer = await reader.until('\r\n\r\nok')
  assert.match(
    answer,
    /^HTTP\/1\.1 201 Made\r\nX-A: b\r\ncontent-length: 2\r\nx-request-id: \w+\r\ndate: [^\r]+ GMT\r\n\r\nok$/,
  )
})

test('chunks and trailers go both ways, framed anew', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n'
  const { socket: client, reader } = say(t, gateway, `${head}3;x=y\r\nabc\r\n`)
  const { socket, reader: request } = await upstream.accept()
  assert.match(await request.until('abc\r\n'), /\r\n\r\n3\r\nabc\r\n$/)
  client.write('2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n')
  assert.match(await request.until('X-Sum'), /\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n$/)
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel')
  assert.match(
    await reader.until('hel\r\n'),
    /transfer-encoding: chunked\r\n[^]*\r\n\r\n3\r\nhel\r\n$/,
  )
  socket.write('lo\r\n0\r\nX-End: 2\r\n\r\n')
  assert.match(await reader.until('X-End'), /2\r\nlo\r\n0\r\nX-End: 2\r\n\r\n$/)
  client.write(get('/again'))
  await request.until('GET /again')
})

test('HEAD, 204 and 304 have no body, and the connections stay', async (t) => {
  const upstream = await startAnsweringUpstream((head) => {
    if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'
    if (head.includes('/none')) return 'HTTP/1.1 204 No Content\r\n\r\n'
    return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 7\r\n\r\n'
  })
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await reader.until('\r\n\r\n'), /content-length: 1000/)
  socket.write(get('/none'))
  assert.doesNotMatch(await reader.until('204 No Content\r\n'), /chunked/)
  socket.write(get('/same'))
  await reader.until(/304 Not Modified\r\nETag: "x"\r\ncontent-length: 7\r\n[^]*\r\n\r\n$/)
  assert.equal(upstream.sockets.length, 1)
})

test('100-continue is the instance’s to say, other 1xx pass too', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const head = 'PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n'
  const { socket: client, reader } = say(t, gateway, head)
  const { socket, reader: request } = await upstream.accept()
  assert.match(await request.until('\r\n\r\n'), /expect: 100-continue/)
  assert.equal(reader.text, '')
  socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
  await reader.until('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
  client.write('body')
  await request.until('\r\n\r\nbody')
  socket.write(OK)
  await reader.until('\r\n\r\nok')
})

test('an HTTP/1.0 client gets no chunks: the end of the body is the end of the connection', async (t) => {
  const upstream = await startAnsweringUpstream(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  )
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { reader } = say(t, gateway, 'GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n')
  const answer = await reader.closed()
  assert.doesNotMatch(answer, /transfer-encoding/)
  assert.match(answer, /connection: close\r\n[^]*\r\n\r\nok$/)
})

test('a body until close becomes chunks, complete only if the instance closed in order', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const good = say(t, gateway, get('/good'))
  const first = await upstream.accept()
  await first.reader.until('\r\n\r\n')
  first.socket.end('HTTP/1.1 200 OK\r\n\r\nhello')
  await good.reader.until(/5\r\nhello\r\n0\r\n\r\n$/)

  const broken = say(t, gateway, get('/broken'))
  const second = await upstream.accept()
  await second.reader.until('\r\n\r\n')
  second.socket.write('HTTP/1.1 200 OK\r\n\r\nhello')
  await broken.reader.until('hello')
  second.socket.resetAndDestroy()
  assert.doesNotMatch(await broken.reader.closed(), /\r\n0\r\n/)
})

test('pipelined requests are answered in order, one after the other', async (t) => {
  const upstream = await startAnsweringUpstream((head) => {
    const path = /^GET (\S+)/.exec(head)![1]!
    return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
  })
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { reader } = say(
    t,
    gateway,
    get('/one') + get('/%zz') + get('/two') + get('/three', 'Connection: close\r\n'),
  )
  const answers = await reader.closed()
  assert.deepEqual(answers.match(/\/one|"code":"\w+|urn:backplane:error:\w+|\/two|\/three/g), [
    '/one',
    'urn:backplane:error:ERR_GATEWAY_PATH_AMBIGUOUS',
    '"code":"ERR_GATEWAY_PATH_AMBIGUOUS',
    '/two',
    '/three',
  ])
  assert.match(answers, /connection: close/)
})

test('an answer before the end of the request body is passed on, and the connection ends', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { reader } = say(
    t,
    gateway,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome',
  )
  const { socket, reader: request } = await upstream.accept()
  await request.until('some')
  socket.write('HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\n\r\nno')
  const answer = await reader.closed()
  assert.match(answer, /^HTTP\/1\.1 413 Too Big\r\n/)
  assert.match(answer, /connection: close\r\n/)
  await request.closed()
})

test('an upstream that says Connection: close is asked on a new connection next', async (t) => {
  const upstream = await startAnsweringUpstream(
    'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
  )
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, get('/1'))
  assert.doesNotMatch(await reader.until('ok'), /connection: close/)
  socket.write(get('/2'))
  await reader.until(/ok[^]*ok$/)
  assert.equal(upstream.sockets.length, 2)
})

test('bytes of an instance behind its whole answer belong to nobody: the next request has another connection', async (t) => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const more = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, get('/together'))
  const together = await upstream.accept()
  await together.reader.until('/together')
  together.socket.write(ok + more)
  await reader.until('ok')
  socket.write(get('/late'))
  const late = await upstream.accept()
  await late.reader.until('/late')
  late.socket.write(ok)
  await reader.until(/ok[^]*ok$/)
  // The connection is kept, and nobody has asked for anything.
  const saidMs = performance.now()
  late.socket.write(more)
  await late.reader.closed()
  assert.ok(performance.now() - saidMs < UPSTREAM_IDLE_MS / 2, 'closed at once, not for its age')
  socket.write(get('/after'))
  const after = await upstream.accept()
  await after.reader.until('/after')
  after.socket.write(ok)
  assert.doesNotMatch(await reader.until(/ok[^]*ok[^]*ok$/), /evil/)
})

for (const [name, bytes, code] of [
  ['a bare LF', 'GET / HTTP/1.1\nHost: a\n\n', 'ERR_HTTP1_LINE_ENDING'],
  [
    'both framings',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n',
    'ERR_HTTP1_AMBIGUOUS_FRAMING',
  ],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 'ERR_HTTP1_HOST_MISSING'],
  [
    'a bad chunk',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n',
    'ERR_HTTP1_CHUNK_SIZE',
  ],
] as const) {
  test(`${name} is answered 400 and closed, and nothing goes upstream`, async (t) => {
    const upstream = await startRawUpstream()
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port])
    const answer = await say(t, gateway, bytes).reader.closed()
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
    assert.equal(reasonIn(answer), code)
    assert.equal(upstream.sockets.length, 0)
  })
}
