import { compareText, type Labels, labelsOf } from '../labels/labels.ts'
import type { RecordingRule } from './rules.ts'

/** A rule cannot be evaluated; the message is Prometheus'. */
export class RuleEvaluationError extends Error {
  readonly code = 'ERR_RULE_EVALUATION'

  constructor(message: string) {
    super(message)
    this.name = 'RuleEvaluationError'
  }
}

/** The labels under which a recording rule stores an element. */
export function recordedLabels({ record, labels }: RecordingRule, found: Labels): Labels {
  const pairs = new Map(found.names.map((name, at) => [name, found.values[at]!]))
  pairs.set('__name__', record)
  for (const [name, value] of labels) pairs.set(name, value)
  return labelsOf(pairs)
}

/** Throws `RuleEvaluationError` where two of them are the same series, or there are more than `limit` (0: any number). */
export function checkRecorded(all: readonly Labels[], limit: number): void {
  if (new Set(all.map(({ signature }) => signature)).size < all.length) {
    throw new RuleEvaluationError(
      'vector contains metrics with the same labelset after applying rule labels',
    )
  }
  if (limit > 0 && all.length > limit) {
    throw new RuleEvaluationError(`exceeded limit of ${limit} with ${all.length} series`)
  }
}

/** Labels with others laid over them; those with an empty value are taken away. */
export function withPairs(labels: Labels, pairs: Iterable<readonly [string, string]>): Labels {
  const all = new Map(labels.names.map((name, at) => [name, labels.values[at]!]))
  for (const [name, value] of pairs) all.set(name, value)
  return labelsOf([...all].toSorted(([one], [other]) => compareText(one, other)))
}
