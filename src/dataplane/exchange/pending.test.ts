import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { chainPolicies } from '../policies/compile.ts'
import { type Policy, type PolicyTicket, VERDICT } from '../policies/policy.ts'
import { get, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream } from '../testing/sockets.ts'
import { routeSpec } from '../testing/specs.ts'
import { PHASE } from './exchange.ts'
import { answerLocally } from './local-reply.ts'
import type { Route } from './routes.ts'

test('a policy that decides in the moment of its deadline, while the 504 waits for a slow reader: one answer', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ timeoutMs: 5_000 })] },
  })
  const tickets: PolicyTicket[] = []
  const policy: Policy = {
    kind: 'ask',
    request(exchange) {
      tickets.push(exchange.suspend(() => {}))
      return VERDICT.pending
    },
  }
  const [route] = gateway.worker.context.routes.list as { -readonly [K in keyof Route]: Route[K] }[]
  route!.policies = chainPolicies([policy], ['x'], true)
  const { socket: client, reader } = say(t, gateway, get())
  client.pause()
  while (tickets.length === 0) await turnOfLoop()
  const ctx = gateway.worker.context
  const [connection] = ctx.clients
  const [exchange] = ctx.exchanges
  // The kernel's buffers are full of an earlier answer.
  connection!.outlet.write(Buffer.alloc(8 * 1024 * 1024, 'x'))
  assert.equal(connection!.outlet.isFlushed, false)
  tickets[0]!.resume({ verdict: VERDICT.go })
  // What the tick does where the deadline has passed.
  exchange!.deadlineMs = 0
  answerLocally(ctx, exchange!, { code: 'ERR_GATEWAY_TIMEOUT', detail: 'late' })
  assert.equal(exchange!.phase, PHASE.flushing)
  ctx.turns.run()
  assert.equal(exchange!.phase, PHASE.flushing)
  client.resume()
  await reader.until('late')
  for (let turn = 0; turn < 20; turn++) await turnOfLoop()
  assert.equal(reader.text.match(/HTTP\/1\.1 /g)!.length, 1)
  assert.equal(upstream.heads.length, 0)
})
