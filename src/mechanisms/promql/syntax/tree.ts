import type { Matcher } from '../queryable.ts'
import type { Binary, Call, Expr, TimeModifiers } from './ast.ts'
import { findFunction } from './functions.ts'
import { formatFixed } from '../../go-text/go-text.ts'

/** A node of the tree as JSON, in the shape of Prometheus' `/api/v1/parse_query`. */
export type TreeNode = Readonly<Record<string, unknown>>

/** The tree of a query for `/api/v1/parse_query`. */
export function treeOf(expr: Expr): TreeNode {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatFixed(expr.value) }
    case 'string':
      return { type: 'stringLiteral', val: expr.value }
    case 'paren':
      return { type: 'parenExpr', expr: treeOf(expr.expr) }
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: treeOf(expr.expr) }
    case 'selector': {
      const { name, matchers, extension } = expr
      return {
        type: 'vectorSelector',
        name,
        ...timesOf(expr),
        matchers: matchers.map(matcherOf),
        ...extensionOf(extension),
      }
    }
    case 'matrix': {
      const { name, matchers, extension } = expr.selector
      return {
        type: 'matrixSelector',
        name,
        range: expr.window.ms,
        ...timesOf(expr.selector),
        matchers: matchers.map(matcherOf),
        ...extensionOf(extension),
      }
    }
    case 'subquery': {
      const [range, step] = [expr.window.ms, expr.step.ms]
      return { type: 'subquery', expr: treeOf(expr.expr), range, step, ...timesOf(expr) }
    }
    case 'binary':
      return binaryOf(expr)
    case 'aggregate': {
      const param = expr.param === undefined ? null : treeOf(expr.param)
      const { op, grouping, isWithout } = expr
      const inner = treeOf(expr.expr)
      return { type: 'aggregation', op, expr: inner, param, grouping, without: isWithout }
    }
    case 'call':
      return callOf(expr)
  }
}

function binaryOf({ op, left, right, isBool, matching }: Binary): TreeNode {
  return {
    type: 'binaryExpr',
    op,
    lhs: treeOf(left),
    rhs: treeOf(right),
    matching:
      matching === undefined
        ? null
        : {
            card: matching.card,
            labels: matching.labels,
            on: matching.isOn,
            include: matching.include,
            fillValues: { lhs: matching.fillLeft ?? null, rhs: matching.fillRight ?? null },
          },
    bool: isBool,
  }
}

function callOf({ func, args }: Call): TreeNode {
  const signature = findFunction(func)
  return {
    type: 'call',
    func: {
      name: func,
      argTypes: signature?.args ?? [],
      variadic: signature?.variadic ?? 0,
      returnType: signature?.returns ?? 'vector',
    },
    args: args.map(treeOf),
  }
}

function timesOf({ offset, at }: TimeModifiers): TreeNode {
  return {
    offset: offset.ms,
    timestamp: at?.kind === 'time' ? at.timeMs : null,
    startOrEnd: at === undefined || at.kind === 'time' ? null : at.kind,
  }
}

function extensionOf(extension: 'anchored' | 'smoothed' | undefined): TreeNode {
  return extension === undefined ? {} : { [extension]: true }
}

function matcherOf({ name, kind, value }: Matcher): TreeNode {
  return { name, value, type: kind }
}
