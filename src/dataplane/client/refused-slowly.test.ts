import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { get, say, startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream, OK } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'

// Whoever is slow to take the refusal has the time of an answer, not what was left of that of a head.
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
  await once(AbortSignal.timeout(2_000), 'abort')
  assert.equal(connection!.wire.isDestroyed, false)
  client.resume()
  await reader.until('HEAD_TIMEOUT')
})
