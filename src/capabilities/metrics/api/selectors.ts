import type { Matcher } from '../../../mechanisms/promql/queryable.ts'
import type { Expr } from '../../../mechanisms/promql/syntax/ast.ts'

/** The matchers of every selector in a query. */
export function selectorsOf(expr: Expr): readonly (readonly Matcher[])[] {
  const found: (readonly Matcher[])[] = []
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) {
      for (const one of part) visit(one)
      return
    }
    if (typeof part !== 'object' || part === null) return
    const { kind, matchers } = part as Partial<Expr & { matchers: readonly Matcher[] }>
    if (kind === 'selector' && matchers !== undefined) {
      found.push(matchers)
      return
    }
    for (const inner of Object.values(part)) visit(inner)
  }
  visit(expr)
  return found
}
