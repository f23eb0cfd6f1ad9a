import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatFixed, formatGeneral, formatValue, quote, quoteCharacter } from './go-text.ts'

test('numbers are written as Go does', () => {
  const cases = [
    [0, '0', '0', '0'],
    [-0, '-0', '-0', '-0'],
    [1.5, '1.5', '1.5', '1.5'],
    [100_000, '100000', '100000', '100000'],
    [1_000_000, '1000000', '1e+06', '1000000'],
    [1_234_567, '1234567', '1.234567e+06', '1234567'],
    [123_456_789, '123456789', '1.23456789e+08', '123456789'],
    [1_234_567.5, '1234567.5', '1.2345675e+06', '1234567.5'],
    [0.0001, '0.0001', '0.0001', '0.0001'],
    [0.00001, '0.00001', '1e-05', '0.00001'],
    [1e-7, '0.0000001', '1e-07', '1e-07'],
    [1e21, '1000000000000000000000', '1e+21', '1e+21'],
    [1.5e300, `15${'0'.repeat(299)}`, '1.5e+300', '1.5e+300'],
    [Infinity, '+Inf', '+Inf', '+Inf'],
    [-Infinity, '-Inf', '-Inf', '-Inf'],
    [NaN, 'NaN', 'NaN', 'NaN'],
  ] as const
  for (const [value, fixed, general, answer] of cases) {
    assert.equal(formatFixed(value), fixed)
    assert.equal(formatGeneral(value), general)
    assert.equal(formatValue(value), answer)
  }
})

test('what is written is the number', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      for (const format of [formatFixed, formatGeneral, formatValue]) {
        assert.ok(Object.is(Number(format(value)), value))
      }
    }),
  )
})

test('texts are quoted as Go does', () => {
  assert.equal(
    quote('a"\\\n\t\u0000\u00e9\u2028\u{1f600}'),
    '"a\\"\\\\\\n\\t\\x00é\\u2028\u{1f600}"',
  )
  assert.equal(quoteCharacter("'"), "'\\''")
  assert.equal(quoteCharacter('"'), "'\"'")
})
