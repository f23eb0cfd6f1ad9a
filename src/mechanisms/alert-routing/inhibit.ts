import type { Labels } from '../labels/labels.ts'
import type { Matcher } from '../promql/queryable.ts'
import { compileMatchers, type LabelTest } from './compile-matchers.ts'

/** While an alert fires that `source` matches, those that `target` matches are not told, if they agree in `equal`. */
export interface InhibitSpec {
  readonly source: readonly Matcher[]
  readonly target: readonly Matcher[]
  readonly equal: readonly string[]
}

/** Ready to be asked. */
export interface InhibitRule {
  readonly source: LabelTest
  readonly target: LabelTest
  readonly equal: readonly string[]
}

/** Compiles a rule. Throws `PatternError`. */
export function compileInhibit({ source, target, equal }: InhibitSpec): InhibitRule {
  return { source: compileMatchers(source), target: compileMatchers(target), equal }
}

/**
 * The firing alert because of which another one is not told; undefined: none. As in Alertmanager, an alert that is source and target of the
 * same rule is not inhibited by others that are both, or two of them would silence each other.
 */
export function inhibitorOf(
  labels: Labels,
  firing: Iterable<Labels>,
  rules: readonly InhibitRule[],
): Labels | undefined {
  const aimed = rules.filter(({ target }) => target(labels))
  if (aimed.length === 0) return undefined
  for (const other of firing) {
    if (other.signature === labels.signature) continue
    for (const { source, target, equal } of aimed) {
      if (!source(other)) continue
      if (source(labels) && target(other)) continue
      if (equal.every((name) => other.get(name) === labels.get(name))) return other
    }
  }
  return undefined
}
