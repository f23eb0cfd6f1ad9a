import type { Labels } from '../labels/labels.ts'
import { compileMatcher, type CompiledMatcher } from '../labels/matchers.ts'
import type { Matcher } from '../promql/queryable.ts'

/** Whether labels fulfil all of them. */
export type LabelTest = (labels: Labels) => boolean

/** Compiles matchers; none of them match everything. Throws `PatternError`. */
export function compileMatchers(matchers: readonly Matcher[]): LabelTest {
  const compiled: readonly CompiledMatcher[] = matchers.map(compileMatcher)
  return (labels) => compiled.every((matcher) => matcher.matches(labels.get(matcher.name)))
}
