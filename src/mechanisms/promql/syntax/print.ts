import { compareText } from '../../labels/labels.ts'
import type { Matcher } from '../queryable.ts'
import type {
  Aggregate,
  AtModifier,
  Binary,
  Duration,
  DurationExpr,
  Expr,
  NumberLiteral,
  Subquery,
  VectorSelector,
} from './ast.ts'
import { formatDuration } from './durations.ts'
import { formatFixed, formatGeneral, quote } from '../../go-text/go-text.ts'

/** The text of a query on one line, as Prometheus would write it. Parsed again it is the same query. */
export function printQuery(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr)
    case 'string':
      return quote(expr.value)
    case 'selector':
      return printSelector(expr)
    case 'matrix': {
      const { extension, at, offset } = expr.selector
      const plain = { ...expr.selector, extension: undefined, at: undefined, offset: noDuration }
      const window = printDuration(expr.window)
      return `${printSelector(plain)}[${window}]${printExtension(extension)}${printAt(at)}${printOffset(offset)}`
    }
    case 'subquery':
      return `${printQuery(expr.expr)}${printSubqueryTimes(expr)}`
    case 'paren':
      return `(${printQuery(expr.expr)})`
    case 'unary':
      return `${expr.op}${printQuery(expr.expr)}`
    case 'binary':
      return `${printQuery(expr.left)} ${printOperator(expr)} ${printQuery(expr.right)}`
    case 'aggregate': {
      const param = expr.param === undefined ? '' : `${printQuery(expr.param)}, `
      return `${printAggregateOp(expr)}(${param}${printQuery(expr.expr)})`
    }
    case 'call':
      return `${expr.func}(${expr.args.map(printQuery).join(', ')})`
  }
}

/** The operator of two sides, with `bool` and how elements match. */
export function printOperator({ op, isBool, matching }: Binary): string {
  let text = isBool ? `${op} bool` : op
  if (matching === undefined) return text
  const { card, labels, isOn, include, fillLeft, fillRight } = matching
  const isGrouped = card === 'many-to-one' || card === 'one-to-many'
  if (labels.length > 0 || isOn || isGrouped) {
    text += ` ${isOn ? 'on' : 'ignoring'} (${printLabels(labels)})`
  }
  if (isGrouped) {
    text += ` group_${card === 'many-to-one' ? 'left' : 'right'} (${printLabels(include)})`
  }
  if (fillLeft !== undefined && Object.is(fillLeft, fillRight)) {
    return `${text} fill (${formatGeneral(fillLeft)})`
  }
  if (fillLeft !== undefined) text += ` fill_left (${formatGeneral(fillLeft)})`
  if (fillRight !== undefined) text += ` fill_right (${formatGeneral(fillRight)})`
  return text
}

/** An aggregation without what stands in its parentheses. */
export function printAggregateOp({ op, grouping, isWithout }: Aggregate): string {
  if (isWithout) return `${op} without (${printLabels(grouping)}) `
  return grouping.length > 0 ? `${op} by (${printLabels(grouping)}) ` : op
}

/** The brackets behind a subquery's expression, and what follows them. */
export function printSubqueryTimes({ window, step, at, offset }: Subquery): string {
  const stepText = step.ms === 0 && step.expr === undefined ? '' : printDuration(step)
  return `[${printDuration(window)}:${stepText}]${printAt(at)}${printOffset(offset)}`
}

/** A condition, its name in quotes where it is no plain one. */
export function printMatcher({ name, kind, value }: Matcher): string {
  return `${printLabel(name)}${kind}${quote(value)}`
}

const noDuration: Duration = { ms: 0, expr: undefined }

function printNumber({ value, isDuration }: NumberLiteral): string {
  if (!isDuration) return formatFixed(value)
  const text = formatDuration(Math.round(Math.abs(value) * 1_000))
  return value < 0 ? `-${text}` : text
}

function printSelector({ name, matchers, at, extension, offset }: VectorSelector): string {
  const isName = (one: Matcher) =>
    one.name === '__name__' && one.kind === '=' && one.value === name && name !== ''
  const texts = matchers.filter((matcher) => !isName(matcher)).map(printMatcher)
  const braces = texts.length === 0 ? '' : `{${texts.toSorted(compareText).join(',')}}`
  const bare = name === '' && braces === '' ? '{}' : `${name}${braces}`
  return `${bare}${printAt(at)}${printExtension(extension)}${printOffset(offset)}`
}

function printExtension(extension: VectorSelector['extension']): string {
  return extension === undefined ? '' : ` ${extension}`
}

function printAt(at: AtModifier | undefined): string {
  if (at === undefined) return ''
  return at.kind === 'time' ? ` @ ${(at.timeMs / 1_000).toFixed(3)}` : ` @ ${at.kind}()`
}

function printOffset(offset: Duration): string {
  if (offset.expr !== undefined) return ` offset ${printDurationExpr(offset.expr)}`
  if (offset.ms === 0) return ''
  const text = formatDuration(Math.abs(offset.ms))
  return ` offset ${offset.ms < 0 ? '-' : ''}${text}`
}

function printDuration({ ms, expr }: Duration): string {
  return expr === undefined ? formatDuration(ms) : printDurationExpr(expr)
}

function printDurationExpr(expr: DurationExpr): string {
  const text = printBareDuration(expr)
  return expr.isWrapped ? `(${text})` : text
}

function printBareDuration(expr: DurationExpr): string {
  switch (expr.kind) {
    case 'duration-number':
      return printNumber({
        kind: 'number',
        value: expr.seconds,
        isDuration: expr.isDuration,
        range: expr.range,
      })
    case 'duration-read':
      return `${expr.name}()`
    case 'duration-unary':
      return `${expr.op === '-' ? '-' : ''}${printDurationExpr(expr.operand)}`
    case 'duration-binary': {
      const [left, right] = [printDurationExpr(expr.left), printDurationExpr(expr.right)]
      return expr.op === 'min_of' || expr.op === 'max_of'
        ? `${expr.op}(${left}, ${right})`
        : `${left} ${expr.op} ${right}`
    }
  }
}

function printLabels(labels: readonly string[]): string {
  return labels.map(printLabel).join(', ')
}

function printLabel(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name)
}
