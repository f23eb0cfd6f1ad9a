import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matches } from '../../../../src/mechanisms/log-query/matches.ts'
import { parseSearch } from '../../../../src/mechanisms/log-query/parse.ts'
import { addTerm, formatLogsView, parseLogsView, searchOf } from './log-route.ts'

test('an address says the whole view', () => {
  for (const text of [
    '',
    'q=level%3Aerror&last=24h',
    'signal=spans&from=5&to=9&tab=sql&sql=select+1',
  ]) {
    assert.equal(formatLogsView(parseLogsView(text)), text)
  }
  assert.equal(parseLogsView('last=never').last, '1h')
  assert.deepEqual(searchOf(parseLogsView('q=a&last=15m'), 1_000_000), {
    query: 'a',
    signal: 'logs',
    from: 100_000,
    to: 1_001_000,
  })
})

test('a term that a click adds finds what was clicked at', () => {
  for (const [field, value] of [
    ['service', 'orders'],
    ['http.status', '-5'],
    ['a b', 'with "quotes" \\ and (signs)'],
    ['star', 'a*b'],
  ] as const) {
    const found = parseSearch(addTerm('', field, value))
    const record = { body: '', field: (name: string) => (name === field ? value : undefined) }
    assert.ok(matches(found, record), `${field} ${value}`)
    assert.ok(!matches(parseSearch(addTerm('', field, value, true)), record))
  }
  assert.equal(addTerm('service:a', 'service', 'a'), 'service:a')
})
