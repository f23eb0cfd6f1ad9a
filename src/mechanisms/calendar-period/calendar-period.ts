const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Number of the hour, day or month (UTC) since the beginning of 1970 in which a moment lies. Unix milliseconds. */
export function periodAt(kind: 'hour' | 'day' | 'month', nowMs: number): number {
  if (kind !== 'month') return Math.floor(nowMs / (kind === 'hour' ? HOUR_MS : DAY_MS))
  const date = new Date(nowMs)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

/** The first moment behind a period. Unix milliseconds. */
export function endOfPeriod(kind: 'hour' | 'day' | 'month', period: number): number {
  if (kind !== 'month') return (period + 1) * (kind === 'hour' ? HOUR_MS : DAY_MS)
  return Date.UTC(1970 + Math.floor((period + 1) / 12), (period + 1) % 12)
}
