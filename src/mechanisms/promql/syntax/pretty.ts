import { hasParam, type Expr } from './ast.ts'
import { printAggregateOp, printOperator, printQuery, printSubqueryTimes } from './print.ts'

const lineLengthMax = 100

/** The text of a query over as many lines as it needs, as `promtool promql format` and `/api/v1/format_query` lay it out. */
export function prettyQuery(expr: Expr): string {
  return pretty(expr, 0)
}

/** Each level is written behind its own indentation; what fits on a line stays there. */
function pretty(expr: Expr, level: number): string {
  const indent = '  '.repeat(level)
  const line = printQuery(expr)
  if (expr.kind === 'unary') return `${indent}${expr.op}${pretty(expr.expr, level).trim()}`
  if (new TextEncoder().encode(line).length <= lineLengthMax) {
    // Prometheus writes a short subquery without indentation.
    return expr.kind === 'subquery' ? line : `${indent}${line}`
  }
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
    case 'matrix':
      return `${indent}${line}`
    case 'subquery':
      return `${pretty(expr.expr, level)}${printSubqueryTimes(expr)}`
    case 'paren':
      return `${indent}(\n${pretty(expr.expr, level + 1)}\n${indent})`
    case 'binary': {
      const [left, right] = [pretty(expr.left, level + 1), pretty(expr.right, level + 1)]
      return `${left}\n${indent}${printOperator(expr)}\n${right}`
    }
    case 'aggregate': {
      const hasFirst = hasParam(expr.op) && expr.param !== undefined
      const param = hasFirst ? `${pretty(expr.param, level + 1)},\n` : ''
      return `${indent}${printAggregateOp(expr)}(\n${param}${pretty(expr.expr, level + 1)}\n${indent})`
    }
    case 'call': {
      const args = expr.args.map((arg) => pretty(arg, level + 1)).join(',\n')
      return `${indent}${expr.func}(\n${args}\n${indent})`
    }
  }
}
