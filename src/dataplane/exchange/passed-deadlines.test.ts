import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'

const deadlineIn = (head: string): number =>
  Number(/^x-request-deadline: (\d{13})\r$/m.exec(head)?.[1])

test('the instance is told until when somebody waits, the same for each attempt', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { service: { timeoutMs: 7_000 } })
  const before = Date.now()
  await say(t, gateway, get()).reader.until('ok')
  const told = deadlineIn(upstream.heads[0]!)
  assert.ok(told >= before + 6_900 && told <= Date.now() + 7_100, `${told - before} ms`)
})

test("a caller's deadline shortens ours, and is passed on; a longer one, or nonsense, changes nothing", async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { service: { timeoutMs: 7_000 } })
  const at = Date.now()
  for (const [given, leftMs] of [
    [String(at + 3_000), 3_000],
    [String(at + 60_000), 7_000],
    ['soon', 7_000],
    ['-5', 7_000],
    ['99999999999999999999', 7_000],
  ] as const) {
    await say(t, gateway, get('/', `X-Request-Deadline: ${given}\r\n`)).reader.until('ok')
    const head = upstream.heads.at(-1)!
    assert.equal(head.match(/x-request-deadline/gi)!.length, 1)
    assert.ok(Math.abs(deadlineIn(head) - at - leftMs) < 900, `${given}: ${deadlineIn(head) - at}`)
  }
})

test('one that has passed is answered at once, and one that passes ends the request', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const late = `X-Request-Deadline: ${Date.now() - 1}\r\n`
  const answer = await say(t, gateway, get('/', late)).reader.until('"requestId"')
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_TIMEOUT')
  assert.equal(upstream.sockets.length, 0)
  const soon = `X-Request-Deadline: ${Date.now() + 200}\r\n`
  const { reader } = say(t, gateway, get('/', soon))
  const { reader: asked } = await upstream.accept()
  await asked.until('\r\n\r\n')
  assert.equal(reasonIn(await reader.until('"requestId"')), 'ERR_GATEWAY_TIMEOUT')
  await asked.closed()
})

test('of an upload nobody knows when it has been sent', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  say(t, gateway, 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const { reader } = await upstream.accept()
  assert.doesNotMatch(await reader.until('\r\n\r\n'), /x-request-deadline/)
})
