import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseQuery } from './parse.ts'
import { prettyQuery } from './pretty.ts'
import { treeOf } from './tree.ts'

const features = {
  experimentalFunctions: true,
  extendedRangeSelectors: true,
  fillModifiers: true,
}
const long =
  '{label_one="a value that is rather long, too",label_two="another value that is even longer than that"}'

test('what fits on a line stays there', () => {
  assert.equal(
    prettyQuery(parseQuery('sum(rate(foo[5m]))by(a)', features)),
    'sum by (a) (rate(foo[5m]))',
  )
})

test('what does not fit is laid out as Prometheus does', () => {
  const query = `sum by (job) (rate(some_metric_name${long}[5m])) / on(job) group_left topk(2, -(other${long} offset 5m))`
  const expected = [
    '  sum by (job) (',
    '    rate(',
    `      some_metric_name${long}[5m]`,
    '    )',
    '  )',
    '/ on (job) group_left ()',
    '  topk(',
    '    2,',
    '    -(',
    `      other${long} offset 5m`,
    '    )',
    '  )',
  ]
  const text = prettyQuery(parseQuery(query, features))
  assert.equal(prettyQuery(parseQuery(text, features)), text)
  assert.equal(text, expected.join('\n'))
})

test('a subquery keeps its brackets on the last line', () => {
  const query = `max_over_time((foo${long} + bar)[1h:5m] offset 1d)`
  const text = prettyQuery(parseQuery(query, features))
  assert.equal(
    text,
    [
      'max_over_time(',
      '  (',
      `      foo${long}`,
      '    +',
      '      bar',
      '  )[1h:5m] offset 1d',
      ')',
    ].join('\n'),
  )
})

test('the tree has the shape of parse_query', () => {
  const tree = treeOf(
    parseQuery('sum without (a) (rate(foo{b!="c"}[5m] @ end() offset 1m)) > bool 2', features),
  )
  assert.deepEqual(tree, {
    type: 'binaryExpr',
    op: '>',
    lhs: {
      type: 'aggregation',
      op: 'sum',
      expr: {
        type: 'call',
        func: { name: 'rate', argTypes: ['matrix'], variadic: 0, returnType: 'vector' },
        args: [
          {
            type: 'matrixSelector',
            name: 'foo',
            range: 300_000,
            offset: 60_000,
            timestamp: null,
            startOrEnd: 'end',
            matchers: [
              { name: 'b', value: 'c', type: '!=' },
              { name: '__name__', value: 'foo', type: '=' },
            ],
          },
        ],
      },
      param: null,
      grouping: ['a'],
      without: true,
    },
    rhs: { type: 'numberLiteral', val: '2' },
    matching: null,
    bool: true,
  })
})
