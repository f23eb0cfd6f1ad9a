import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { labelsOf } from '../../labels/labels.ts'
import { evaluateQuery, type Query, type QueryValue } from '../engine.ts'
import { TooManySamplesError } from '../queryable.ts'
import { parseQuery } from '../syntax/parse.ts'
import { ParseError } from '../syntax/parse-error.ts'
import { prettyQuery } from '../syntax/pretty.ts'
import { arbitraryQuery } from '../syntax/testing/arbitrary-query.ts'
import { MemoryStore } from '../testing/memory-store.ts'
import { caseOptions } from '../testing/run-cases.ts'
import { parseValues } from '../testing/series-text.ts'
import { QueryCanceledError, QueryError, QueryTimeoutError } from './errors.ts'
import type { EvaluationOptions } from './evaluation.ts'

const features = { experimentalFunctions: true, extendedRangeSelectors: true, fillModifiers: true }

function createStore(): MemoryStore {
  const store = new MemoryStore()
  const series = [
    [{ __name__: 'foo', job: 'a', instance: '1' }, '0+10x20'],
    [{ __name__: 'foo', job: 'a', instance: '2' }, '5 NaN 7 stale _ _ 3 Inf -Inf 0x5'],
    [{ __name__: 'foo', job: 'b|c', le: '1' }, '1+1x8 stale 2+3x9'],
    [{ __name__: 'bar:rate5m', job: 'a', instance: '1' }, '1 0 1 0 1 0 1 0'],
    [{ __name__: 'up', job: 'a', instance: '1' }, '1x20'],
    [{ __name__: 'up', job: 'a', instance: '2' }, '_x5 1x10'],
    [
      { __name__: 'sum', job: 'a', by: 'x' },
      '{{sum:1 count:2 buckets:[1 1]}}+{{sum:1 count:2 buckets:[1 1]}}x15',
    ],
    [
      { __name__: 'start', sum: 'y' },
      '1 2 {{sum:1 count:1}} 4 {{schema:-53 sum:1 count:1 custom_values:[1 2] buckets:[1]}}',
    ],
  ] as const
  for (const [labels, text] of series) {
    for (const [step, value] of parseValues(text).entries()) {
      if (value !== undefined) store.add(labelsOf(Object.entries(labels)), step * 60_000, value)
    }
  }
  return store
}

function ask(
  store: MemoryStore,
  text: string,
  time: Query['time'],
  options: Partial<EvaluationOptions> = {},
) {
  const expr = parseQuery(text, features)
  return evaluateQuery(store, { text, expr, time, options: { ...caseOptions, ...options } })
}

test('a query is answered or refused, at once and over a range alike, each series once', async () => {
  const store = createStore()
  await fc.assert(
    fc.asyncProperty(
      arbitraryQuery(),
      fc.boolean(),
      fc.integer({ min: 0, max: 20 }),
      async (text, delayedNameRemoval, step) => {
        const timeMs = step * 61_000
        const options = { delayedNameRemoval }
        const instant = await refusedOr(ask(store, text, { kind: 'instant', timeMs }, options))
        const around = {
          kind: 'range',
          startMs: timeMs - 60_000,
          endMs: timeMs + 60_000,
          stepMs: 60_000,
        } as const
        const ranged = await refusedOr(ask(store, text, around, options))
        if (instant !== undefined) checkUnique(instant)
        if (ranged !== undefined) checkUnique(ranged)
        // `@ start()` and `@ end()` are other times in a range.
        if (instant === undefined || ranged === undefined || /start\(\)|end\(\)/.test(text)) return
        assert.deepEqual(elementsAt(ranged, timeMs), elementsAt(instant, timeMs))
      },
    ),
    { numRuns: 1_000 },
  )
})

async function refusedOr(outcome: ReturnType<typeof ask>): Promise<QueryValue | undefined> {
  try {
    return (await outcome).value
  } catch (error) {
    assert.ok(error instanceof QueryError, error instanceof Error ? error.stack : String(error))
    return undefined
  }
}

function checkUnique(value: QueryValue): void {
  const all = value.kind === 'vector' ? value.samples : value.kind === 'matrix' ? value.series : []
  assert.equal(new Set(all.map(({ labels }) => labels.signature)).size, all.length)
}

function elementsAt(value: QueryValue, timeMs: number): ReadonlyMap<string, unknown> {
  if (value.kind === 'vector') {
    return new Map(
      value.samples
        .map(
          ({ labels, value: number, histogram }) =>
            [labels.signature, histogram ?? number] as const,
        )
        .toSorted(([one], [other]) => (one < other ? -1 : 1)),
    )
  }
  if (value.kind !== 'matrix') return new Map()
  const found = value.series.flatMap(({ labels, timestamps, values, histograms }) => {
    const at = timestamps.indexOf(timeMs)
    return at < 0 ? [] : [[labels.signature, histograms?.[at] ?? values[at]] as const]
  })
  return new Map(found.toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

test('any text is a query or is told why it is none', () => {
  const pieces =
    'foo sum by ( ) { } [ ] , : = =~ "a" \' ` 5m 1 0x .5 + - * / ^ @ offset bool on group_left start end step </ atan2 # \\ é \u{1f600}'
  const piece = fc.constantFrom(...pieces.split(' '), ' ', '\n')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (some) => {
      try {
        parseQuery(some.join(''), features)
      } catch (error) {
        assert.ok(error instanceof ParseError, error instanceof Error ? error.stack : String(error))
        assert.match(error.message, /^(?:\d+:\d+|unknown position): parse error: ./)
      }
    }),
    { numRuns: 5_000 },
  )
})

test('no query holds more samples than it may', async () => {
  const store = createStore()
  const instant = { kind: 'instant', timeMs: 600_000 } as const
  const range = { kind: 'range', startMs: 0, endMs: 1_000_000, stepMs: 1_000 } as const
  await assert.rejects(ask(store, 'vector(1)[1y:1ms]', instant), TooManySamplesError)
  await assert.rejects(ask(store, 'max_over_time(vector(1)[1y:1ms])', instant), TooManySamplesError)
  await assert.rejects(ask(store, 'max_over_time(foo[10y:1ms])', range), TooManySamplesError)
  await assert.rejects(
    ask(store, 'vector(1)', { ...range, stepMs: 1, endMs: 1e12 }),
    TooManySamplesError,
  )
  await assert.rejects(ask(store, '{job="a"}', range, { samplesMax: 1_500 }), TooManySamplesError)
  await assert.rejects(
    ask(store, 'foo + on() group_left up', range, { samplesMax: 1_500 }),
    TooManySamplesError,
  )
  const { stats } = await ask(store, 'sum(foo)', range, {
    samplesMax: 2_500,
    delayedNameRemoval: false,
  })
  assert.ok(stats.samplesPeak <= 2_500)
})

test('a query ends when its time is over, or nobody waits, within a row too', async () => {
  const store = createStore()
  const time = { kind: 'instant', timeMs: 600_000 } as const
  await assert.rejects(ask(store, 'sum(foo)', time, { isOver: () => true }), QueryTimeoutError)
  await assert.rejects(ask(store, 'sum(foo)', time, { isCanceled: () => true }), QueryCanceledError)
  for (let step = 0; step < 5_000; step++)
    store.add(labelsOf([['__name__', 'long']]), step * 100, step)
  let asked = 0
  const isOver = () => ++asked > 2
  const range = { kind: 'range', startMs: 0, endMs: 500_000, stepMs: 100 } as const
  await assert.rejects(ask(store, 'sum_over_time(long[1h])', range, { isOver }), QueryTimeoutError)
})

test('the deepest queries that are read are evaluated and printed', async () => {
  const store = createStore()
  const time = { kind: 'instant', timeMs: 600_000 } as const
  for (const op of ['or', 'and', '+', '> bool']) {
    const rows = [
      Array.from({ length: 790 }, () => 'up').join(` ${op} `),
      `${`(up ${op} `.repeat(180)}up${')'.repeat(180)}`,
    ]
    for (const text of rows) {
      assert.equal((await ask(store, text, time)).value.kind, 'vector')
      assert.ok(prettyQuery(parseQuery(text, features)).length > 0)
    }
  }
  const calls = `${'abs(sum('.repeat(180)}up${'))'.repeat(180)}`
  assert.equal((await ask(store, calls, time)).value.kind, 'vector')
})

test('what is answered about a query', async () => {
  const store = createStore()
  const { stats, annotations } = await ask(store, 'sum(rate(foo{instance="1"}[5m]))', {
    kind: 'instant',
    timeMs: 600_000,
  })
  assert.equal(stats.samplesTotal, 5)
  assert.deepEqual(annotations.infos, [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "foo" (1:10)',
  ])
  const typed = await ask(
    store,
    'rate(foo{instance="1"}[5m])',
    { kind: 'instant', timeMs: 600_000 },
    { typeAndUnitLabels: true },
  )
  assert.deepEqual(typed.annotations.infos, [
    'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "": "foo" (1:6)',
  ])
  await assert.rejects(ask(store, '"text"', { kind: 'range', startMs: 0, endMs: 1, stepMs: 1 }), {
    message: 'invalid expression type "string" for range query, must be Scalar or instant Vector',
  })
})
