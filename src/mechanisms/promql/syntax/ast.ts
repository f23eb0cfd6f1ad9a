import type { Matcher } from '../queryable.ts'
import type { FunctionName } from './functions.ts'
import type { TextRange } from './parse-error.ts'

/** How the values of two sides are put together. `</` and `>/` trim histograms. */
export type BinaryOp =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'
  | 'atan2'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '</'
  | '>/'
  | 'and'
  | 'or'
  | 'unless'

/** How the elements of a vector become fewer. */
export type AggregateOp =
  | 'avg'
  | 'bottomk'
  | 'count'
  | 'count_values'
  | 'group'
  | 'limit_ratio'
  | 'limitk'
  | 'max'
  | 'min'
  | 'quantile'
  | 'stddev'
  | 'stdvar'
  | 'sum'
  | 'topk'

/** A duration that is calculated, in seconds. `isWrapped`: written in parentheses. */
export type DurationExpr = DurationNumber | DurationRead | DurationUnary | DurationBinary

/** A number of seconds, or a duration such as `5m`. */
export interface DurationNumber {
  readonly kind: 'duration-number'
  readonly seconds: number
  readonly isDuration: boolean
  readonly isWrapped: boolean
  readonly range: TextRange
}

/** `step()` or `range()` of the query. */
export interface DurationRead {
  readonly kind: 'duration-read'
  readonly name: 'step' | 'range'
  readonly isWrapped: boolean
  readonly range: TextRange
}

/** A sign before a duration. */
export interface DurationUnary {
  readonly kind: 'duration-unary'
  readonly op: '+' | '-'
  readonly operand: DurationExpr
  readonly isWrapped: boolean
  readonly range: TextRange
}

/** Two durations put together. */
export interface DurationBinary {
  readonly kind: 'duration-binary'
  readonly op: '+' | '-' | '*' | '/' | '%' | '^' | 'min_of' | 'max_of'
  readonly left: DurationExpr
  readonly right: DurationExpr
  readonly isWrapped: boolean
  readonly range: TextRange
}

/** A length of time: known from the text, or calculated when the query's times are known. */
export interface Duration {
  /** In milliseconds; 0 where `expr` says it. */
  readonly ms: number
  readonly expr: DurationExpr | undefined
}

/** A fixed time of evaluation, in milliseconds for `time`. */
export type AtModifier =
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }

/** Which times a selector or a subquery looks at. */
export interface TimeModifiers {
  readonly offset: Duration
  readonly at: AtModifier | undefined
}

/** A number, or a duration as a number of seconds. */
export interface NumberLiteral {
  readonly kind: 'number'
  readonly value: number
  readonly isDuration: boolean
  readonly range: TextRange
}

/** A string. */
export interface StringLiteral {
  readonly kind: 'string'
  readonly value: string
  readonly range: TextRange
}

/** Series by their labels: one value each. */
export interface VectorSelector extends TimeModifiers {
  readonly kind: 'selector'
  /** Written before the braces; empty where it is not. Then it is the last of `matchers` too. */
  readonly name: string
  readonly matchers: readonly Matcher[]
  readonly extension: 'anchored' | 'smoothed' | undefined
  readonly range: TextRange
}

/** Series by their labels: all values of a range of time. */
export interface MatrixSelector {
  readonly kind: 'matrix'
  readonly selector: VectorSelector
  readonly window: Duration
  readonly range: TextRange
}

/** An expression that is evaluated at many times. */
export interface Subquery extends TimeModifiers {
  readonly kind: 'subquery'
  readonly expr: Expr
  readonly window: Duration
  /** 0 milliseconds: the engine's default. */
  readonly step: Duration
  readonly range: TextRange
}

/** An expression in parentheses. */
export interface Paren {
  readonly kind: 'paren'
  readonly expr: Expr
  readonly range: TextRange
}

/** An expression with a sign. */
export interface Unary {
  readonly kind: 'unary'
  readonly op: '+' | '-'
  readonly expr: Expr
  readonly range: TextRange
}

/** Which elements of two vectors belong together. */
export interface VectorMatching {
  readonly card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many'
  readonly labels: readonly string[]
  /** `on`: only these labels count. Else these do not count. */
  readonly isOn: boolean
  /** Labels that are taken from the side that has one. */
  readonly include: readonly string[]
  /** What stands for an element that is missing. */
  readonly fillLeft: number | undefined
  readonly fillRight: number | undefined
}

/** Two expressions put together. */
export interface Binary {
  readonly kind: 'binary'
  readonly op: BinaryOp
  readonly left: Expr
  readonly right: Expr
  readonly isBool: boolean
  /** Undefined where a side is a scalar. */
  readonly matching: VectorMatching | undefined
  readonly opRange: TextRange
  readonly range: TextRange
}

/** A vector with fewer elements. */
export interface Aggregate {
  readonly kind: 'aggregate'
  readonly op: AggregateOp
  readonly expr: Expr
  readonly param: Expr | undefined
  readonly grouping: readonly string[]
  readonly isWithout: boolean
  readonly range: TextRange
}

/** A function of its arguments. */
export interface Call {
  readonly kind: 'call'
  readonly func: FunctionName
  readonly args: readonly Expr[]
  readonly range: TextRange
}

/** A parsed query. */
export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Paren
  | Unary
  | Binary
  | Aggregate
  | Call

/** Comparisons, which filter, or say 0 or 1 with `bool`. */
export function isComparison(op: BinaryOp): boolean {
  return op === '==' || op === '!=' || op === '<' || op === '<=' || op === '>' || op === '>='
}

/** Operators on the sets of elements, which never look at values. */
export function isSetOp(op: BinaryOp): op is 'and' | 'or' | 'unless' {
  return op === 'and' || op === 'or' || op === 'unless'
}

/** Aggregations with an argument before the vector. */
export function hasParam(op: AggregateOp): boolean {
  return (
    op === 'topk' ||
    op === 'bottomk' ||
    op === 'count_values' ||
    op === 'quantile' ||
    op === 'limitk' ||
    op === 'limit_ratio'
  )
}

/** An expression without the parentheses around it. */
export function unwrap(expr: Expr): Expr {
  return expr.kind === 'paren' ? unwrap(expr.expr) : expr
}
