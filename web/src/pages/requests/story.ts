import type { RequestRecord, TryRecord } from '../../../../src/platform/snapshot/messages.ts'

/** One try on the time axis of its request; all shares from 0 to 1 of the request's duration. */
export interface TryBar {
  readonly start: number
  /** Share until the connection stood; 0 for one that was kept alive. */
  readonly connect: number
  /** Share between connection and response head, or the end of the try. */
  readonly wait: number
  /** Share from the response head to the last byte; only of the try that answered. */
  readonly body: number
}

/** Places the tries of a request on its time axis. */
export function barsOf(record: RequestRecord): readonly TryBar[] {
  const total = Math.max(record.durationMs, ...record.tries.map(endOf), 1e-6)
  return record.tries.map((one, index) => {
    const isLast = index === record.tries.length - 1
    const end = endOf(one, index, record.tries)
    const connected = Math.min(Math.max(one.connectedMs, one.startedMs), end)
    const hasBody = isLast && one.outcome === 'answered'
    return {
      start: one.startedMs / total,
      connect: (connected - one.startedMs) / total,
      wait: (end - connected) / total,
      body: hasBody ? Math.max(0, total - end) / total : 0,
    }
  })
}

/** When a try ended: its response head, or, where there was none, the beginning of the next try. */
function endOf(one: TryRecord, index: number, tries: readonly TryRecord[]): number {
  const next = tries[index + 1]
  return Math.max(
    one.startedMs,
    one.connectedMs,
    one.answeredMs,
    one.answeredMs > 0 ? 0 : (next?.startedMs ?? 0),
  )
}
