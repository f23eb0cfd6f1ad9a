import assert from 'node:assert/strict'
import { labelsOf, type Labels } from '../../labels/labels.ts'
import { compact, sidesOf } from '../../native-histogram/buckets.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { histogramText } from '../../native-histogram/text.ts'
import { evaluateQuery, type QueryOutcome, type QueryTime, type QueryValue } from '../engine.ts'
import type { EvaluationOptions } from '../eval/evaluation.ts'
import { parseQuery } from '../syntax/parse.ts'
import type { Series } from '../queryable.ts'
import type { CaseCommand, EvalCommand, ExpectedText } from './case-file.ts'
import { convertClassic } from './classic-to-native.ts'
import { MemoryStore } from './memory-store.ts'
import type { TextValue } from './series-text.ts'

/** As Prometheus' own tests evaluate: everything experimental is on. */
export const caseOptions: EvaluationOptions = {
  lookbackMs: 300_000,
  subqueryStepMs: 60_000,
  samplesMax: 50_000_000,
  delayedNameRemoval: true,
  typeAndUnitLabels: false,
  isCanceled: () => false,
  isOver: () => false,
}

const features = { experimentalFunctions: true, extendedRangeSelectors: true, fillModifiers: true }

/** Runs the commands of a case file, and tells which of its queries were answered wrong. */
export async function runCases(commands: readonly CaseCommand[]): Promise<readonly string[]> {
  const store = new MemoryStore()
  const problems: string[] = []
  for (const command of commands) {
    switch (command.kind) {
      case 'clear':
        store.clear()
        break
      case 'load':
        load(store, command)
        break
      case 'eval':
        try {
          await runEval(store, command)
        } catch (error) {
          const text = error instanceof Error ? error.message : String(error)
          problems.push(
            `line ${command.line}: ${command.query}\n    ${text.split('\n').slice(0, 12).join('\n    ')}`,
          )
        }
        break
    }
  }
  return problems
}

function load(
  store: MemoryStore,
  { stepMs, series, withNative }: CaseCommand & { kind: 'load' },
): void {
  for (const { labels, values } of series) {
    for (const [step, value] of values.entries()) {
      if (value !== undefined) store.add(labels, step * stepMs, value)
    }
  }
  if (!withNative) return
  for (const { labels, values } of convertClassic(series)) {
    for (const [step, value] of values) store.add(labels, step * stepMs, value)
  }
}

async function evaluate(store: MemoryStore, query: string, time: QueryTime): Promise<QueryOutcome> {
  const expr = parseQuery(query, features)
  return evaluateQuery(store, { text: query, expr, time, options: caseOptions })
}

async function runEval(store: MemoryStore, command: EvalCommand): Promise<void> {
  const failures = command.texts.filter(({ type }) => type === 'fail')
  let outcome: QueryOutcome
  try {
    outcome = await evaluate(store, command.query, command.time)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    assert.ok(
      failures.length > 0,
      `failed: ${error instanceof Error ? (error.stack ?? message) : message}`,
    )
    assert.ok(
      failures.some(({ match }) => matches(match, message)),
      `failed otherwise: ${message}`,
    )
    return
  }
  assert.ok(failures.length === 0, 'expected to fail')
  checkAnnotations(command, outcome)
  checkValue(command, outcome.value)
  await checkAsRange(store, command, outcome.value)
}

function matches(match: ExpectedText['match'], text: string): boolean {
  switch (match.kind) {
    case 'any':
      return true
    case 'text':
      return match.text === text
    case 'pattern':
      return match.pattern.test(text)
  }
}

function checkAnnotations(command: EvalCommand, { annotations }: QueryOutcome): void {
  const kinds = [
    ['warn', annotations.warnings, command.noWarn],
    ['info', annotations.infos, command.noInfo],
  ] as const
  for (const [type, texts, isNone] of kinds) {
    if (isNone) assert.deepEqual(texts, [], `expected no ${type}`)
    const expected = command.texts.filter((text) => text.type === type)
    if (expected.length === 0) continue
    for (const { match } of expected) {
      const isThere = texts.some((text) => matches(match, text))
      assert.ok(isThere, `expected ${type} ${JSON.stringify(match)}, got ${JSON.stringify(texts)}`)
    }
    const others = texts.filter((text) => !expected.some(({ match }) => matches(match, text)))
    assert.deepEqual(others, [], `unexpected ${type}`)
  }
}

function checkValue(command: EvalCommand, value: QueryValue): void {
  switch (value.kind) {
    case 'string':
      assert.equal(value.value, command.string)
      return
    case 'scalar':
      compareElement(command.scalar, value.value, 'scalar')
      return
    case 'vector':
      checkVector(command, value)
      return
    case 'matrix':
      checkMatrix(command, value.series)
      return
  }
}

function textOf(labels: Labels): string {
  return labels.names
    .map((name, index) => `${name}=${JSON.stringify(labels.values[index])}`)
    .join(',')
}

function checkVector(command: EvalCommand, { samples }: QueryValue & { kind: 'vector' }): void {
  const got = samples.map(
    ({ labels, value, histogram }) => [textOf(labels), histogram ?? value] as const,
  )
  const expected = command.series.map(({ labels, values }) => [textOf(labels), values[0]] as const)
  if (command.scalar !== undefined) expected.push([textOf(labelsOf([])), command.scalar])
  compareRows(expected, got, command.isOrdered)
}

type Rows = readonly (readonly [labels: string, value: TextValue])[]

function compareRows(expected: Rows, got: Rows, isOrdered: boolean): void {
  const names = (rows: Rows) =>
    isOrdered ? rows.map(([name]) => name) : rows.map(([name]) => name).toSorted()
  assert.deepEqual(
    names(got),
    names(expected),
    `got ${got.map(([name, value]) => `{${name}} ${show(value)}`).join(' ; ')}`,
  )
  const values = new Map(got)
  for (const [name, value] of expected) compareElement(value, values.get(name), `{${name}}`)
}

/** The values of each series by time; what is there and what is not must be the same. */
function checkMatrix(command: EvalCommand, series: readonly Series[]): void {
  const times = command.time.kind === 'range' ? command.time : command.rangeVector
  assert.ok(times !== undefined, 'a matrix was not expected')
  const expected = command.series
    .map(({ labels, values }) => [textOf(labels), values] as const)
    .filter(([, values]) => values.some((value) => value !== undefined))
  if (command.scalar !== undefined) {
    const count = Math.floor((times.endMs - times.startMs) / times.stepMs) + 1
    expected.push(['', Array.from({ length: count }, () => command.scalar)])
  }
  const shown = series.map(
    (one) =>
      `{${textOf(one.labels)}} ${[...elementsOf(one)].map(([time, value]) => `${show(value)}@${time / 1_000}`).join(' ')}`,
  )
  assert.deepEqual(
    series.map(({ labels }) => textOf(labels)).toSorted(),
    expected.map(([name]) => name).toSorted(),
    `got ${shown.join(' ; ')}`,
  )
  for (const [name, values] of expected) {
    const one = series.find(({ labels }) => textOf(labels) === name)
    const got = one === undefined ? new Map<number, TextValue>() : elementsOf(one)
    for (const [step, value] of values.entries()) {
      const time = times.startMs + step * times.stepMs
      compareElement(
        value,
        got.get(time),
        `{${name}} at ${time / 1_000} s (got ${shown.join(' ; ')})`,
      )
    }
    const count = values.filter((value) => value !== undefined).length
    assert.equal(got.size, count, `{${name}} has other times: ${shown.join(' ; ')}`)
  }
}

function elementsOf({ timestamps, values, histograms }: Series): ReadonlyMap<number, TextValue> {
  return new Map([...timestamps].map((time, index) => [time, histograms?.[index] ?? values[index]]))
}

/** An instant query asked as a range query answers the same at that time, as Prometheus' runner checks too. */
async function checkAsRange(
  store: MemoryStore,
  command: EvalCommand,
  value: QueryValue,
): Promise<void> {
  if (command.time.kind !== 'instant' || command.isOrdered) return
  if (value.kind !== 'vector' && value.kind !== 'scalar') return
  if (/\b(?:start|end|range|step)\(\)/.test(command.query)) return
  const { timeMs } = command.time
  const time: QueryTime = {
    kind: 'range',
    startMs: timeMs - 60_000,
    endMs: timeMs + 60_000,
    stepMs: 60_000,
  }
  const { value: ranged } = await evaluate(store, command.query, time)
  assert.ok(ranged.kind === 'matrix')
  const got = ranged.series.flatMap((one) => {
    const element = elementsOf(one).get(timeMs)
    return element === undefined ? [] : [[textOf(one.labels), element] as const]
  })
  const expected: Rows =
    value.kind === 'scalar'
      ? [['', value.value]]
      : value.samples.map(({ labels, value: number, histogram }) => [
          textOf(labels),
          histogram ?? number,
        ])
  compareRows(expected, got, false)
}

function compareElement(expected: TextValue, got: TextValue, where: string): void {
  const isEqual =
    typeof expected === 'object'
      ? typeof got === 'object' && isSameHistogram(expected, got)
      : typeof got === 'number' && typeof expected === 'number'
        ? isAlmost(expected, got)
        : expected === got
  assert.ok(isEqual, `${where}: expected ${show(expected)}, got ${show(got)}`)
}

function show(value: TextValue): string {
  if (typeof value !== 'object') return String(value)
  const bounds = value.customBounds.length > 0 ? ` ${value.customBounds.join()}` : ''
  return `${histogramText(value)} ${value.resetHint} ${value.schema}${bounds}`
}

/** Equal to a millionth. */
function isAlmost(one: number, other: number): boolean {
  if (one === other || (one !== one && other !== other)) return true
  const sum = Math.abs(one) + Math.abs(other)
  const difference = Math.abs(one - other)
  if (one === 0 || other === 0 || sum < Number.MIN_VALUE)
    return difference < 1e-6 * Number.MIN_VALUE
  return difference / Math.min(sum, Number.MAX_VALUE) < 1e-6
}

function isSameHistogram(expected: FloatHistogram, given: FloatHistogram): boolean {
  const [one, other] = [compact(expected), compact(given)]
  if (one.resetHint !== 'unknown' && one.resetHint !== other.resetHint) return false
  if (one.schema !== other.schema || one.customBounds.join() !== other.customBounds.join())
    return false
  const [left, right] = [sidesOf(one), sidesOf(other)]
  const lists = [
    [
      [one.count, one.sum, one.zeroCount, one.zeroThreshold],
      [other.count, other.sum, other.zeroCount, other.zeroThreshold],
    ],
    [left.positive.indices, right.positive.indices],
    [left.negative.indices, right.negative.indices],
    [left.positive.counts, right.positive.counts],
    [left.negative.counts, right.negative.counts],
  ] as const
  return lists.every(([some, others]) => {
    return (
      some.length === others.length &&
      some.every((value, index) => isAlmost(value, others[index] ?? NaN))
    )
  })
}
