import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatGoDuration, parseGoDuration } from './go-duration.ts'

// From Go's time_test.go: what its authors thought worth a case.
const READ: readonly (readonly [string, number])[] = [
  ['0', 0],
  ['5s', 5e9],
  ['30s', 30e9],
  ['1478s', 1478e9],
  ['-5s', -5e9],
  ['+5s', 5e9],
  ['-0', 0],
  ['5.0s', 5e9],
  ['5.6s', 56e8],
  ['5.s', 5e9],
  ['.5s', 5e8],
  ['1.004s', 1_004_000_000],
  ['100.00100s', 100_001_000_000],
  ['10ns', 10],
  ['11us', 11_000],
  ['12µs', 12_000],
  ['12μs', 12_000],
  ['13ms', 13_000_000],
  ['15m', 900e9],
  ['16h', 57_600e9],
  ['3h30m', 12_600e9],
  ['10.5s4m', 250_500_000_000],
  ['-2m3.4s', -123_400_000_000],
  ['1h2m3s4ms5us6ns', 3_723_004_005_006],
  ['39h9m14.425s', 140_954_425_000_000],
]

test('it reads what Go reads', () => {
  for (const [text, ns] of READ) assert.equal(parseGoDuration(text), ns === 0 ? 0 : ns, text)
})

test('it refuses what Go refuses', () => {
  for (const text of [
    '',
    '3',
    '-',
    's',
    '.',
    '-.',
    '.s',
    '+.s',
    '1d',
    '1 s',
    '1h ',
    '3000000h',
    '1s2',
    'NaNs',
    '1'.repeat(80) + 's',
  ]) {
    assert.equal(parseGoDuration(text), undefined, text)
  }
})

test('it writes what Go writes', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [1, '1ns'],
    [1_100, '1.1µs'],
    [2_200_000, '2.2ms'],
    [3_300_000_000, '3.3s'],
    [245_000_000_000, '4m5s'],
    [245_001_000_000, '4m5.001s'],
    [18_367_001_000_000, '5h6m7.001s'],
    [480_000_000_001, '8m0.000000001s'],
    [15e9, '15s'],
    [86_400e9, '24h0m0s'],
    [-90e9, '-1m30s'],
  ]
  for (const [ns, text] of cases) assert.equal(formatGoDuration(ns), text)
})

test('what it writes it reads again', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (ns) => {
      const again = parseGoDuration(formatGoDuration(ns))
      assert.ok(Math.abs((again ?? Number.NaN) - ns) <= 1)
    }),
  )
})
