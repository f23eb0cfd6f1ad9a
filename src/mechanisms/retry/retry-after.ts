/** A callee that asks for more than a day is taken to mean a day. */
export const RETRY_AFTER_MAX_MS = 86_400_000

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const FIXED = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/
const RFC_850 = /^[A-Z][a-z]+day, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/
/** No form of the field is longer. */
const LENGTH_MAX = 40

/**
 * What Retry-After asks for, in milliseconds from `nowMs` (Unix time): RFC 9110 section 10.2.3, a whole number of seconds or a date in any of the three forms of
 * section 5.6.7. -1: the field says nothing that could be understood. A date that has passed is 0; more than a day is a day.
 */
export function parseRetryAfter(value: string, nowMs: number): number {
  const text = value.length > LENGTH_MAX ? '' : value.trim()
  if (/^\d+$/.test(text)) return Math.min(RETRY_AFTER_MAX_MS, Number(text) * 1000)
  const atMs = parseHttpDate(text, nowMs)
  return Number.isNaN(atMs) ? -1 : Math.min(RETRY_AFTER_MAX_MS, Math.max(0, atMs - nowMs))
}

/** What is larger is no number of seconds to wait, but a moment: Unix seconds. */
const EPOCH_SECONDS_MIN = 1_000_000_000

/**
 * What `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers) or `X-RateLimit-Reset` asks for, in milliseconds from `nowMs` (Unix time): seconds until the limit is
 * renewed, or the Unix time of it, as some write it. -1: it says nothing that could be understood. More than a day is a day.
 */
export function parseRateLimitReset(value: string, nowMs: number): number {
  const text = value.length > LENGTH_MAX ? '' : value.trim()
  if (!/^\d+(\.\d+)?$/.test(text)) return -1
  const seconds = Number(text)
  const ms = seconds >= EPOCH_SECONDS_MIN ? seconds * 1000 - nowMs : seconds * 1000
  return Math.min(RETRY_AFTER_MAX_MS, Math.max(0, ms))
}

function parseHttpDate(text: string, nowMs: number): number {
  const fixed = FIXED.exec(text)
  if (fixed !== null) return dateOf(fixed[3]!, fixed[2]!, fixed[1]!, fixed.slice(4))
  const short = RFC_850.exec(text)
  if (short !== null) {
    const [, day = '', month = '', year = ''] = short
    return dateOf(String(wholeYear(Number(year), nowMs)), month, day, short.slice(4))
  }
  const plain = ASCTIME.exec(text)
  if (plain === null) return NaN
  return dateOf(plain[6]!, plain[1]!, plain[2]!.trim(), plain.slice(3, 6))
}

/** Two digits that seem to be more than fifty years ahead are of the last century: RFC 9110 section 5.6.7. */
function wholeYear(year: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const whole = thisYear - (thisYear % 100) + year
  return whole > thisYear + 50 ? whole - 100 : whole
}

function dateOf(year: string, month: string, day: string, time: readonly string[]): number {
  const at = MONTHS.indexOf(month)
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number)
  const isReal = at >= 0 && Number(day) >= 1 && hours < 24 && minutes < 60 && seconds <= 60
  if (!isReal) return NaN
  const days = new Date(Date.UTC(Number(year), at + 1, 0)).getUTCDate()
  if (Number(day) > days) return NaN
  return Date.UTC(Number(year), at, Number(day), hours, minutes, seconds)
}
