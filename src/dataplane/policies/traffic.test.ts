import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RewriteSpec } from '../../contracts/policies.ts'
import { systemClock } from '../../platform/clock.ts'
import { compileFault } from './fault.ts'
import { compileIp } from './ip.ts'
import { compileMirror } from './mirror.ts'
import { type PolicyGround, VERDICT } from './policy.ts'
import { compileRewrite } from './rewrite.ts'
import { FakeExchange, type FakeRequest } from './testing/fake-exchange.ts'
import { testGround } from './testing/ground.ts'

test('ip: denied is denied, and where some are allowed nobody else comes; mapped addresses are what they stand for', () => {
  const policy = compileIp({ allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.9.0.0/16'] })
  const passes = (address: string): boolean =>
    policy.request!(new FakeExchange({ address })) === VERDICT.go
  assert.equal(passes('10.1.2.3'), true)
  assert.equal(passes('::ffff:10.1.2.3'), true)
  assert.equal(passes('10.9.2.3'), false)
  assert.equal(passes('::ffff:10.9.2.3'), false)
  assert.equal(passes('2001:db8:1::1'), true)
  assert.equal(passes('192.0.2.1'), false)
  const exchange = new FakeExchange({ address: '192.0.2.1' })
  policy.request!(exchange)
  assert.equal(exchange.answer!.code, 'ERR_GATEWAY_ADDRESS_REFUSED')
  assert.doesNotMatch(exchange.answer!.told!, /192|allow/)
})

test('fault: some fail, some wait, and who does not wait any more ends the timer', () => {
  const timers: { readonly ms: number; readonly call: () => void }[] = []
  let isCancelled = false
  let draw = 0
  const clock = {
    ...systemClock,
    after: (ms: number, call: () => void) => {
      timers.push({ ms, call })
      return () => void (isCancelled = true)
    },
  }
  const base = testGround()
  const ground: PolicyGround = { ...base, auth: { ...base.auth, clock }, random: () => draw }
  const policy = compileFault(
    { abort: { share: 0.1, status: 502 }, delay: { share: 0.5, ms: 700 } },
    ground,
  )
  const ask = (value: number): [number, FakeExchange] => {
    draw = value
    const exchange = new FakeExchange()
    return [policy.request!(exchange), exchange]
  }
  const [failed, first] = ask(0.05)
  assert.equal(failed, VERDICT.answer)
  assert.equal(first.answer!.plain!.status, 502)
  assert.equal(ask(0.9)[0], VERDICT.go)
  const [waits, second] = ask(0.3)
  assert.equal(waits, VERDICT.pending)
  assert.equal(timers[0]!.ms, 700)
  timers[0]!.call()
  assert.equal(second.decision?.verdict, VERDICT.go)
  const [, third] = ask(0.3)
  third.ticket!.cancel('client-gone')
  assert.equal(isCancelled, true)
})

const none: RewriteSpec = {
  pattern: '/orders/{id}/**',
  path: '',
  query: { set: [], remove: [] },
  headers: [],
}

function rewritten(change: Partial<RewriteSpec>, request: FakeRequest = {}): FakeExchange {
  const exchange = new FakeExchange({ path: '/orders/7/a/b', query: '?x=1&debug=1', ...request })
  const claims = new Map([['tenant', 'a\r\nb']])
  exchange.identity = { by: '', key: '', subject: 'ann', scopes: [], roles: [], claims }
  compileRewrite({ ...none, ...change }).request!(exchange)
  return exchange
}

test('rewrite: path, query and headers with pieces of the request', () => {
  assert.equal(rewritten({ path: '/v2/{id}/{rest}' }).rewrittenPath, '/v2/7/a/b')
  assert.equal(rewritten({ path: '/v2/{id}/{rest}' }).rewrittenQuery, '?x=1&debug=1')
  const query = {
    set: [['who', '{subject}'] as const, ['x', '{path}'] as const],
    remove: ['debug'],
  }
  assert.equal(rewritten({ query }).rewrittenQuery, '?who=ann&x=%2Forders%2F7%2Fa%2Fb')
  assert.equal(rewritten({}).rewrittenQuery, undefined)
  const { requestLines } = rewritten({
    headers: [
      ['x-tenant', '{claim.tenant}/{method}'],
      ['x-none', '{claim.none}'],
    ],
  })
  assert.equal(requestLines, 'x-tenant: a%0D%0Ab/GET\r\n')
})

test('rewrite: what a request brings makes no other path, query or line', () => {
  const headers = { 'x-a': '../..//admin?a=b#c\r\nx: y\\' }
  const path = rewritten({ path: '/files/{header.x-a}/end' }, { headers })
  assert.equal(path.answer?.code, 'ERR_GATEWAY_PATH_AMBIGUOUS')
  const plain = rewritten({ path: '/files/{header.x-a}' }, { headers: { 'x-a': 'a?b=c#d e' } })
  assert.equal(plain.rewrittenPath, '/files/a%3Fb=c%23d%20e')
  const query = { set: [['q', '{header.x-a}'] as const], remove: [] }
  assert.equal(
    rewritten({ query }, { headers: { 'x-a': 'a&admin=1' }, query: '' }).rewrittenQuery,
    '?q=a%26admin%3D1',
  )
})

test('mirror: a share of the requests', () => {
  let draw = 0.2
  const policy = compileMirror(
    { service: 'next', share: 0.25 },
    { ...testGround(), random: () => draw },
  )
  const exchange = new FakeExchange()
  policy.request!(exchange)
  assert.equal(exchange.mirrorTo, 'next')
  draw = 0.25
  const other = new FakeExchange()
  policy.request!(other)
  assert.equal(other.mirrorTo, '')
})
