import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SubAnswer, SubRequest, type SubRequestSpec } from './sub-request.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import { startGateway } from '../testing/setup.ts'
import { startAnsweringUpstream } from '../testing/sockets.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { createRequestDrops } from '../../mechanisms/http1/drops.ts'
import type { Exchange } from '../exchange/exchange.ts'

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
}
const peer = {
  address: '192.0.2.1',
  isTrusted: false,
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
