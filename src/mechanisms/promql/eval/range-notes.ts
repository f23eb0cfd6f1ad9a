import { quote } from '../../go-text/go-text.ts'
import type { TextRange } from '../syntax/parse-error.ts'
import type { Notes } from './notes.ts'
import type { RangeCall, Window } from './window.ts'

/** The annotation for a range with both numbers and histograms. */
export function warnMixed({ metric }: Window, { notes }: RangeCall, place: TextRange): 0 {
  notes.warn(`encountered a mix of histograms and floats for metric name ${quote(metric)}`, place)
  return 0
}

/** The annotation for histograms that cannot be put together. */
export function warnSchemas({ metric }: Window, { notes }: RangeCall, place: TextRange): 0 {
  const problem = 'vector contains a mix of histograms with exponential and custom buckets schemas'
  notes.warn(`${problem} for metric name ${quote(metric)}`, place)
  return 0
}

/** The annotation for custom bounds that were not the same. */
export function informReconciled(
  notes: Notes,
  operation: 'addition' | 'subtraction' | 'aggregation',
  place: TextRange,
): void {
  notes.inform(`mismatched custom buckets were reconciled during ${operation}`, place)
}
