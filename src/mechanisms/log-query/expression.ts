/** What a search asks for. */
export type Expression =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly part: Expression }
  /** The text has these characters; upper and lower case are told apart only where `text` has upper case. */
  | { readonly kind: 'text'; readonly text: string }
  /** `field:*`: it is there. */
  | { readonly kind: 'exists'; readonly field: string }
  /** `field:value`, with `*` for any characters: pieces between the stars. One piece: equal. */
  | { readonly kind: 'equals'; readonly field: string; readonly pieces: readonly string[] }
  /** `field>=value`: as numbers; a value with a unit of time is in milliseconds. */
  | {
      readonly kind: 'compare'
      readonly field: string
      readonly operator: Comparison
      readonly value: number
    }

/** Operators of numbers. */
export type Comparison = '>' | '>=' | '<' | '<='

/** The search cannot be understood. `at` is the position of the character, from 0. */
export class SearchError extends Error {
  readonly code = 'ERR_LOGS_SEARCH'
  readonly at: number

  constructor(what: string, at: number) {
    super(`${what} at character ${at + 1}`)
    this.name = 'SearchError'
    this.at = at
  }
}
