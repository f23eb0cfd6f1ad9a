import {
  TooManySamplesError,
  type Matcher,
  type SelectHints,
  type SelectQuery,
} from '../queryable.ts'
import type {
  Aggregate,
  Call,
  Duration,
  DurationExpr,
  Expr,
  Subquery,
  TimeModifiers,
  VectorSelector,
} from '../syntax/ast.ts'
import { durationSecondsMax, secondsToMs } from '../syntax/durations.ts'
import { QueryError } from './errors.ts'
import { endOf, type Grid } from './grid.ts'

/** What is known of a query before anything was selected. */
export interface QueryTimes {
  readonly grid: Grid
  readonly endMs: number
  /** 0 for an instant query. */
  readonly stepMs: number
  readonly lookbackMs: number
  readonly subqueryStepMs: number
  readonly samplesMax: number
}

/** What has to be selected, and for which part of the query. */
export interface SelectPlan {
  readonly selectors: readonly (readonly [selector: VectorSelector, query: SelectQuery])[]
  readonly infos: readonly (readonly [call: Call, query: SelectQuery])[]
}

/** The grid of a subquery's inner expression: multiples of its step, in all ranges of the outer times. */
export function subqueryGrid(times: QueryTimes, subquery: Subquery, grid: Grid): Grid {
  const stepMs = subquery.step.ms === 0 ? times.subqueryStepMs : subquery.step.ms
  const [firstMs, lastMs] = lookRange(times, subquery, grid)
  const afterMs = firstMs - subquery.window.ms
  let startMs = stepMs * Math.trunc(afterMs / stepMs)
  if (startMs <= afterMs) startMs += stepMs
  const count = Math.max(0, Math.floor((lastMs - startMs) / stepMs) + 1)
  // One series alone would be too much.
  if (count > times.samplesMax) throw new TooManySamplesError()
  return { startMs, stepMs, count }
}

/** The first and the last time that a selector looks at. */
function lookRange(
  { grid: all, endMs }: QueryTimes,
  { at, offset }: TimeModifiers,
  grid: Grid,
): readonly [firstMs: number, lastMs: number] {
  switch (at?.kind) {
    case undefined:
      return [grid.startMs - offset.ms, endOf(grid) - offset.ms]
    case 'time':
      return [at.timeMs - offset.ms, at.timeMs - offset.ms]
    case 'start':
      return [all.startMs - offset.ms, all.startMs - offset.ms]
    case 'end':
      return [endMs - offset.ms, endMs - offset.ms]
  }
}

/** Everything that a query selects, each selector with the times that it needs. */
export function planSelects(times: QueryTimes, expr: Expr): SelectPlan {
  const plan: Plan = { times, selectors: [], infos: [] }
  visit(plan, expr, { grid: times.grid, rangeMs: 0, func: '', grouping: noGrouping })
  return plan
}

interface Plan {
  readonly times: QueryTimes
  readonly selectors: (readonly [VectorSelector, SelectQuery])[]
  readonly infos: (readonly [Call, SelectQuery])[]
}

interface Around {
  readonly grid: Grid
  readonly rangeMs: number
  readonly func: string
  readonly grouping: SelectHints['grouping']
}

const noGrouping: SelectHints['grouping'] = { labels: [], isBy: true }

function visit(plan: Plan, expr: Expr, around: Around): void {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return
    case 'selector':
      plan.selectors.push([expr, selectQuery(plan.times, expr, around)])
      return
    case 'matrix': {
      const { selector, window } = expr
      const query = selectQuery(plan.times, selector, { ...around, rangeMs: window.ms })
      plan.selectors.push([selector, query])
      return
    }
    case 'subquery': {
      const grid = subqueryGrid(plan.times, expr, around.grid)
      if (grid.count > 0) visit(plan, expr.expr, { ...around, grid })
      return
    }
    case 'paren':
    case 'unary':
      visit(plan, expr.expr, around)
      return
    case 'binary':
      visit(plan, expr.left, { ...around, func: '', grouping: noGrouping })
      visit(plan, expr.right, { ...around, func: '', grouping: noGrouping })
      return
    case 'aggregate':
      visitAggregate(plan, expr, around)
      return
    case 'call':
      visitCall(plan, expr, around)
      return
  }
}

function visitAggregate(plan: Plan, expr: Aggregate, around: Around): void {
  const grouping = { labels: expr.grouping, isBy: !expr.isWithout }
  if (expr.param !== undefined) visit(plan, expr.param, { ...around, func: '' })
  visit(plan, expr.expr, { ...around, func: expr.op, grouping })
}

function visitCall(plan: Plan, call: Call, around: Around): void {
  const inner = { ...around, func: call.func, grouping: noGrouping }
  if (call.func !== 'info') {
    for (const arg of call.args) visit(plan, arg, inner)
    return
  }
  const [vector, selector] = call.args
  if (vector === undefined) return
  visit(plan, vector, inner)
  const matchers = selector?.kind === 'selector' ? selector.matchers : []
  const times = firstTimes(vector) ?? { at: undefined, offset: { ms: 0, expr: undefined } }
  const info: VectorSelector = {
    kind: 'selector',
    name: '',
    matchers: infoMatchers(matchers),
    extension: undefined,
    range: call.range,
    ...times,
  }
  plan.infos.push([call, selectQuery(plan.times, info, inner)])
}

/** Which series tell about others: `target_info`, unless the name is asked for; where it is only refused, all `_info`. */
function infoMatchers(matchers: readonly Matcher[]): readonly Matcher[] {
  const names = matchers.filter(({ name }) => name === '__name__')
  if (names.length === 0) {
    return [{ name: '__name__', kind: '=', value: 'target_info' }, ...matchers]
  }
  const isRefusedOnly = names.every(({ kind }) => kind === '!=' || kind === '!~')
  return isRefusedOnly
    ? [{ name: '__name__', kind: '=~', value: '.+_info' }, ...matchers]
    : matchers
}

/** The modifiers of the first selector, which say at which time an `info` series is looked for. */
export function firstTimes(expr: Expr): TimeModifiers | undefined {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return undefined
    case 'selector':
      return { at: expr.at, offset: expr.offset }
    case 'matrix':
      return firstTimes(expr.selector)
    case 'subquery':
    case 'paren':
    case 'unary':
    case 'aggregate':
      return firstTimes(expr.expr)
    case 'binary':
      return firstTimes(expr.left) ?? firstTimes(expr.right)
    case 'call':
      return expr.args.reduce<TimeModifiers | undefined>(
        (found, arg) => found ?? firstTimes(arg),
        undefined,
      )
  }
}

function selectQuery(
  times: QueryTimes,
  selector: VectorSelector,
  { grid, rangeMs, func, grouping }: Around,
): SelectQuery {
  const [firstMs, lastMs] = lookRange(times, selector, grid)
  const backMs = rangeMs === 0 ? times.lookbackMs : rangeMs
  const moreMs = selector.extension === undefined || rangeMs === 0 ? 0 : times.lookbackMs
  return {
    matchers: selector.matchers,
    // The start of a range is not in it.
    fromMs: firstMs - backMs - moreMs + 1,
    toMs: lastMs + (selector.extension === 'smoothed' ? times.lookbackMs : 0),
    samplesMax: times.samplesMax,
    hints: { func, stepMs: times.stepMs, rangeMs, grouping },
  }
}

/** The query with every duration known. Throws QueryError for those that are none. */
export function resolveDurations(expr: Expr, times: DurationTimes): Expr {
  const resolve = (inner: Expr) => resolveDurations(inner, times)
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr
    case 'selector':
      return { ...expr, offset: resolveDuration(expr.offset, times, false) }
    case 'matrix': {
      const offset = resolveDuration(expr.selector.offset, times, false)
      const window = resolveDuration(expr.window, times, true)
      return { ...expr, selector: { ...expr.selector, offset }, window }
    }
    case 'subquery': {
      const offset = resolveDuration(expr.offset, times, false)
      const step = resolveDuration(expr.step, times, true)
      const window = resolveDuration(expr.window, times, true)
      return { ...expr, expr: resolve(expr.expr), offset, step, window }
    }
    case 'paren':
    case 'unary':
      return { ...expr, expr: resolve(expr.expr) }
    case 'binary':
      return { ...expr, left: resolve(expr.left), right: resolve(expr.right) }
    case 'aggregate': {
      const param = expr.param === undefined ? undefined : resolve(expr.param)
      return { ...expr, expr: resolve(expr.expr), param }
    }
    case 'call':
      return { ...expr, args: expr.args.map(resolve) }
  }
}

/** What `step()` and `range()` are. */
export interface DurationTimes {
  readonly stepMs: number
  readonly rangeMs: number
}

function resolveDuration(duration: Duration, times: DurationTimes, isPositive: boolean): Duration {
  const { expr } = duration
  if (expr === undefined) return duration
  const seconds = calculate(expr, times)
  if (isPositive && seconds <= 0) throw failAt(expr, 'duration must be greater than 0')
  if (!(Math.abs(seconds) <= durationSecondsMax)) throw failAt(expr, 'duration is out of range')
  return { ms: secondsToMs(seconds), expr: undefined }
}

function calculate(expr: DurationExpr, times: DurationTimes): number {
  switch (expr.kind) {
    case 'duration-number':
      return expr.seconds
    case 'duration-read':
      return (expr.name === 'step' ? times.stepMs : times.rangeMs) / 1_000
    case 'duration-unary': {
      const value = calculate(expr.operand, times)
      return expr.op === '-' ? -value : value
    }
    case 'duration-binary': {
      const [left, right] = [calculate(expr.left, times), calculate(expr.right, times)]
      switch (expr.op) {
        case '+':
          return left + right
        case '-':
          return left - right
        case '*':
          return left * right
        case '/':
          if (right === 0) throw failAt(expr, 'division by zero')
          return left / right
        case '%':
          if (right === 0) throw failAt(expr, 'modulo by zero')
          return left % right
        case '^':
          return left ** right
        case 'min_of':
          return Math.min(left, right)
        case 'max_of':
          return Math.max(left, right)
      }
    }
  }
}

/** Offsets, not line and column: as Prometheus says it. */
function failAt({ range }: DurationExpr, problem: string): QueryError {
  return new QueryError(`${range.start}:${range.end}: ${problem}`)
}
