import type { Signal } from '../../../contracts/signals.ts'
import { quoteText } from '../../../mechanisms/log-query/to-sql.ts'
import { DEFAULT_CLASS } from './sealed-files.ts'

/** Records that are kept for another time than the rest. */
export interface KeepRule {
  /** A service; '': all. */
  readonly service: string
  /** Only records below this severity; 0: all. */
  readonly belowSeverity: number
  readonly timeMs: number
}

/** SQL that says the class of a record: the first rule that fits decides. */
export function keepSql(signal: Signal, rules: readonly KeepRule[]): string {
  const cases = rules
    // A span has no severity.
    .filter(({ belowSeverity }) => signal === 'logs' || belowSeverity === 0)
    .map(({ service, belowSeverity, timeMs }) => {
      const conditions = [
        ...(service === '' ? [] : [`service = ${quoteText(service)}`]),
        ...(belowSeverity === 0 ? [] : [`severity < ${belowSeverity}`]),
      ]
      return `when ${conditions.join(' and ') || 'true'} then 'keep${Math.round(timeMs / 1_000)}'`
    })
  return cases.length === 0
    ? `'${DEFAULT_CLASS}'`
    : `case ${cases.join(' ')} else '${DEFAULT_CLASS}' end`
}

/** How long records of a class are kept, milliseconds. */
export function keepMsOf(keep: string, defaultMs: number): number {
  return keep === DEFAULT_CLASS ? defaultMs : Number(keep.slice('keep'.length)) * 1_000
}
