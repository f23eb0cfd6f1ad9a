import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { FRAME, PREFACE } from '../../mechanisms/http2/frames.ts'
import {
  clientStart,
  framesIn,
  getBlock,
  literalBlock,
  wireFrame,
} from '../../mechanisms/http2/testing/wire.ts'
import { say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'

const malformed: Readonly<Record<string, readonly [block: Buffer, code: string]>> = {
  'a forged Host': [
    Buffer.concat([getBlock, literalBlock([['host', 'evil.example']])]),
    'ERR_HTTP2_AUTHORITY',
  ],
  'a line in a value': [
    Buffer.concat([getBlock, literalBlock([['a', 'b\r\nc: d']])]),
    'ERR_HTTP2_FIELD_VALUE',
  ],
  'a name that imitates content-length': [
    Buffer.concat([getBlock, literalBlock([['content_length', '5']])]),
    'ERR_HTTP1_FIELD_ALIAS',
  ],
  'a length without a body': [
    Buffer.concat([getBlock, literalBlock([['content-length', '5']])]),
    'ERR_HTTP2_CONTENT_LENGTH',
  ],
}

for (const [name, [block, code]] of Object.entries(malformed)) {
  test(`${name} is answered with ${code}, recorded, and the stream is reset`, async (t) => {
    const upstream = await startRawUpstream()
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port])
    const { socket, reader } = say(t, gateway, '')
    socket.write(Buffer.concat([clientStart, wireFrame(FRAME.headers, 5, 1, block)]))
    await reader.until(code)
    const isReset = (): boolean =>
      framesIn(Buffer.from(reader.text, 'latin1')).some(({ type }) => type === FRAME.resetStream)
    while (!isReset()) await once(socket, 'data')
    assert.equal(gateway.recent(1)[0]?.reason, code)
    assert.equal(upstream.sockets.length, 0)
  })
}

test('DATA that is longer than its content-length is answered with 400', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, '')
  const block = Buffer.concat([getBlock, literalBlock([['content-length', '2']])])
  socket.write(Buffer.concat([clientStart, wireFrame(FRAME.headers, 4, 1, block)]))
  await upstream.accept()
  socket.write(wireFrame(FRAME.data, 1, 1, Buffer.from('abc')))
  await reader.until('ERR_HTTP2_CONTENT_LENGTH')
  assert.equal(gateway.recent(1)[0]?.status, 400)
})

test('half a preface, half a frame and half a block have their time', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...testLimits, headTimeoutMs: 100 } },
  })
  const starts = [
    Buffer.from(PREFACE.subarray(0, 10)),
    Buffer.concat([clientStart, Buffer.from([0, 0])]),
    Buffer.concat([clientStart, wireFrame(FRAME.headers, 0, 1, getBlock)]),
  ]
  for (const bytes of starts) {
    const { socket, reader } = say(t, gateway, '')
    socket.write(bytes)
    await reader.closed()
    socket.destroy()
  }
})

test('a flood ends the connection, and is counted', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, '')
  socket.write(clientStart)
  const pings = Buffer.concat(
    Array.from({ length: 500 }, () => wireFrame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  )
  while (!reader.text.includes('too many frames')) {
    if (!socket.write(pings)) await Promise.race([once(socket, 'drain'), reader.closed()])
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { limited } = gateway.worker.context.totals.take({
    connections: 0,
    accessLogDropped: 0,
    recordsDropped: 0,
    wallMs: 0,
    monotonicMs: 0,
  })
  assert.equal(limited['http2-flood'], 1)
})
