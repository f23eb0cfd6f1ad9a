import { compileMatcher } from '../../labels/matchers.ts'
import type { Labels } from '../../labels/labels.ts'
import type { Matcher } from '../queryable.ts'
import type { Call } from '../syntax/ast.ts'
import { QueryError } from './errors.ts'
import { checkEnd, Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { labelsText, withLabel } from './label-shapes.ts'
import { RowMerger } from './merge-rows.ts'
import { absent, createRow, setHistogram, type Row, type RowSink, type Table } from './rows.ts'
import { firstTimes } from './select-plan.ts'
import { looksOf, streamSeries } from './vector-selector.ts'

const identifying = ['instance', 'job'] as const

/** What the series that tell about others must be, and which of their labels are wanted. */
interface Wanted {
  readonly names: readonly Matcher[]
  readonly data: readonly Matcher[]
}

/** The rows of `info`: a vector with the labels of the series that tell about it. */
export function streamInfo(evaluation: Evaluation, call: Call, grid: Grid, sink: RowSink): void {
  const [vector, selector] = call.args
  if (vector === undefined) return
  const matchers = selector?.kind === 'selector' ? selector.matchers : []
  const wanted: Wanted = {
    names: namesOf(matchers),
    data: matchers.filter(({ name }) => name !== '__name__'),
  }
  const times = firstTimes(vector) ?? { at: undefined, offset: { ms: 0, expr: undefined } }
  const infos = new Collector(evaluation, grid)
  const looks = looksOf(evaluation, times, grid)
  const reading = { looks, mode: 'times', selector: { extension: undefined } } as const
  streamSeries(evaluation, evaluation.selectedInfo.get(call) ?? [], reading, infos.push)
  const index = indexInfos(infos.table)
  const merger = new RowMerger(evaluation, grid, sink)
  evaluation.recur.vector(evaluation, vector, grid, (row) => {
    checkEnd(evaluation)
    const isInfo = wanted.names.every((matcher) => fulfils(matcher, row.labels.get('__name__')))
    if (isInfo) merger.push(row)
    else enrich(row, { table: infos.table, index, wanted, merger })
  })
  merger.flush()
  infos.release()
}

function namesOf(matchers: readonly Matcher[]): readonly Matcher[] {
  const names = matchers.filter(({ name }) => name === '__name__')
  if (names.length === 0) return [{ name: '__name__', kind: '=', value: 'target_info' }]
  const isRefusedOnly = names.every(({ kind }) => kind === '!=' || kind === '!~')
  return isRefusedOnly ? [...names, { name: '__name__', kind: '=~', value: '.+_info' }] : names
}

function fulfils(matcher: Matcher, value: string): boolean {
  return compileMatcher(matcher).matches(value)
}

/** The rows of series that tell about the same instance, by their metric. */
type InfoIndex = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>

function indexInfos(table: Table): InfoIndex {
  const index = new Map<string, Map<string, number[]>>()
  for (const [nth, labels] of table.labels.entries()) {
    const key = keyOf(labels)
    if (key === undefined) continue
    const names = index.get(key) ?? new Map<string, number[]>()
    index.set(key, names)
    const name = labels.get('__name__')
    const rows = names.get(name) ?? []
    names.set(name, rows)
    rows.push(nth)
  }
  return index
}

/** Undefined for a series that says of no instance that it belongs to it. */
function keyOf(labels: Labels): string | undefined {
  const values = identifying.map((name) => labels.get(name))
  return values.every((value) => value === '') ? undefined : JSON.stringify(values)
}

interface Enriching {
  readonly table: Table
  readonly index: InfoIndex
  readonly wanted: Wanted
  readonly merger: RowMerger
}

/** A row becomes one row for each set of labels that it has over time. */
function enrich(row: Row, { table, index, wanted, merger }: Enriching): void {
  const key = keyOf(row.labels)
  const names = key === undefined ? undefined : index.get(key)
  const mayMiss = wanted.data.every((matcher) => fulfils(matcher, ''))
  const results = new Map<string, Row>()
  for (let step = 0; step < row.kinds.length; step++) {
    if (row.kinds[step] === absent) continue
    const found = newestOf(table, names, step)
    if (found.length === 0 && !mayMiss) continue
    const labels = addData(row.labels, found, wanted.data)
    let result = results.get(labels.signature)
    if (result === undefined) {
      result = createRow(row.kinds.length)
      result.labels = labels
      result.dropsName = row.dropsName
      results.set(labels.signature, result)
    }
    result.kinds[step] = row.kinds[step]!
    result.values[step] = row.values[step]!
    const value = row.histograms?.[step]
    if (value !== undefined && row.kinds[step] === 2) setHistogram(result, step, value)
  }
  for (const result of results.values()) merger.push(result)
}

/** Of each metric the series with the newest sample. */
function newestOf(
  table: Table,
  names: ReadonlyMap<string, readonly number[]> | undefined,
  step: number,
): readonly Labels[] {
  const found: Labels[] = []
  for (const rows of names?.values() ?? []) {
    let newest: { readonly labels: Labels; readonly seconds: number } | undefined
    for (const index of rows) {
      const cell = index * table.count + step
      if (table.kinds[cell] === absent) continue
      const [labels, seconds] = [table.labels[index]!, table.values[cell]!]
      if (newest?.seconds === seconds) {
        const [known, other] = [newest.labels, labels].map((each) => labelsText(each))
        const time = Math.round(seconds * 1_000)
        throw new QueryError(
          `found duplicate series for info metric: existing ${known} @ ${time}, new ${other} @ ${time}`,
        )
      }
      if (newest === undefined || seconds > newest.seconds) newest = { labels, seconds }
    }
    if (newest !== undefined) found.push(newest.labels)
  }
  return found
}

/** The labels of a series with those that others tell of it; its own stay. */
function addData(labels: Labels, infos: readonly Labels[], data: readonly Matcher[]): Labels {
  const wanted = new Set(data.map(({ name }) => name))
  const added = new Map<string, string>()
  for (const info of infos) {
    for (const [nth, name] of info.names.entries()) {
      const value = info.values[nth] ?? ''
      if (name === '__name__' || (wanted.size > 0 && !wanted.has(name))) continue
      const known = added.get(name)
      if (known !== undefined && known !== value) throw new QueryError(`conflicting label: ${name}`)
      if (!labels.has(name)) added.set(name, value)
    }
  }
  return [...added].reduce((result, [name, value]) => withLabel(result, name, value), labels)
}
