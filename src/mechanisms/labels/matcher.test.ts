import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RE2JS } from 're2js'
import { compileMatcher, plainAlternatives } from './matcher.ts'

const expressions = [
  '',
  'a',
  'a|b',
  'a|',
  '.*',
  '.+',
  '.*a',
  'a.*',
  'a.+',
  '.+a',
  '.*a.*',
  '.+a.+',
  '.*.+',
  '(a|b)c?',
  'a.b',
  '[ab]+',
  '(?i)A',
  'a\\.b',
]

test('what is compared without an automaton is what the automaton says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\n', 'A'), maxLength: 5 })
  fc.assert(
    fc.property(fc.constantFrom(...expressions), text, (expression, value) => {
      const expected = RE2JS.compile(`^(?s:${expression})$`).matches(value)
      for (const kind of ['=~', '!~'] as const) {
        const matcher = compileMatcher({ name: 'x', kind, value: expression })
        assert.ok(typeof matcher !== 'string')
        assert.equal(matcher(value), expected === (kind === '=~'), JSON.stringify(expression))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a wrong expression is told in the words of Go', () => {
  const matcher = compileMatcher({ name: 'x', kind: '!~', value: 'a)(b' })
  assert.equal(matcher, 'error parsing regexp: unexpected ): `a)(b`')
})

test('equality is equality', () => {
  const is = compileMatcher({ name: 'x', kind: '=', value: 'a.' })
  const isNot = compileMatcher({ name: 'x', kind: '!=', value: 'a.' })
  assert.ok(typeof is !== 'string' && typeof isNot !== 'string')
  assert.deepEqual([is('a.'), is('ab'), isNot('a.'), isNot('ab')], [true, false, false, true])
})

test('an index can look up plain alternatives', () => {
  assert.deepEqual(plainAlternatives('a|b-c'), ['a', 'b-c'])
  assert.equal(plainAlternatives('a.b'), undefined)
})
