import type { Matcher } from '../../../mechanisms/promql/queryable.ts'
import { bitsOf, isStaleAt } from '../../../mechanisms/promql/queryable.ts'
import {
  OUTAGE_TOLERANCE_MS,
  type StoredAlerts,
  type StoredState,
} from '../../../mechanisms/alert-rules/restore.ts'
import type { AlertingRule } from '../../../mechanisms/alert-rules/rules.ts'
import type { Store } from '../store/store.ts'

/** Samples of alerts that are read to go on where the last start has ended. */
const SAMPLES_MAX = 5_000_000

/** What `ALERTS` and `ALERTS_FOR_STATE` say of a rule. Throws what the store throws. */
export async function readStoredAlerts(
  store: Store,
  rule: AlertingRule,
  nowMs: number,
): Promise<StoredAlerts> {
  const [activeSince, states] = await Promise.all(
    ['ALERTS_FOR_STATE', 'ALERTS'].map((name) => lastStates(store, name, rule, nowMs)),
  )
  return { activeSince: activeSince ?? [], states: states ?? [] }
}

async function lastStates(
  store: Store,
  metric: string,
  { alert, labels }: AlertingRule,
  nowMs: number,
): Promise<readonly StoredState[]> {
  const fixed = labels.filter(([name, text]) => !text.includes('{{') && name !== 'alertname')
  const matchers: readonly Matcher[] = [
    { name: '__name__', kind: '=', value: metric },
    { name: 'alertname', kind: '=', value: alert },
    ...fixed.map(([name, value]) => ({ name, kind: '=', value }) as const),
  ]
  const found = await store.queries.select({
    matchers,
    fromMs: nowMs - OUTAGE_TOLERANCE_MS,
    toMs: nowMs,
    samplesMax: SAMPLES_MAX,
    hints: { func: '', stepMs: 0, rangeMs: 0, grouping: { labels: [], isBy: true } },
  })
  return found.flatMap((series) => {
    const { labels: of, timestamps, values } = series
    const at = timestamps.length - 1
    if (at < 0 || isStaleAt(bitsOf(values), at)) return []
    return [{ labels: of, timeMs: timestamps[at]!, value: values[at]! }]
  })
}
