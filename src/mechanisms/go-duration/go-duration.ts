/** Nanoseconds of each unit of Go's durations. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1_000],
  ['\u00b5s', 1_000],
  ['\u03bcs', 1_000],
  ['ms', 1_000_000],
  ['s', 1_000_000_000],
  ['m', 60_000_000_000],
  ['h', 3_600_000_000_000],
])

/** What an int64 of nanoseconds can hold: 292 years. */
const NS_MAX = 2 ** 63
const TEXT_LENGTH_MAX = 64

/**
 * `1h30m`, `-1.5s`, `0`: nanoseconds of a duration as Go's `time.ParseDuration` reads it, undefined for what it refuses. Exact up to
 * 2^53 nanoseconds, 104 days.
 */
export function parseGoDuration(text: string): number | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined
  const isNegative = text.startsWith('-')
  const plain = /^[+-]/.test(text) ? text.slice(1) : text
  if (plain === '0') return 0
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/u.test(plain)) return undefined
  let ns = 0
  for (const [, count, unit] of plain.matchAll(/([\d.]+)([a-z\u00b5\u03bc]+)/gu)) {
    ns += Math.trunc(Number(count) * (UNITS.get(unit ?? '') ?? Number.NaN))
  }
  if (!Number.isFinite(ns) || ns >= NS_MAX) return undefined
  return isNegative ? -ns : ns
}

/** A duration as Go's `String` writes it: `15s`, `1m30s`, `24h0m0s`, `1.5ms`. */
export function formatGoDuration(ns: number): string {
  if (ns === 0) return '0s'
  if (ns < 0) return `-${formatGoDuration(-ns)}`
  if (ns < 1_000) return `${ns}ns`
  if (ns < 1_000_000) return `${fraction(ns, 1_000, 3)}\u00b5s`
  if (ns < 1_000_000_000) return `${fraction(ns, 1_000_000, 6)}ms`
  const minutes = Math.floor(ns / 60_000_000_000)
  const seconds = `${fraction(ns - minutes * 60_000_000_000, 1_000_000_000, 9)}s`
  if (minutes === 0) return seconds
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`
}

function fraction(ns: number, unit: number, digits: number): string {
  const rest = String(ns % unit)
    .padStart(digits, '0')
    .replace(/0+$/, '')
  const whole = String(Math.floor(ns / unit))
  return rest === '' ? whole : `${whole}.${rest}`
}
