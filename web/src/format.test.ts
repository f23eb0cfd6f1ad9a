import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatSetting,
  formatShare,
} from './format.ts'

test('numbers are short and keep their size', () => {
  assert.deepEqual(
    [0, 0.01, 0.4, 12.34, 99.96, 140, 999.6, 1234, 45_600, 2_500_000].map(formatCount),
    ['0', '<0.1', '0.4', '12.3', '100', '140', '1k', '1.2k', '46k', '2.5M'],
  )
  assert.deepEqual([0, 0.0001, 0.004, 0.12, 1].map(formatShare), [
    '0 %',
    '<0.1 %',
    '0.4 %',
    '12 %',
    '100 %',
  ])
  assert.deepEqual([0.8, 23.4, 1400, 12_000].map(formatLatency), [
    '0.8 ms',
    '23 ms',
    '1.4 s',
    '12 s',
  ])
  assert.deepEqual([4_200, 720_000, 12_000_000, 180_000_000].map(formatDuration), [
    '4 s',
    '12 min',
    '3 h 20 min',
    '2 d 2 h',
  ])
  assert.deepEqual([0, 900, 75_000_000].map(formatBytes), ['0 B', '900 B', '72 MiB'])
  assert.deepEqual([500, 10_000, '5s', undefined].map(formatSetting), ['500 ms', '10 s', '5 s', ''])
})

test('no number is ever shown as NaN, and what is above zero never as zero', () => {
  fc.assert(
    fc.property(fc.double({ max: 1e15 }), (value) => {
      for (const text of [
        formatCount(value),
        formatShare(value),
        formatLatency(value),
        formatBytes(value),
      ]) {
        assert.doesNotMatch(text, /NaN|Infinity|undefined|-/)
      }
      if (value > 0 && Number.isFinite(value)) {
        assert.notEqual(formatCount(value), '0')
        assert.notEqual(formatShare(value), '0 %')
      }
    }),
  )
})
