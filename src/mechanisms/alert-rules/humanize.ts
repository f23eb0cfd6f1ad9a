import { sprintf } from '../go-template/printf.ts'

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']
const LARGE_BINARY = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi']
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y']

/** `1234567` is `1.235M` (Prometheus' `humanize`). */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return fourDigits(value)
  if (Math.abs(value) >= 1) return scaleDown(value, 1_000, LARGE)
  const { scaled, prefix } = scaleUp(value)
  return `${fourDigits(scaled)}${prefix}`
}

/** `1048576` is `1Mi`. */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return fourDigits(value)
  return scaleDown(value, 1_024, LARGE_BINARY)
}

/** Seconds as `1d 2h 3m 4s`, or with four digits below a minute. */
export function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return fourDigits(seconds)
  if (seconds === 0) return '0s'
  const size = Math.abs(seconds)
  if (size < 1) {
    const { scaled, prefix } = scaleUp(seconds)
    return `${fourDigits(scaled)}${prefix}s`
  }
  const sign = seconds < 0 ? '-' : ''
  const whole = Math.trunc(size)
  const [second, minute, hour] = [
    whole % 60,
    Math.trunc(whole / 60) % 60,
    Math.trunc(whole / 3_600) % 24,
  ]
  const day = Math.trunc(whole / 86_400)
  if (day > 0) return `${sign}${day}d ${hour}h ${minute}m ${second}s`
  if (hour > 0) return `${sign}${hour}h ${minute}m ${second}s`
  if (minute > 0) return `${sign}${minute}m ${second}s`
  return `${sign}${fourDigits(size)}s`
}

/** `0.1234567` is `12.35%`. */
export function humanizePercentage(ratio: number): string {
  return `${fourDigits(ratio * 100)}%`
}

/** Seconds since 1970 as Go prints a time in UTC: `2015-04-30 14:13:37.123 +0000 UTC`. */
export function humanizeTimestamp(seconds: number): string {
  if (!Number.isFinite(seconds)) return fourDigits(seconds)
  const whole = Math.floor(seconds)
  const date = new Date(whole * 1_000)
  if (Number.isNaN(date.getTime())) return fourDigits(seconds)
  const nanos = String(Math.round((seconds - whole) * 1e9))
    .padStart(9, '0')
    .replace(/0+$/, '')
  const [day = '', clock = ''] = date.toISOString().split('T')
  return `${day} ${clock.slice(0, 8)}${nanos === '' ? '' : `.${nanos}`} +0000 UTC`
}

function fourDigits(value: number): string {
  return sprintf('%.4g', [value])
}

function scaleDown(value: number, base: number, prefixes: readonly string[]): string {
  let scaled = value
  let prefix = ''
  for (const next of prefixes) {
    if (Math.abs(scaled) < base) break
    prefix = next
    scaled /= base
  }
  return `${fourDigits(scaled)}${prefix}`
}

function scaleUp(value: number): { readonly scaled: number; readonly prefix: string } {
  let scaled = value
  let prefix = ''
  for (const next of SMALL) {
    if (Math.abs(scaled) >= 1) break
    prefix = next
    scaled *= 1_000
  }
  return { scaled, prefix }
}
