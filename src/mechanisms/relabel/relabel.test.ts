import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { labelsOf } from '../labels/labels.ts'
import { compileRelabel, type RelabelSpec } from './relabel.ts'

const hash64 = (text: string): bigint => createHash('md5').update(text).digest().readBigUInt64BE(8)
const rule = (spec: Partial<RelabelSpec>): RelabelSpec => ({
  action: 'replace',
  sourceLabels: [],
  separator: ';',
  regex: '(.*)',
  targetLabel: '',
  replacement: '$1',
  modulus: 0,
  ...spec,
})
const run = (
  given: Readonly<Record<string, string>>,
  ...specs: readonly Partial<RelabelSpec>[]
): Readonly<Record<string, string>> | undefined => {
  const labels = compileRelabel(specs.map(rule), hash64)(labelsOf(Object.entries(given)))
  return labels && Object.fromEntries(labels.names.map((name, at) => [name, labels.values[at]!]))
}

const abc = { a: 'foo', b: 'bar', c: 'baz' }

// The cases of Prometheus' own relabel_test.go, in our words.
const cases: readonly (readonly [
  Readonly<Record<string, string>>,
  readonly Partial<RelabelSpec>[],
  Readonly<Record<string, string>> | undefined,
])[] = [
  [
    abc,
    [{ sourceLabels: ['a'], regex: 'f(.*)', targetLabel: 'd', replacement: 'ch${1}-ch${1}' }],
    { ...abc, d: 'choo-choo' },
  ],
  [
    abc,
    [
      {
        sourceLabels: ['a', 'b'],
        regex: 'f(.*);(.*)r',
        targetLabel: 'a',
        replacement: 'b${1}${2}m',
      },
      {
        sourceLabels: ['c', 'a'],
        regex: '(b).*b(.*)ba(.*)',
        targetLabel: 'd',
        replacement: '$1$2$2$3',
      },
    ],
    { a: 'boobam', b: 'bar', c: 'baz', d: 'boooom' },
  ],
  [{ a: 'foo' }, [{ sourceLabels: ['a'], regex: '.*o.*', action: 'drop' }], undefined],
  [
    { a: 'abc' },
    [{ sourceLabels: ['a'], regex: '.*(b).*', targetLabel: 'd', replacement: '$1' }],
    { a: 'abc', d: 'b' },
  ],
  [{ a: 'foo' }, [{ sourceLabels: ['a'], regex: 'no-match', action: 'drop' }], { a: 'foo' }],
  [{ a: 'foo' }, [{ sourceLabels: ['a'], regex: 'f|o', action: 'drop' }], { a: 'foo' }],
  [{ a: 'foo' }, [{ sourceLabels: ['a'], regex: 'no-match', action: 'keep' }], undefined],
  [
    abc,
    [{ sourceLabels: ['c'], targetLabel: 'd', action: 'hashmod', modulus: 1_000 }],
    { ...abc, d: '976' },
  ],
  [
    { a: 'foo', b1: 'bar', b2: 'baz' },
    [{ regex: '(b.*)', replacement: 'bar_${1}', action: 'labelmap' }],
    { a: 'foo', b1: 'bar', b2: 'baz', bar_b1: 'bar', bar_b2: 'baz' },
  ],
  [{ a: 'foo', b1: 'bar', b2: 'baz' }, [{ regex: '(b.*)', action: 'labeldrop' }], { a: 'foo' }],
  [
    { a: 'foo', b1: 'bar', b2: 'baz' },
    [{ regex: '(b.*)', action: 'labelkeep' }],
    { b1: 'bar', b2: 'baz' },
  ],
  [
    { a: 'FoO' },
    [
      { sourceLabels: ['a'], targetLabel: 'l', action: 'lowercase' },
      { sourceLabels: ['a'], targetLabel: 'u', action: 'uppercase' },
    ],
    { a: 'FoO', l: 'foo', u: 'FOO' },
  ],
  [
    { a: 'x', b: 'x' },
    [{ sourceLabels: ['a'], targetLabel: 'b', action: 'keepequal' }],
    { a: 'x', b: 'x' },
  ],
  [{ a: 'x', b: 'x' }, [{ sourceLabels: ['a'], targetLabel: 'b', action: 'dropequal' }], undefined],
  [
    { a: 'some-name-value' },
    [
      {
        sourceLabels: ['a'],
        regex: 'some-([^-]+)-([^,]+)',
        targetLabel: '${1}',
        replacement: '${2}',
      },
    ],
    { a: 'some-name-value', name: 'value' },
  ],
  [{ a: 'foo' }, [{ sourceLabels: ['a'], regex: 'foo', targetLabel: 'a', replacement: '' }], {}],
  [{ a: 'x' }, [{ targetLabel: 'b', replacement: '$9$$' }], { a: 'x', b: '$' }],
]

test('rules do what Prometheus says that they do', () => {
  for (const [given, specs, expected] of cases) {
    assert.deepEqual(run(given, ...specs), expected, JSON.stringify(specs))
  }
})
