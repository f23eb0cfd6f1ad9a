/** Nobody is believed who says to stay away for longer. */
const RETRY_AFTER_MS_MAX = 7 * 86_400_000

/** When it may be asked again, Unix milliseconds, by a Retry-After of seconds or of a date (RFC 9110 section 10.2.3); 0 where it says nothing. */
export function retryAtMs(value: string, nowMs: number): number {
  const text = value.trim()
  if (text === '') return 0
  const isDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)
  if (!isDate && !/^\d{1,9}$/.test(text)) return 0
  const waitMs = isDate ? Date.parse(text) - nowMs : Number(text) * 1_000
  if (!Number.isFinite(waitMs)) return 0
  return nowMs + Math.min(Math.max(waitMs, 0), RETRY_AFTER_MS_MAX)
}
