import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileHeaders } from './headers.ts'
import { VERDICT } from './policy.ts'
import { compileRedirect } from './redirect.ts'
import { compileRespond } from './respond.ts'
import { FakeExchange } from './testing/fake-exchange.ts'

test('headers: set replaces, add leaves, remove takes away, and a request runs nothing', () => {
  const policy = compileHeaders({
    request: {
      set: [['x-team', 'a']],
      add: [
        ['x-tag', 'b'],
        ['x-tag', 'c'],
      ],
      remove: ['cookie'],
    },
    response: { set: [['cache-control', 'no-store']], add: [], remove: ['server'] },
  })
  assert.deepEqual(policy.dropsRequestFields, ['x-team', 'cookie'])
  assert.equal(policy.fixedRequestLines, 'x-team: a\r\nx-tag: b\r\nx-tag: c\r\n')
  assert.deepEqual(policy.dropsResponseFields, ['cache-control', 'server'])
  assert.equal(policy.fixedResponseLines, 'cache-control: no-store\r\n')
  assert.ok(!('request' in policy || 'response' in policy || 'end' in policy))
})

test('headers: the last net against a split message', () => {
  const none = { set: [], add: [], remove: [] }
  const bad = { ...none, set: [['x', 'a\r\nset-cookie: b']] as const }
  assert.throws(() => compileHeaders({ request: bad, response: none }), RangeError)
  assert.throws(() => compileHeaders({ request: none, response: bad }), RangeError)
})

test('redirect: Location, status and a body for those who read', () => {
  const policy = compileRedirect({
    to: 'https://{host}{path}{query}',
    path: '/**',
    status: 308,
  })
  const exchange = new FakeExchange({ path: '/a/b', query: '?x=<1>' })
  assert.equal(policy.request!(exchange), VERDICT.answer)
  const location = 'https://shop.example.com/a/b?x=%3C1%3E'
  assert.deepEqual(exchange.responseField('location'), [location])
  assert.equal(exchange.answer!.plain!.status, 308)
  assert.equal(exchange.answer!.plain!.body, `${location}\n`)
  assert.deepEqual(exchange.notes, [`redirect: 308 to ${location}`])
})

test('redirect: a target with {host} needs one', () => {
  const withHost = compileRedirect({ to: 'https://{host}/', path: '/**', status: 302 })
  const exchange = new FakeExchange({ host: '' })
  assert.equal(withHost.request!(exchange), VERDICT.answer)
  assert.equal(exchange.answer!.code, 'ERR_GATEWAY_REDIRECT_HOST')
  const other = new FakeExchange({ host: '' })
  compileRedirect({ to: '/x', path: '/**', status: 302 }).request!(other)
  assert.deepEqual(other.responseField('location'), ['/x'])
})

test('respond: the same to everybody, made once', () => {
  const policy = compileRespond({
    status: 503,
    body: 'down',
    contentType: 'text/plain',
    headers: [['retry-after', '60']],
  })
  const [first, second] = [new FakeExchange(), new FakeExchange()]
  assert.equal(policy.request!(first), VERDICT.answer)
  policy.request!(second)
  assert.equal(first.answer, second.answer)
  assert.deepEqual(first.answer!.plain, { status: 503, contentType: 'text/plain', body: 'down' })
  assert.deepEqual(first.responseField('retry-after'), ['60'])
})
