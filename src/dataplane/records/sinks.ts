import { type EdgeCounters, countLatency, statusClass } from '../totals/counters.ts'
import type { TotalsCollector } from '../totals/worker-totals.ts'
import type { AccessLog } from './access-log.ts'
import type { ExchangeRecord } from './record.ts'
import type { RecordBatches } from './record-batches.ts'
import type { RecordRing } from './ring.ts'

/** Everybody who is told of finished requests, in one list. Nobody of them waits, and what does not fit is dropped and counted. */
export interface Sinks {
  readonly totals: Pick<TotalsCollector, 'edge' | 'touchEdge'>
  readonly accessLog: AccessLog
  readonly batches: RecordBatches
  readonly ring: RecordRing
}

/**
 * Gives a finished record to all and returns one that may be overwritten. `edge` is the one that the request counted in flight on; null:
 * it came to none, and is counted on that of its names.
 */
export function finishRecord(
  sinks: Sinks,
  record: ExchangeRecord,
  edge: EdgeCounters | null,
): ExchangeRecord {
  countRecord(sinks.totals, record, edge)
  sinks.accessLog.write(record)
  sinks.batches.add(record)
  return sinks.ring.keep(record)
}

function countRecord(
  totals: Sinks['totals'],
  record: ExchangeRecord,
  given: EdgeCounters | null,
): void {
  const { reason } = record
  const edge = given ?? totals.edge(record.caller, record.route, record.service)
  edge.statuses[statusClass(record.status)]!++
  edge.requestBytes += record.requestBytes
  edge.responseBytes += record.responseBytes
  if (reason !== '') edge.reasons.set(reason, (edge.reasons.get(reason) ?? 0) + 1)
  countLatency(edge, record.durationMs)
  totals.touchEdge(edge)
}
