import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { get, say, startGateway } from '../testing/setup.ts'
import { OK, startRawUpstream } from '../testing/sockets.ts'

test('a POST in the same poll as the reset of an idle connection does not take that one', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client, reader } = say(t, gateway, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.write(OK)
  await reader.until('ok')
  await turnOfLoop()
  socket.resetAndDestroy()
  client.write('POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  void upstream.accept().then(async (next) => {
    await next.reader.until('/post')
    next.socket.write(OK)
  })
  const text = await reader.until(/ok[^]*HTTP\/1\.1 \d+[^]*(ok|"requestId")/)
  assert.match(text, /ok[^]*HTTP\/1\.1 200/)
})
