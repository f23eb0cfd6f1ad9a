import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Labels } from '../../../src/mechanisms/labels/labels.ts'
import {
  evaluateQuery,
  type QueryTime,
  type QueryValue,
} from '../../../src/mechanisms/promql/engine.ts'
import { parseQuery } from '../../../src/mechanisms/promql/syntax/parse.ts'
import { prettyQuery } from '../../../src/mechanisms/promql/syntax/pretty.ts'
import { caseOptions } from '../../../src/mechanisms/promql/testing/run-cases.ts'
import { createRandom, createRandomData, startMs, type RandomData } from './random-data.ts'
import { createQuery } from './random-query.ts'
import { judgedQueries, laidOutQueries } from './written-queries.ts'
import { hasPrometheus, startPrometheus, type ApiAnswer, type PrometheusServer } from './server.ts'

/**
 * Random queries over random series are answered as Debian's Prometheus 2.42 does. What 3.x does otherwise is kept out of data and
 * queries: ranges and lookback include their start in 2.x (samples and times never lie on a bound here); a counter is followed back to
 * zero before and not after it is decided how far to extrapolate (counters are far from zero); some functions have other names or are
 * new; sums of floats are more exact (a millionth is allowed); `predict_linear` over a range with `@` moved the range with the steps; `atan2` kept
 * the name of a metric; a deviation of one NaN was 0; a date of NaN was one long ago, and here is NaN.
 */
const skip = hasPrometheus()
  ? false
  : "LOUD: Debian's prometheus is not installed: nothing was compared"
const seed = Number(process.env['SEED'] ?? 20_261_129)
const queryCount = Number(process.env['QUERIES'] ?? 300)
const options = { ...caseOptions, delayedNameRemoval: false }
const features = { experimentalFunctions: true, extendedRangeSelectors: true, fillModifiers: true }

let server: PrometheusServer | undefined
let data: RandomData

before(async () => {
  if (skip !== false) return
  data = createRandomData(seed)
  server = await startPrometheus(data.exposition)
})

after(async () => server?.stop())

test(
  `${queryCount} random queries are answered as Prometheus does (seed ${seed})`,
  { skip },
  async () => {
    const random = createRandom(seed)
    const problems: string[] = []
    let answered = 0
    for (let nth = 0; nth < queryCount; nth++) {
      const query = createQuery(random)
      const time = createTime(random)
      const [theirs, ours] = await Promise.all([askThem(query, time), askUs(query, time)])
      if (theirs.status === 'success') answered++
      const problem = compare(theirs, ours)
      if (problem !== undefined)
        problems.push(`${query}\n    ${JSON.stringify(time)}\n    ${problem}`)
    }
    assert.equal(problems.length, 0, `${problems.length} of ${queryCount}:\n${problems.join('\n')}`)
    assert.ok(answered > queryCount / 2, `only ${answered} of ${queryCount} had an answer`)
  },
)

test(
  'what is no query is refused in the same words, what is one is laid out alike',
  { skip },
  async () => {
    for (const query of judgedQueries) {
      const theirs = await askThem(query, { kind: 'instant', timeMs: startMs })
      const told = theirs.error?.replace(/^invalid parameter "query": /, '')
      assert.equal(refusalOf(query), theirs.status === 'success' ? undefined : told, query)
    }
    for (const query of laidOutQueries) {
      const { data: text } = (await server?.ask('format_query', { query })) ?? {}
      assert.equal(prettyQuery(parseQuery(query, features)), text)
    }
  },
)

function refusalOf(query: string): string | undefined {
  try {
    parseQuery(query, features)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** 3 ms beside the seconds, so that no step of a subquery lies on the bound of its range either. */
function createTime(random: () => number): QueryTime {
  const first = startMs + Math.floor(random() * 50) * 60_000 + 3
  if (random() < 0.4) return { kind: 'instant', timeMs: first }
  const stepMs = [15_000, 60_000, 77_000][Math.floor(random() * 3)] ?? 60_000
  return {
    kind: 'range',
    startMs: first,
    endMs: first + Math.floor(random() * 20) * stepMs,
    stepMs,
  }
}

async function askThem(query: string, time: QueryTime): Promise<ApiAnswer> {
  if (server === undefined) throw new Error('no server')
  if (time.kind === 'instant')
    return server.ask('query', { query, time: String(time.timeMs / 1_000) })
  return server.ask('query_range', {
    query,
    start: String(time.startMs / 1_000),
    end: String(time.endMs / 1_000),
    step: String(time.stepMs / 1_000),
  })
}

async function askUs(query: string, time: QueryTime): Promise<QueryValue | Error> {
  try {
    const expr = parseQuery(query, features)
    return (await evaluateQuery(data.store, { text: query, expr, time, options })).value
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** What is different, if anything. */
function compare(theirs: ApiAnswer, ours: QueryValue | Error): string | undefined {
  if (ours instanceof Error) {
    if (theirs.status === 'error') return compareErrors(theirs.error ?? '', ours.message)
    return `ours failed: ${ours.stack}`
  }
  if (theirs.status === 'error') return `theirs failed: ${theirs.error}`
  const [expected, got] = [theirRows(theirs), ourRows(ours)]
  for (const [labels, values] of expected) {
    const found = got.get(labels)
    if (found === undefined)
      return `we have no ${labels}: ${JSON.stringify([...values].slice(0, 3))}`
    if (found.size !== values.size)
      return `${labels} has ${found.size} samples, theirs ${values.size}`
    for (const [time, value] of values) {
      const other = found.get(time)
      if (other === undefined || !isAlmost(value, other)) {
        return `${labels} at ${time}: ${other}, theirs ${value}`
      }
    }
  }
  const more = [...got.keys()].find((labels) => !expected.has(labels))
  return more === undefined
    ? undefined
    : `they have no ${more}: ${JSON.stringify([...(got.get(more) ?? [])].slice(0, 3))}`
}

/** Which of several conflicts is found first is chance, and with it the labels that are named. */
function compareErrors(theirs: string, ours: string): string | undefined {
  const plain = (text: string) =>
    text.replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, '{}').replace(/on the \w+ hand/, 'on a hand')
  const isEqual = plain(theirs) === plain(ours) || plain(theirs) === `found duplicate series`
  return isEqual ? undefined : `other error: ${ours}, theirs ${theirs}`
}

type Rows = ReadonlyMap<string, ReadonlyMap<number, number>>

interface TheirSeries {
  readonly metric: Readonly<Record<string, string>>
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
}

function theirRows({ data: answer }: ApiAnswer): Rows {
  if (answer?.resultType === 'scalar') {
    const [time, value] = answer.result as [number, string]
    return new Map([['', new Map([[Math.round(time * 1_000), parse(value)]])]])
  }
  const series = (answer?.result ?? []) as readonly TheirSeries[]
  return new Map(
    series.map(({ metric, value, values }) => {
      const samples = values ?? (value === undefined ? [] : [value])
      const name = Object.entries(metric).toSorted(([one], [other]) => (one < other ? -1 : 1))
      return [
        name.join(';'),
        new Map(samples.map(([time, text]) => [Math.round(time * 1_000), parse(text)])),
      ]
    }),
  )
}

function ourRows(value: QueryValue): Rows {
  const key = ({ names, values }: Labels) =>
    names.map((name, index) => [name, values[index]]).join(';')
  switch (value.kind) {
    case 'scalar':
      return new Map([['', new Map([[value.timeMs, value.value]])]])
    case 'string':
      return new Map()
    case 'vector':
      return new Map(
        value.samples.map((sample) => [
          key(sample.labels),
          new Map([[value.timeMs, sample.value]]),
        ]),
      )
    case 'matrix':
      return new Map(
        value.series.map(({ labels, timestamps, values }) => [
          key(labels),
          new Map([...timestamps].map((time, index) => [time, values[index] ?? NaN])),
        ]),
      )
  }
}

function parse(text: string): number {
  if (text === '+Inf') return Infinity
  return text === '-Inf' ? -Infinity : Number(text)
}

function isAlmost(one: number, other: number): boolean {
  if (one === other || (Number.isNaN(one) && Number.isNaN(other))) return true
  const difference = Math.abs(one - other)
  return difference < 1e-9 || difference / Math.max(Math.abs(one), Math.abs(other)) < 1e-6
}
