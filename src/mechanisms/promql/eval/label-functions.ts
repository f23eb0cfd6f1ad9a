import { RE2JS } from 're2js'
import { compareLabels, type Labels } from '../../labels/labels.ts'
import type { Call, Expr } from '../syntax/ast.ts'
import { QueryError } from './errors.ts'
import { Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { isLabelName, withLabel } from './label-shapes.ts'
import { RowMerger } from './merge-rows.ts'
import { compareNaturally } from './natural-order.ts'
import { absent, createRow, float, isEmpty, type RowSink, type Table } from './rows.ts'

/** The rows of `label_replace`. */
export function streamLabelReplace(
  evaluation: Evaluation,
  { args }: Call,
  grid: Grid,
  sink: RowSink,
): void {
  const [vector] = args
  const [target, replacement, source, expression] = args.slice(1).map(textOf)
  if (vector === undefined) return
  const regex = compile(expression ?? '')
  if (!isLabelName(target ?? '')) {
    const problem = `invalid destination label name in label_replace(): ${target}`
    throw new QueryError(problem)
  }
  const template = parseTemplate(replacement ?? '')
  const relabel = (labels: Labels) => {
    const matcher = regex.matcher(labels.get(source ?? ''))
    if (!matcher.matches()) return undefined
    return withLabel(labels, target ?? '', expand(template, matcher))
  }
  streamRelabeled(evaluation, { vector, grid, target: target ?? '', relabel }, sink)
}

/** The rows of `label_join`. */
export function streamLabelJoin(
  evaluation: Evaluation,
  { args }: Call,
  grid: Grid,
  sink: RowSink,
): void {
  const [vector] = args
  const [target = '', separator = '', ...sources] = args.slice(1).map(textOf)
  if (vector === undefined) return
  const wrong = sources.find((source) => !isLabelName(source))
  if (wrong !== undefined) {
    throw new QueryError(`invalid source label name in label_join(): ${wrong}`)
  }
  if (!isLabelName(target)) {
    throw new QueryError(`invalid destination label name in label_join(): ${target}`)
  }
  const relabel = (labels: Labels) => {
    const value = sources.map((source) => labels.get(source)).join(separator)
    return withLabel(labels, target, value)
  }
  streamRelabeled(evaluation, { vector, grid, target, relabel }, sink)
}

interface Relabeling {
  readonly vector: Expr
  readonly grid: Grid
  readonly target: string
  /** Undefined where the labels stay. */
  readonly relabel: (labels: Labels) => Labels | undefined
}

function streamRelabeled(
  evaluation: Evaluation,
  { vector, grid, target, relabel }: Relabeling,
  sink: RowSink,
): void {
  const merger = new RowMerger(evaluation, grid, sink)
  evaluation.recur.vector(evaluation, vector, grid, (row) => {
    const labels = relabel(row.labels)
    if (labels !== undefined) {
      row.labels = labels
      // A name that was made by hand stays.
      if (target === '__name__') row.dropsName = false
    }
    merger.push(row)
  })
  merger.flush()
}

function compile(expression: string): RE2JS {
  try {
    RE2JS.compile(expression)
    return RE2JS.compile(`^(?s:${expression})$`)
  } catch {
    throw new QueryError(`invalid regular expression in label_replace(): ${expression}`)
  }
}

type TemplatePart = { readonly text: string } | { readonly group: string }
type RegexMatcher = ReturnType<RE2JS['matcher']>

/** `$1`, `$name`, `${1}`, `$$`, as Go's `Regexp.Expand` reads them. */
function parseTemplate(template: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = []
  const pattern = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu
  let at = 0
  for (const match of template.matchAll(pattern)) {
    parts.push({ text: template.slice(at, match.index) })
    const group = match[1] ?? match[2]
    parts.push(group === undefined ? { text: '$' } : { group })
    at = match.index + match[0].length
  }
  parts.push({ text: template.slice(at) })
  return parts
}

function expand(parts: readonly TemplatePart[], matcher: RegexMatcher): string {
  return parts
    .map((part) => ('text' in part ? part.text : (groupOf(matcher, part.group) ?? '')))
    .join('')
}

/** A group that there is not is empty. */
function groupOf(matcher: RegexMatcher, group: string): string | null {
  if (/^\d+$/.test(group)) {
    const index = Number(group)
    return index <= matcher.groupCount() ? matcher.group(index) : null
  }
  try {
    return matcher.group(group)
  } catch {
    return null
  }
}

function textOf(arg: Expr): string {
  return arg.kind === 'string' ? arg.value : arg.kind === 'paren' ? textOf(arg.expr) : ''
}

/** The rows of `sort` and its like, in their order where there is one time only. */
export function streamSorted(evaluation: Evaluation, call: Call, grid: Grid, sink: RowSink): void {
  const [vector] = call.args
  if (vector === undefined) return
  if (grid.count > 1) {
    const problem =
      'sort is ineffective for range queries since results are always ordered by labels'
    evaluation.notes.warn(problem, call.range)
  }
  const isByLabel = call.func === 'sort_by_label' || call.func === 'sort_by_label_desc'
  const collector = new Collector(evaluation, grid)
  evaluation.recur.vector(evaluation, vector, grid, (row) => {
    if (!isByLabel) {
      for (let step = 0; step < row.kinds.length; step++) {
        if (row.kinds[step] !== float) row.kinds[step] = absent
      }
      if (isEmpty(row)) return
    }
    collector.push(row)
  })
  const { table } = collector
  const order = Array.from({ length: table.length }, (_, index) => index)
  if (grid.count === 1) {
    const sign = call.func.endsWith('_desc') ? -1 : 1
    if (isByLabel) sortByLabels(table, order, call.args.slice(1).map(textOf), sign)
    else order.sort((one, other) => compareValues(table.values[one]!, table.values[other]!, sign))
  }
  const row = createRow(grid.count)
  for (const index of order) {
    table.load(index, row)
    sink(row)
  }
  collector.release()
}

function sortByLabels(
  table: Table,
  order: number[],
  labels: readonly string[],
  sign: number,
): void {
  order.sort((one, other) => {
    const [left, right] = [table.labels[one]!, table.labels[other]!]
    for (const label of labels) {
      const compared = compareNaturally(left.get(label), right.get(label))
      if (compared !== 0) return sign * compared
    }
    return sign * compareLabels(left, right)
  })
}

/** NaN is last in both directions. */
function compareValues(one: number, other: number, sign: number): number {
  if (one !== one) return other !== other ? 0 : 1
  if (other !== other) return -1
  return one === other ? 0 : one < other ? -sign : sign
}
