import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'
import { ENTRY_POLICIES } from './entry.ts'

const full = { gateway: { limits: { ...testLimits, requestsInFlightMax: 0 } } }
const small = { gateway: { limits: { ...full.gateway.limits, bodyBytesMax: 3 } } }
const named = { gateway: { hosts: ['shop.example'] } }
const upload = 'PUT / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 4\r\n\r\nbody'
const foreign = 'TRACE / HTTP/1.1\r\nHost: evil.example\r\n\r\n'

/** Each request would be refused by what stands further down, too. */
for (const [kind, code, setup, bytes] of [
  [
    'body',
    'ERR_GATEWAY_BODY_TOO_LARGE',
    { gateway: { ...named.gateway, ...small.gateway } },
    upload,
  ],
  [
    'requests',
    'ERR_GATEWAY_REQUESTS_FULL',
    { gateway: { ...named.gateway, ...full.gateway } },
    foreign,
  ],
  ['host', 'ERR_GATEWAY_HOST_UNKNOWN', named, foreign],
  ['method', 'ERR_GATEWAY_METHOD_NOT_ALLOWED', {}, get('/').replace('GET', 'TRACE')],
] as const) {
  test(`the policy ${kind} stands before all routes, and the record says that it answered`, async (t) => {
    const upstream = await startAnsweringUpstream(OK)
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port], setup)
    const answer = await say(t, gateway, bytes).reader.until('"requestId"')
    assert.equal(reasonIn(answer), code)
    assert.equal(upstream.heads.length, 0)
    const [record] = gateway.recent(1)
    assert.deepEqual(
      record!.policies.map(({ policy, decision }) => [policy, decision]),
      [[kind, 'refused']],
    )
  })
}

test('the guide names them in the order in which they run', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/policies.md'), 'utf8')
  const order = /asks six things[^]*?Sticky/.exec(guide)?.[0] ?? ''
  const named = [...order.matchAll(/`([a-z]+)` \(/g)].map(([, name]) => name)
  assert.deepEqual(
    named,
    ENTRY_POLICIES.map(({ kind }) => kind),
  )
})
