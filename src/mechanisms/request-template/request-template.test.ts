import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeForField,
  encodeForPath,
  encodeForQuery,
  formatRequestTemplate,
  parseRequestTemplate,
  RequestTemplateError,
  type TemplateRequest,
  withoutParameters,
} from './request-template.ts'

const request: TemplateRequest = {
  hostname: 'shop.example',
  path: '/a/7/b/c',
  query: '?x=1',
  address: '2001:db8::1',
  scheme: 'https',
  method: 'GET',
  subject: 'ann',
  header: (name) => (name === 'x-a' ? 'v w' : undefined),
  claim: (path) => (path === 'tenant.plan' ? 'gold' : ''),
}

test('pieces of a request', () => {
  const format = (text: string): string =>
    formatRequestTemplate(parseRequestTemplate(text, '/a/{id}/**'), request, encodeForField)
  assert.equal(
    format('{method} {scheme}://{host}{path}{query}'),
    'GET https://shop.example/a/7/b/c?x=1',
  )
  assert.equal(format('{id}-{rest}'), '7-b/c')
  assert.equal(
    format('{claim.tenant.plan} {subject} {address} [{header.X-A}]'),
    'gold ann 2001:db8::1 [v%20w]',
  )
  assert.equal(format('{claim.none}{header.x-none}'), '')
  for (const wrong of ['{nothing}', '{id', 'id}', '{header.a b}', '{claim.}'])
    assert.throws(() => format(wrong), RequestTemplateError, wrong)
})

test('whatever a request brings, nothing of it ends a line, a value or a path', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (value) => {
      assert.match(encodeForField(value), /^[\x21-\x7e]*$/)
      assert.match(encodeForQuery(value), /^[A-Za-z0-9._~%-]*$/)
      assert.match(encodeForPath(value), /^[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/)
      if (value.isWellFormed()) assert.equal(decodeURIComponent(encodeForQuery(value)), value)
    }),
  )
})

test('a parameter is removed however it is spelled', () => {
  const names = new Set(['debug', 'a b'])
  assert.equal(withoutParameters('?debug=1&x=2', names), '?x=2')
  assert.equal(withoutParameters('?d%65bug=1', names), '')
  assert.equal(withoutParameters('?a+b=1&a%20b&c', names), '?c')
  assert.equal(withoutParameters('?%=1&debugs=1', names), '?%=1&debugs=1')
  assert.equal(withoutParameters('', names), '')
})
