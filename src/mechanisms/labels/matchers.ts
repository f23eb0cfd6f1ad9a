import type { Matcher } from '../promql/queryable.ts'
import { compilePattern } from './pattern.ts'

/** A matcher that is ready to look at values. A label that is missing has the value ''. */
export interface CompiledMatcher {
  readonly name: string
  matches(value: string): boolean
  readonly matchesEmpty: boolean
  /** All values that it matches, where these are known; undefined else. */
  readonly values: readonly string[] | undefined
}

/** Compiles one matcher. Throws `PatternError`. */
export function compileMatcher({ name, kind, value }: Matcher): CompiledMatcher {
  switch (kind) {
    case '=':
      return {
        name,
        matches: (text) => text === value,
        matchesEmpty: value === '',
        values: [value],
      }
    case '!=':
      return {
        name,
        matches: (text) => text !== value,
        matchesEmpty: value !== '',
        values: undefined,
      }
    case '=~': {
      const pattern = compilePattern(value)
      return {
        name,
        matches: (text) => pattern.matches(text),
        matchesEmpty: pattern.matches(''),
        values: pattern.alternatives,
      }
    }
    case '!~': {
      const pattern = compilePattern(value)
      return {
        name,
        matches: (text) => !pattern.matches(text),
        matchesEmpty: !pattern.matches(''),
        values: undefined,
      }
    }
  }
}
