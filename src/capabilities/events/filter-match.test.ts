import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matcherOf } from './filter-match.ts'

const matches = (expression: string, name: string) =>
  matcherOf({ on: 'type', prefixes: [], expression })(name)

test('expressions are searched for in the name; a refusal at its beginning is understood', () => {
  assert.ok(matches('^ord', 'order-1'))
  assert.ok(!matches('^rd', 'order-1'))
  assert.ok(matches('rd', 'order-1'))
  const plain = String.raw`^(?!(\$.+$|Paid\)$|[)]x$))`
  assert.ok(matches(plain, 'Placed'))
  assert.ok(!matches(plain, '$metadata'))
  assert.ok(!matches(plain, 'Paid)'))
  assert.ok(!matches(plain, ')x'))
  assert.ok(matches(String.raw`^(?!\$).*ed$`, 'Placed'))
  assert.ok(!matches(String.raw`^(?!\$).*ed$`, 'Placing'))
})

test('what cannot be linear is refused, and so is what is too long', () => {
  for (const expression of ['(a)\\1', 'a(?=b)', '^(?!a', '(', 'x'.repeat(1_001)]) {
    assert.throws(() => matches(expression, 'a'), { code: 'ERR_EVENTS_FILTER_INVALID' })
  }
  const prefixes = Array.from({ length: 101 }, () => 'a')
  assert.throws(() => matcherOf({ on: 'type', prefixes, expression: '' }), {
    code: 'ERR_EVENTS_FILTER_INVALID',
  })
})
