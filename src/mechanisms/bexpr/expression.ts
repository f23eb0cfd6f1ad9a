/** Bounds on a filter expression; errors name them. */
export const BEXPR_LIMITS = {
  filterCharactersMax: 8 * 1024,
  /** Of `not` and parentheses within each other. */
  filterDepthMax: 50,
  /** Comparisons of one expression. */
  filterTermsMax: 200,
} as const

/** What is compared. */
export type Operator = 'equal' | 'in' | 'empty' | 'matches'

/** One comparison: a selector and, but for `empty`, a value. */
export interface Term {
  readonly kind: 'term'
  readonly path: readonly string[]
  readonly operator: Operator
  /** `!=`, `not in`, `is not empty`, ... */
  readonly isNegated: boolean
  readonly value: string
}

/** A parsed filter. */
export type Expression =
  | Term
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }

/** A filter that cannot be used. The message says where and why. */
export class BexprError extends Error {
  override readonly name = 'BexprError'
}
