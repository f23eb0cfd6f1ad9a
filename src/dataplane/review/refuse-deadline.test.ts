import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, say, startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream, OK } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'

test('a 408 that waits for a slow reader has its time', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...testLimits, headTimeoutMs: 200 } },
  })
  const { socket: client, reader } = say(t, gateway, get())
  await reader.until('ok')
  client.pause()
  const [connection] = gateway.worker.context.clients
  while (connection!.outlet.isFlushed) connection!.outlet.write(Buffer.alloc(1_000, 'x'))
  assert.equal(connection!.outlet.isClogged, false)
  client.write('GET / HTTP/1.1\r\nHost:')
  await new Promise((r) => setTimeout(r, 2_500))
  assert.equal(connection!.socket.destroyed, false)
  client.resume()
  await reader.until('HEAD_TIMEOUT')
})
