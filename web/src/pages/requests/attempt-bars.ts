import type { RequestRecord, AttemptRecord } from '../../../../src/contracts/snapshot.ts'

/** One attempt on the time axis of its request; all shares from 0 to 1 of the request's duration. */
export interface AttemptBar {
  readonly start: number
  /** Share until the connection stood; 0 for one that was kept alive. */
  readonly connect: number
  /** Share between connection and response head, or the end of the attempt. */
  readonly wait: number
  /** Share from the response head to the last byte; only of the attempt that answered. */
  readonly body: number
}

/** Places the attempts of a request on its time axis. */
export function barsOf(record: RequestRecord): readonly AttemptBar[] {
  const total = Math.max(record.durationMs, ...record.attempts.map(endOf), 1e-6)
  return record.attempts.map((one, index) => {
    const isLast = index === record.attempts.length - 1
    const end = endOf(one, index, record.attempts)
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

/** When an attempt ended: its response head, or, where there was none, the beginning of the next attempt. */
function endOf(one: AttemptRecord, index: number, attempts: readonly AttemptRecord[]): number {
  const next = attempts[index + 1]
  return Math.max(
    one.startedMs,
    one.connectedMs,
    one.answeredMs,
    one.answeredMs > 0 ? 0 : (next?.startedMs ?? 0),
  )
}
