import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { labelsOf } from '../labels/labels.ts'
import type { Matcher } from '../promql/queryable.ts'
import { LabelIndex } from './label-index.ts'
import { compileMatcher } from '../labels/matchers.ts'
import { PATTERN_UNITS_MAX, PatternError } from '../labels/pattern.ts'

const names = fc.constantFrom('__name__', 'job', 'instance', 'code', 'constructor', '__proto__')
const values = fc.constantFrom('', 'a', 'b', 'ab', 'a.b', 'api', 'api-2', 'x\ny', 'é', '200')
const labels = fc.array(fc.tuple(names, values), { maxLength: 5 }).map(labelsOf)
const patterns = fc.constantFrom(
  'a',
  'a|b',
  '(a|api)',
  'a|',
  'a.*',
  '.*b',
  '.*a.*',
  '.+',
  '.*',
  '',
  'a.+',
  '.+b',
  'a\\.b',
  'a.b',
  'ap?i?',
  'api(-2)?',
  'x.y',
  '[0-9]+',
  'ab*',
  '(?i)A',
  '^a$',
  'é',
  'ap{1}i',
  '.+.+',
  '.*.+',
)
const matchers = fc.oneof(
  fc.record({ name: names, kind: fc.constantFrom('=' as const, '!=' as const), value: values }),
  fc.record({ name: names, kind: fc.constantFrom('=~' as const, '!~' as const), value: patterns }),
)

/** JavaScript's own expressions, which agree with RE2 on these patterns. */
function fulfils(value: string, { kind, value: wanted }: Matcher): boolean {
  const source = wanted.startsWith('(?i)') ? wanted.slice(4) : wanted
  const pattern = new RegExp(`^(?:${source})$`, source === wanted ? 's' : 'si')
  switch (kind) {
    case '=':
      return value === wanted
    case '!=':
      return value !== wanted
    case '=~':
      return pattern.test(value)
    case '!~':
      return !pattern.test(value)
  }
}

test('what is selected is what looking at every series would find', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(labels, { selector: (one) => one.signature, maxLength: 30 }),
      fc.array(matchers, { maxLength: 4 }),
      fc.integer({ min: 1, max: 5 }),
      (series, wanted, step) => {
        const index = new LabelIndex()
        for (const [at, one] of series.entries()) index.add(at * step, one)
        const expected = series.flatMap((one, at) =>
          wanted.every((matcher) => fulfils(one.get(matcher.name), matcher)) ? [at * step] : [],
        )
        const found = index.select(wanted.map(compileMatcher))
        assert.deepEqual([...found], expected)
        const chosen = expected.map((ref) => series[ref / step]!)
        const expectedNames = new Set(chosen.flatMap((one) => one.names))
        assert.deepEqual(new Set(index.names(found)), expectedNames)
        for (const name of expectedNames) {
          const inAll = new Set(chosen.map((one) => one.get(name)).filter((one) => one !== ''))
          assert.deepEqual(new Set(index.values(name, found)), inAll)
        }
        for (const ref of found) {
          assert.equal(index.labels(ref).signature, series[ref / step]!.signature)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('series that are added out of order are found in order', () => {
  const index = new LabelIndex()
  for (const ref of [5, 3, 9, 1]) index.add(ref, labelsOf([['job', ref > 4 ? 'a' : 'b']]))
  const select = (kind: '=~' | '=', value: string) => [
    ...index.select([compileMatcher({ name: 'job', kind, value })]),
  ]
  assert.deepEqual(select('=~', '.+'), [1, 3, 5, 9])
  assert.deepEqual(select('=', 'a'), [5, 9])
  assert.deepEqual([...index.select([])], [1, 3, 5, 9])
})

test('counts say which label explodes', () => {
  const index = new LabelIndex()
  for (let ref = 0; ref < 100; ref++) {
    index.add(
      ref,
      labelsOf([
        ['__name__', ref < 90 ? 'requests' : 'up'],
        ['user', `u${ref}`],
        ['job', 'api'],
      ]),
    )
  }
  assert.deepEqual(index.valueCounts(2), [
    { name: 'user', count: 100 },
    { name: '__name__', count: 2 },
  ])
  assert.deepEqual(index.seriesCounts('__name__', 1), [{ name: 'requests', count: 90 }])
  assert.deepEqual(index.pairCounts(2), [
    { name: 'job=api', count: 100 },
    { name: '__name__=requests', count: 90 },
  ])
  assert.equal(index.valueBytes(1)[0]?.name, 'user')
  assert.equal(index.countOf('__name__', 'up'), 10)
  assert.equal(index.countOf('__name__', 'nothing'), 0)
  assert.equal(index.pairCount, 103)
  assert.equal(index.seriesCount, 100)
  assert.ok(index.bytes > 10_000)
})

test('expressions that cannot be, or are too large, are refused as Go refuses them', () => {
  const compile = (value: string) => () => compileMatcher({ name: 'a', kind: '=~', value })
  assert.throws(compile('a('), { message: 'error parsing regexp: missing closing ): `a(`' })
  assert.throws(compile('(x{1000}){1000}'), PatternError)
  assert.throws(compile('a'.repeat(PATTERN_UNITS_MAX + 1)), /expression too large/)
})

test('an expression that would make a backtracking engine hang comes to its end', () => {
  const matcher = compileMatcher({ name: 'a', kind: '=~', value: '(a+)+(b+)+c?' })
  assert.equal(matcher.matches('a'.repeat(5_000)), false)
})
