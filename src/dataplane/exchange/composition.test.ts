import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SubAnswer, SubRequest, type SubRequestSpec } from '../client/sub-request.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import { startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { createRequestDrops } from '../../mechanisms/http1/drops.ts'
import { PLACE } from '../shared/counts.ts'
import type { Exchange } from './exchange.ts'

const listener: ClientListener = {
  id: 'composition',
  port: 0,
  caller: 'web',
  service: 'echo',
  route: '',
  edge: null,
  isPublic: false,
  proxyProtocol: false,
  isLoopback: false,
  tls: null,
}
const peer = {
  address: '192.0.2.1',
  isTrusted: false,
  tls: null,
  drops: createRequestDrops({ isPeerTrusted: false, names: ['x-request-id', 'traceparent'] }),
  forwardedLines: () => Buffer.from('x-forwarded-for: 192.0.2.1\r\n'),
}

function ask(gateway: LocalWorker, change: Partial<SubRequestSpec> = {}): Promise<SubAnswer> {
  const { context } = gateway.worker
  const spec = {
    method: 'GET',
    target: '/part',
    lines: 'Host: echo\r\nx-request-id: whole-1\r\n',
    answerBytesMax: 1_000,
    ...change,
  }
  const edge = context.totals.edge('web', '', 'echo')
  return new Promise((resolve) => {
    new SubRequest<Exchange>({ ...listener, edge }, peer, spec, resolve).start(
      context,
      context.clientEvents,
    )
  })
}

test('two parts are fetched side by side, without a client, and put together', async (t) => {
  const upstream = await startAnsweringUpstream((head) => {
    const name = /\/(\w+) /.exec(head)![1]!
    return name === 'orders'
      ? 'HTTP/1.1 200 OK\r\nX-Part: orders\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"o\r\n5\r\n":1}\n\r\n0\r\n\r\n'
      : 'HTTP/1.1 200 OK\r\nX-Part: users\r\nContent-Length: 7\r\n\r\n{"u":2}'
  })
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const parts = await Promise.all([
    ask(gateway, { target: '/orders' }),
    ask(gateway, { target: '/users' }),
  ])
  const whole = parts.map((part) => {
    assert.ok(part.kind === 'answer' && part.status === 200)
    return [part.fields.get('x-part'), JSON.parse(part.body.toString()) as unknown]
  })
  assert.deepEqual(whole, [
    ['orders', { o: 1 }],
    ['users', { u: 2 }],
  ])
  assert.match(upstream.heads[0]!, /x-forwarded-for: 192\.0\.2\.1\r\nx-request-id: whole-1\r\n/)
  const records = gateway.recent(5, false)
  assert.deepEqual(
    records.map(({ protocol, caller, status, requestId }) => [protocol, caller, status, requestId]),
    [
      ['sub-request', 'web', 200, 'whole-1'],
      ['sub-request', 'web', 200, 'whole-1'],
    ],
  )
  assert.equal(gateway.worker.context.counts.total(PLACE.requests), 0)
})

test('a part that is too large, breaks off, or has no instance says so', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const large = ask(gateway, { answerBytesMax: 3 })
  const first = await upstream.accept()
  await first.reader.until('\r\n\r\n')
  first.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong')
  assert.equal((await large).kind, 'local')
  const cut = ask(gateway)
  const second = await upstream.accept()
  await second.reader.until('\r\n\r\n')
  second.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlo')
  assert.equal((await cut).kind, 'broken')
  await gateway.update([{ op: 'instance-gone', service: 'echo', id: `echo-${upstream.port}` }])
  const none = await ask(gateway)
  assert.ok(
    none.kind === 'local' && none.status === 503 && none.body.includes('ERR_GATEWAY_NO_INSTANCE'),
  )
  assert.equal(gateway.worker.context.exchanges.length, 0)
})

test('a sub-request whose first answer was refused has nothing of it in the second one', async (t) => {
  let count = 0
  const upstreams = [0, 1].map(() =>
    startAnsweringUpstream(() =>
      count++ === 0
        ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n'
        : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  const ports = await Promise.all(upstreams)
  t.after(() => ports.forEach((one) => one.close()))
  const gateway = await startGateway(
    t,
    ports.map(({ port }) => port),
  )
  const answer = await ask(gateway)
  assert.equal(answer.kind === 'answer' ? answer.body.toString() : answer.kind, 'ok')
})
