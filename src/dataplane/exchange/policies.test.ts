import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicySpec } from '../../contracts/policies.ts'
import { chainPolicies } from '../policies/compile.ts'
import { type Policy, type PolicyTicket, type TicketEnd, VERDICT } from '../policies/policy.ts'
import { PLACE } from '../shared/counts.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { routeSpec } from '../testing/specs.ts'
import type { Route } from './routes.ts'

const none = { set: [], add: [], remove: [] } as const
const source = 'backplane.yaml:9'

function limit(rate: string, perSecond: number, burst: number): PolicySpec {
  return { kind: 'limit', source, spec: { rate, perSecond, burst, by: 'address' } } as PolicySpec
}

test('a limit lets its burst pass, then says 429 and when to come again; `why` has each decision', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies: [limit('1/h', 1 / 3600, 2)] })] },
  })
  const { socket, reader } = say(t, gateway, get('/1'))
  assert.match(await reader.until('ok'), /\r\nRateLimit: /i)
  socket.write(get('/2'))
  await reader.until(/ok[^]*ok/)
  socket.write(get('/3'))
  const text = await reader.until('"requestId"')
  assert.equal(reasonIn(text), 'ERR_GATEWAY_RATE_LIMITED')
  assert.match(text, /HTTP\/1\.1 429 [^]*\r\nretry-after: \d+\r\n/)
  assert.equal(upstream.heads.length, 2)
  const [third, second] = gateway.recent(2, false)
  assert.equal(second!.policies[0]!.policy, 'limit')
  assert.match(third!.policies[0]!.decision, /limit of 1\/h/)
})

test('headers change what goes to the instance and to the client; a refused small body leaves the connection open', async (t) => {
  const upstream = await startAnsweringUpstream(
    'HTTP/1.1 200 OK\r\nServer: secret/1\r\nX-A: theirs\r\nContent-Length: 2\r\n\r\nok',
  )
  t.after(() => upstream.close())
  const headers: PolicySpec = {
    kind: 'headers',
    source,
    spec: {
      request: { ...none, set: [['x-tenant', 'shop']], remove: ['x-debug'] },
      response: { ...none, set: [['x-a', 'ours']], remove: ['server'] },
    },
  }
  const closed: PolicySpec = {
    kind: 'respond',
    source,
    spec: { status: 503, body: 'back soon', contentType: 'text/plain', headers: [] },
  } as unknown as PolicySpec
  const gateway = await startGateway(t, [upstream.port], {
    gateway: {
      routes: [
        routeSpec({ policies: [headers] }),
        routeSpec({ id: 'closed', path: '/closed', to: [], policies: [closed] }),
      ],
    },
  })
  const { socket, reader } = say(t, gateway, get('/1', 'X-Tenant: forged\r\nX-Debug: 1\r\n'))
  const answer = await reader.until('ok')
  assert.doesNotMatch(answer, /server:|theirs/i)
  assert.match(answer, /\r\nx-a: ours\r\n/)
  assert.doesNotMatch(upstream.heads[0]!, /forged|x-debug/i)
  assert.match(upstream.heads[0]!, /\r\nx-tenant: shop\r\n/)
  socket.write('POST /closed HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel')
  assert.match(await reader.until('back soon'), /HTTP\/1\.1 503 [^]*\r\n\r\nback soon$/)
  socket.write('lo')
  socket.write(get('/2'))
  await reader.until(/back soon[^]*ok/)
  assert.equal(upstream.heads.length, 2)
})

/** A policy that decides when the test says so. */
function pendingPolicy(): {
  policy: Policy
  tickets: PolicyTicket[]
  ends: (TicketEnd | number)[]
} {
  const tickets: PolicyTicket[] = []
  const ends: (TicketEnd | number)[] = []
  const policy: Policy = {
    kind: 'ask',
    request(exchange) {
      tickets.push(exchange.suspend((why) => void ends.push(why)))
      return VERDICT.pending
    },
    end: (status) => void ends.push(status),
  }
  return { policy, tickets, ends }
}

function install(gateway: LocalWorker, list: readonly Policy[]): void {
  const [route] = gateway.worker.context.routes.list as unknown as { policies: Route['policies'] }[]
  route!.policies = chainPolicies(
    list,
    list.map(() => source),
    true,
  )
}

async function until(isIt: () => boolean): Promise<void> {
  while (!isIt()) await new Promise((resolve) => setImmediate(resolve))
}

test('a policy that decides later: the request waits with its body, and goes on as if nothing had been', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { policy, tickets, ends } = pendingPolicy()
  const seen: string[] = []
  install(gateway, [policy, { kind: 'next', request: (one) => (seen.push(one.path), VERDICT.go) }])
  const { socket, reader } = say(
    t,
    gateway,
    'PUT /a/b?c=d HTTP/1.1\r\nHost: a\r\nX-Y: z\r\nContent-Length: 8\r\n\r\nhalf',
  )
  await until(() => tickets.length === 1)
  // What comes meanwhile overwrites the buffer that the head was read into.
  const other = say(t, gateway, `GET /other HTTP/1.1\r\nHost: ${'b'.repeat(200)}\r\n\r\n`)
  await until(() => tickets.length === 2)
  socket.write('more')
  assert.equal(tickets[0]!.resume({ verdict: VERDICT.go, requestLines: 'x-user: ann\r\n' }), true)
  assert.equal(tickets[0]!.resume({ verdict: VERDICT.go }), false)
  const { socket: instance, reader: request } = await upstream.accept()
  const sent = await request.until('halfmore')
  assert.match(sent, /^PUT \/a\/b\?c=d HTTP\/1\.1\r\nHost: a\r\nX-Y: z\r\n/)
  assert.match(sent, /\r\nx-user: ann\r\n\r\nhalfmore$/)
  instance.write(OK)
  await reader.until('ok')
  tickets[1]!.resume({
    verdict: VERDICT.answer,
    answer: { code: 'ERR_GATEWAY_RATE_LIMITED', detail: 'not today' },
  })
  assert.match(await other.reader.until('not today'), /^HTTP\/1\.1 429 /)
  assert.deepEqual(seen, ['/a/b'])
  assert.deepEqual(ends, [200, 429])
})

test('a client that leaves, or a deadline, ends the wait, and what is said afterwards is not heard', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ timeoutMs: 60 })] },
  })
  const { policy, tickets, ends } = pendingPolicy()
  install(gateway, [policy])
  const gone = say(t, gateway, get())
  await until(() => tickets.length === 1)
  gone.socket.destroy()
  await until(() => ends.length === 2)
  assert.deepEqual(ends, ['client-gone', 0])
  assert.equal(tickets[0]!.isOpen, false)
  const late = say(t, gateway, get())
  assert.match(await late.reader.until('"requestId"'), /^HTTP\/1\.1 504 /)
  assert.deepEqual(ends.slice(2), ['deadline', 504])
  assert.equal(tickets[1]!.resume({ verdict: VERDICT.go }), false)
  assert.equal(gateway.worker.context.counts.total(PLACE.requests), 0)
  assert.equal(gateway.worker.context.exchanges.length, 0)
})

test('a split is told with its shares', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const to = [
    { service: 'echo', weight: 95 },
    { service: 'next', weight: 0 },
  ]
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ to })] },
  })
  await say(t, gateway, get('/')).reader.until('ok')
  const [record] = gateway.recent(1)
  assert.deepEqual(record!.policies, [
    { policy: 'split', decision: 'drew echo among echo 100 %, next 0 %', value: 95 },
  ])
})
