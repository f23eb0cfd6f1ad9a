import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME, H2_ERROR } from './frames.ts'
import { createEchoSession, type EchoSession } from './testing/echo-session.ts'
import { clientStart, framesIn, getBlock, literalBlock, wireFrame } from './testing/wire.ts'

const END_STREAM = 1
const END_HEADERS = 4
const WHOLE = END_STREAM | END_HEADERS

function started(): EchoSession {
  const echo = createEchoSession()
  echo.receive(clientStart)
  echo.output.take()
  return echo
}

/** The one GOAWAY in what was written. */
function goneWith(echo: EchoSession): number | undefined {
  const frame = framesIn(echo.output.take()).find(({ type }) => type === FRAME.goAway)
  return frame?.payload.readUInt32BE(4)
}

function resetsIn(echo: EchoSession): [streamId: number, code: number][] {
  return framesIn(echo.output.take())
    .filter(({ type }) => type === FRAME.resetStream)
    .map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)])
}

test('a request is answered, whatever pieces it comes in', () => {
  const bytes = Buffer.concat([
    clientStart,
    wireFrame(FRAME.headers, END_HEADERS, 1, getBlock),
    wireFrame(FRAME.data, 0, 1, Buffer.from('hello ')),
    wireFrame(FRAME.data, END_STREAM, 1, Buffer.from('world')),
  ])
  for (const size of [1, 2, 3, 9, 10, 17, bytes.length]) {
    const echo = createEchoSession()
    for (let at = 0; at < bytes.length; at += size) echo.receive(bytes.subarray(at, at + size))
    assert.deepEqual(echo.failures, [])
    assert.equal(echo.streams[0]?.body, 'hello world')
    assert.ok(echo.streams[0].head.startsWith('GET / HTTP/1.1\r\nhost: shop.example\r\n'))
    const data = framesIn(echo.output.take()).filter(({ type }) => type === FRAME.data)
    assert.equal(Buffer.concat(data.map(({ payload }) => payload)).toString(), 'hello world')
    assert.equal(data.at(-1)?.flags, END_STREAM)
    assert.equal(echo.session.streamCount, 0)
  }
})

test('padding is no payload, and counts against the windows', () => {
  const echo = started()
  echo.receive(wireFrame(FRAME.headers, END_HEADERS, 1, getBlock))
  const padded = Buffer.concat([Buffer.from([5]), Buffer.from('abc'), Buffer.alloc(5)])
  const frame = wireFrame(FRAME.data, 8, 1, padded)
  for (const byte of frame) echo.receive(Uint8Array.of(byte))
  assert.equal(echo.streams[0]?.body, 'abc')
  const head = Buffer.concat([Buffer.from([3]), getBlock, Buffer.alloc(3)])
  echo.receive(wireFrame(FRAME.headers, WHOLE | 8, 3, head))
  assert.equal(echo.streams.length, 2)
  assert.deepEqual(echo.failures, [])
})

test('a header block may come in many frames, and nothing in between', () => {
  const echo = started()
  echo.receive(wireFrame(FRAME.headers, END_STREAM, 1, getBlock.subarray(0, 5)))
  echo.receive(wireFrame(FRAME.continuation, 0, 1, getBlock.subarray(5, 9)))
  assert.ok(echo.session.isMidway)
  echo.receive(wireFrame(FRAME.continuation, END_HEADERS, 1, getBlock.subarray(9)))
  assert.equal(echo.streams[0]?.isEnded, true)
  echo.receive(wireFrame(FRAME.headers, END_STREAM, 3, getBlock.subarray(0, 5)))
  echo.receive(wireFrame(FRAME.ping, 0, 0, Buffer.alloc(8)))
  assert.equal(goneWith(echo), H2_ERROR.protocol)
})

const connectionErrors: Readonly<Record<string, readonly [frame: Buffer, code: number]>> = {
  'DATA on no stream': [wireFrame(FRAME.data, 0, 0, '00'), H2_ERROR.protocol],
  'HEADERS on no stream': [wireFrame(FRAME.headers, WHOLE, 0, getBlock), H2_ERROR.protocol],
  'HEADERS on an even stream': [wireFrame(FRAME.headers, WHOLE, 2, getBlock), H2_ERROR.protocol],
  'DATA on an idle stream': [wireFrame(FRAME.data, 0, 7, '00'), H2_ERROR.protocol],
  'RST_STREAM on an idle stream': [
    wireFrame(FRAME.resetStream, 0, 7, '00000000'),
    H2_ERROR.protocol,
  ],
  'RST_STREAM of five bytes': [
    wireFrame(FRAME.resetStream, 0, 1, '0000000000'),
    H2_ERROR.frameSize,
  ],
  'WINDOW_UPDATE on an idle stream': [
    wireFrame(FRAME.windowUpdate, 0, 7, '00000001'),
    H2_ERROR.protocol,
  ],
  'WINDOW_UPDATE of nothing': [wireFrame(FRAME.windowUpdate, 0, 0, '00000000'), H2_ERROR.protocol],
  'WINDOW_UPDATE beyond the largest window': [
    wireFrame(FRAME.windowUpdate, 0, 0, '7fffffff'),
    H2_ERROR.flowControl,
  ],
  'WINDOW_UPDATE of three bytes': [
    wireFrame(FRAME.windowUpdate, 0, 0, '000001'),
    H2_ERROR.frameSize,
  ],
  'CONTINUATION of nothing': [wireFrame(FRAME.continuation, 4, 1, ''), H2_ERROR.protocol],
  PUSH_PROMISE: [wireFrame(FRAME.pushPromise, 4, 1, '00000002'), H2_ERROR.protocol],
  'SETTINGS on a stream': [wireFrame(FRAME.settings, 0, 1, ''), H2_ERROR.protocol],
  'SETTINGS that acknowledge something': [
    wireFrame(FRAME.settings, 1, 0, '000100000000'),
    H2_ERROR.frameSize,
  ],
  'SETTINGS of five bytes': [wireFrame(FRAME.settings, 0, 0, '0001000000'), H2_ERROR.frameSize],
  'a push setting of 2': [wireFrame(FRAME.settings, 0, 0, '000200000002'), H2_ERROR.protocol],
  'a window setting of 2^31': [
    wireFrame(FRAME.settings, 0, 0, '000480000000'),
    H2_ERROR.flowControl,
  ],
  'a frame size setting of 1': [wireFrame(FRAME.settings, 0, 0, '000500000001'), H2_ERROR.protocol],
  'PING of six bytes': [wireFrame(FRAME.ping, 0, 0, '000000000000'), H2_ERROR.frameSize],
  'PING on a stream': [wireFrame(FRAME.ping, 0, 1, '0000000000000000'), H2_ERROR.protocol],
  'GOAWAY on a stream': [wireFrame(FRAME.goAway, 0, 1, '0000000000000000'), H2_ERROR.protocol],
  'PRIORITY on no stream': [wireFrame(FRAME.priority, 0, 0, '0000000000'), H2_ERROR.protocol],
  'more padding than there is': [
    wireFrame(FRAME.headers, WHOLE | 8, 1, '05aaaa'),
    H2_ERROR.protocol,
  ],
  'a frame that is too large': [
    wireFrame(FRAME.ping, 0, 0, Buffer.alloc(16_385)),
    H2_ERROR.frameSize,
  ],
  'a block that is no HPACK': [wireFrame(FRAME.headers, WHOLE, 1, '80'), H2_ERROR.compression],
}

for (const [name, [frame, code]] of Object.entries(connectionErrors)) {
  test(`${name} ends the connection`, () => {
    const echo = started()
    echo.receive(frame)
    assert.equal(goneWith(echo), code)
    echo.receive(wireFrame(FRAME.headers, WHOLE, 1, getBlock))
    assert.equal(echo.streams.length, 0, 'nothing is read behind it')
  })
}

test('frames on a stream that is over are judged by who ended it', () => {
  const ended = started()
  ended.receive(wireFrame(FRAME.headers, WHOLE, 1, getBlock))
  ended.output.take()
  ended.receive(wireFrame(FRAME.data, 0, 1, '00'))
  assert.equal(goneWith(ended), H2_ERROR.streamClosed)

  const byPeer = createEchoSession({}, false)
  byPeer.receive(clientStart)
  byPeer.receive(wireFrame(FRAME.headers, END_HEADERS, 1, getBlock))
  byPeer.receive(wireFrame(FRAME.resetStream, 0, 1, '00000008'))
  byPeer.output.take()
  byPeer.receive(wireFrame(FRAME.headers, WHOLE, 1, getBlock))
  assert.deepEqual(resetsIn(byPeer), [[1, H2_ERROR.streamClosed]])

  const halfClosed = createEchoSession({}, false)
  halfClosed.receive(clientStart)
  halfClosed.receive(wireFrame(FRAME.headers, WHOLE, 1, getBlock))
  halfClosed.output.take()
  halfClosed.receive(wireFrame(FRAME.data, 0, 1, '00'))
  assert.deepEqual(resetsIn(halfClosed), [[1, H2_ERROR.streamClosed]])
  assert.deepEqual(halfClosed.resets, [{ code: H2_ERROR.streamClosed, isMistake: true }])
})

test('streams beyond the limit are refused, and their blocks are read', () => {
  const echo = createEchoSession({ streamsMax: 2 }, false)
  echo.receive(clientStart)
  echo.output.take()
  // The refused one puts a field into the table, and the next one uses it.
  const adds = Buffer.concat([getBlock, Buffer.from('4001610162', 'hex')])
  const uses = Buffer.concat([getBlock, Buffer.from('be', 'hex')])
  for (const id of [1, 3]) echo.receive(wireFrame(FRAME.headers, WHOLE, id, getBlock))
  echo.receive(wireFrame(FRAME.headers, WHOLE, 5, adds))
  assert.deepEqual(resetsIn(echo), [[5, H2_ERROR.refusedStream]])
  echo.receive(wireFrame(FRAME.resetStream, 0, 1, '00000008'))
  echo.receive(wireFrame(FRAME.headers, WHOLE, 7, uses))
  assert.match(echo.streams.at(-1)!.head, /\r\na: b\r\n/)
})

test('what is sent keeps to both windows, byte by byte where it must', () => {
  const echo = createEchoSession()
  echo.receive(Buffer.concat([clientStart, wireFrame(FRAME.settings, 0, 0, '000400000000')]))
  echo.receive(wireFrame(FRAME.headers, END_HEADERS, 1, getBlock))
  echo.receive(wireFrame(FRAME.data, END_STREAM, 1, Buffer.alloc(10, 'x')))
  assert.equal(framesIn(echo.output.take()).filter(({ type }) => type === FRAME.data).length, 0)
  echo.receive(wireFrame(FRAME.windowUpdate, 0, 1, '00000001'))
  assert.equal(framesIn(echo.output.take())[0]?.payload.length, 1)
  echo.receive(wireFrame(FRAME.settings, 0, 0, '000400000004'))
  const frames = framesIn(echo.output.take()).filter(({ type }) => type === FRAME.data)
  assert.deepEqual(
    frames.map(({ payload, flags }) => [payload.length, flags]),
    [[4, 0]],
  )
  echo.receive(wireFrame(FRAME.settings, 0, 0, '000400000001'))
  echo.receive(wireFrame(FRAME.windowUpdate, 0, 1, '00000003'))
  assert.equal(framesIn(echo.output.take()).filter(({ type }) => type === FRAME.data).length, 0)
  echo.receive(wireFrame(FRAME.windowUpdate, 0, 1, '000000ff'))
  const last = framesIn(echo.output.take())
  assert.deepEqual([last[0]?.payload.length, last[0]?.flags], [5, END_STREAM])
  assert.equal(echo.session.streamCount, 0)
})

test('a peer that sends more than its windows loses the stream, or the connection', () => {
  const frame = Buffer.alloc(16_384)
  const hoard = createEchoSession({ connectionWindow: 100_000 }, false)
  hoard.receive(clientStart)
  for (const id of [1, 3]) {
    hoard.receive(wireFrame(FRAME.headers, END_HEADERS, id, getBlock))
  }
  hoard.session.consumed = () => {}
  hoard.output.take()
  for (let sent = 0; sent < 5; sent++) hoard.receive(wireFrame(FRAME.data, 0, 1, frame))
  assert.deepEqual(resetsIn(hoard), [[1, H2_ERROR.flowControl]])
  for (let sent = 0; sent < 3; sent++) hoard.receive(wireFrame(FRAME.data, 0, 3, frame))
  assert.deepEqual(hoard.failures, [])
})

test('content-length must be what comes as DATA', () => {
  const cases: readonly (readonly [length: number, sizes: readonly number[], isWrong: boolean])[] =
    [
      [5, [2, 3], false],
      [5, [2, 4], true],
      [5, [2], true],
      [0, [1], true],
    ]
  for (const [length, sizes, isWrong] of cases) {
    const echo = createEchoSession({}, false)
    echo.receive(clientStart)
    echo.receive(wireFrame(FRAME.headers, END_HEADERS, 1, getBlock))
    const [stream] = echo.session.streams()
    stream!.contentLeft = length
    echo.output.take()
    sizes.forEach((size, place) => {
      const flags = place === sizes.length - 1 ? END_STREAM : 0
      echo.receive(wireFrame(FRAME.data, flags, 1, Buffer.alloc(size)))
    })
    assert.deepEqual(resetsIn(echo), isWrong ? [[1, H2_ERROR.protocol]] : [])
  }
})

/** Sends `frame(n)` until the session gives up, at most a hundred thousand times. */
function flood(frame: (round: number) => Buffer, isAnswering: boolean): EchoSession {
  const echo = createEchoSession({}, isAnswering)
  echo.receive(clientStart)
  for (let round = 0; round < 100_000 && !echo.session.isFailed; round++) {
    echo.receive(frame(round))
    if (!echo.session.isFailed) echo.output.take()
  }
  return echo
}

const floods: Readonly<Record<string, (round: number) => Buffer>> = {
  'rapid reset': (round) =>
    Buffer.concat([
      wireFrame(FRAME.headers, END_HEADERS, round * 2 + 1, getBlock),
      wireFrame(FRAME.resetStream, 0, round * 2 + 1, '00000008'),
    ]),
  'made to reset': (round) =>
    Buffer.concat([
      wireFrame(FRAME.headers, WHOLE, round * 2 + 1, getBlock),
      wireFrame(FRAME.windowUpdate, 0, round * 2 + 1, '00000000'),
    ]),
  pings: () => wireFrame(FRAME.ping, 0, 0, Buffer.alloc(8)),
  settings: () => wireFrame(FRAME.settings, 0, 0, '000400000001'),
  'window updates': () => wireFrame(FRAME.windowUpdate, 0, 0, '00000001'),
  priorities: () => wireFrame(FRAME.priority, 0, 1, '0000000310'),
  'unknown frames': () => wireFrame(99, 0, 0, ''),
  'empty data': (round) =>
    round === 0
      ? wireFrame(FRAME.headers, END_HEADERS, 1, getBlock)
      : wireFrame(FRAME.data, 0, 1, ''),
  'a block without end': (round) =>
    round === 0
      ? wireFrame(FRAME.headers, 0, 1, getBlock)
      : wireFrame(FRAME.continuation, 0, 1, Buffer.alloc(1_000, 0x82)),
  'a block of empty frames': (round) =>
    round === 0
      ? wireFrame(FRAME.headers, 0, 1, getBlock)
      : wireFrame(FRAME.continuation, 0, 1, ''),
}

for (const [name, frame] of Object.entries(floods)) {
  test(`a flood of ${name} is told to calm down`, () => {
    const echo = flood(frame, name !== 'made to reset')
    assert.deepEqual(echo.failures, [{ kind: 'flood', code: H2_ERROR.enhanceYourCalm }])
    assert.equal(goneWith(echo), H2_ERROR.enhanceYourCalm)
  })
}

test('time gives patience back, and so does payload', () => {
  const echo = started()
  for (let round = 0; round < 20_000; round++) {
    echo.receive(wireFrame(FRAME.ping, 0, 0, Buffer.alloc(8)), round * 10)
    echo.output.take()
  }
  assert.deepEqual(echo.failures, [])
})

test('an answer may have an empty frame in front of its trailers, for ever', () => {
  const echo = createEchoSession({}, false)
  echo.receive(clientStart)
  for (let id = 1; id < 20_000; id += 2) {
    echo.receive(wireFrame(FRAME.headers, END_HEADERS, id, getBlock))
    echo.receive(wireFrame(FRAME.data, 0, id, ''))
    echo.receive(wireFrame(FRAME.headers, WHOLE, id, literalBlock([['a', 'b']])))
    const [stream] = echo.session.streams()
    echo.session.sender.end(stream!, null)
    echo.output.take()
  }
  assert.deepEqual(echo.failures, [])
})

test('a bomb of one large field that is named again and again costs no memory, and is refused', () => {
  const echo = started()
  const value = 'x'.repeat(3_900)
  const adds = Buffer.concat([
    getBlock,
    Buffer.from('400161', 'hex'),
    literalBlock([['', value]]).subarray(2),
    Buffer.alloc(12_000, 0xbe),
  ])
  echo.receive(wireFrame(FRAME.headers, WHOLE, 1, adds))
  assert.deepEqual(echo.failures, [])
  assert.equal(echo.streams[0]?.head, 'error -11')
})

test('a goodbye leaves those that are there, and takes no others', () => {
  const echo = createEchoSession({}, false)
  echo.receive(clientStart)
  echo.receive(wireFrame(FRAME.headers, END_HEADERS, 1, getBlock))
  echo.session.goAway(true)
  echo.receive(wireFrame(FRAME.headers, END_HEADERS, 3, getBlock))
  assert.equal(echo.streams.length, 2)
  echo.session.goAway(false)
  echo.receive(wireFrame(FRAME.headers, END_HEADERS, 5, getBlock))
  echo.receive(wireFrame(FRAME.data, END_STREAM, 5, '00'))
  echo.receive(wireFrame(FRAME.resetStream, 0, 5, '00000008'))
  assert.equal(echo.streams.length, 2)
  echo.receive(wireFrame(FRAME.data, END_STREAM, 3, '00'))
  assert.equal(echo.streams[1]?.isEnded, true)
  assert.deepEqual(echo.failures, [])
})
