import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RE2JS } from 're2js'
import { compileMatcher } from './matchers.ts'

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
        assert.equal(
          matcher.matches(value),
          expected === (kind === '=~'),
          JSON.stringify(expression),
        )
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a wrong expression is told in the words of Go', () => {
  assert.throws(() => compileMatcher({ name: 'x', kind: '!~', value: 'a)(b' }), {
    message: 'error parsing regexp: unexpected ): `a)(b`',
  })
})

test('equality is equality', () => {
  const is = compileMatcher({ name: 'x', kind: '=', value: 'a.' })
  const isNot = compileMatcher({ name: 'x', kind: '!=', value: 'a.' })
  assert.deepEqual(
    [is, isNot].flatMap((one) => ['a.', 'ab'].map((text) => one.matches(text))),
    [true, false, false, true],
  )
})

test('an index can look up plain alternatives', () => {
  const valuesOf = (value: string) => compileMatcher({ name: 'x', kind: '=~', value }).values
  assert.deepEqual(valuesOf('a|b-c'), ['a', 'b-c'])
  assert.equal(valuesOf('a.b'), undefined)
})
