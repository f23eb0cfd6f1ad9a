import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explainFieldName, explainFieldValue } from './settable-fields.ts'

test('names that a configuration may write', () => {
  for (const name of ['x-team', 'X-Team', 'cache-control', 'Set-Cookie', 'cookie', 'x_custom', 'a'])
    assert.equal(explainFieldName(name), undefined, name)
})

test('names that only the gateway writes, in any spelling that a backend may fold onto them', () => {
  const refused = {
    'one hop': ['Connection', 'keep-alive', 'TE', 'Upgrade', 'proxy_connection', 'Expect'],
    'message ends': ['Content-Length', 'content_length', 'Transfer-Encoding', 'transfer.encoding'],
    'came from': [
      'Forwarded',
      'X-Forwarded-For',
      'x_forwarded_proto',
      'X-Forwarded-Anything',
      'Via',
    ],
    'decided on the route': ['Host', 'HOST'],
    trace: ['traceparent', 'X-Request-Id'],
    own: ['Backplane-Reason'],
    'no field name': ['a b', 'a:', 'ä', 'a\r\nb', '(x)', 'x\0'],
    empty: [''],
  }
  for (const [reason, names] of Object.entries(refused)) {
    for (const name of names) assert.match(explainFieldName(name) ?? '', new RegExp(reason), name)
  }
})

test('a value never has a line end, a control byte or white space around it', () => {
  for (const value of ['', 'a', 'a b', 'a\tb', 'ü', 'max-age=1, private'])
    assert.equal(explainFieldValue(value), undefined)
  for (const value of ['a\r\nb', 'a\nb', 'a\0', '\u007f', 'a\rb', '→', ' a', 'a ', '\t'])
    assert.notEqual(explainFieldValue(value), undefined, JSON.stringify(value))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      if (explainFieldValue(value) === undefined) assert.doesNotMatch(value, /[\r\n\0]/)
    }),
  )
})
