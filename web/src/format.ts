/** Numbers as people read them: few digits, a fixed unit, the same width as long as possible. Pure. */

/** `0`, `0.4`, `12.3`, `140`, `1.2k`. Negative or broken numbers read as `0`. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value) || value <= 0) return '0'
  if (value < 0.05) return '<0.1'
  if (value < 99.95) return trimZero(value.toFixed(1))
  if (value < 999.5) return value.toFixed(0)
  if (value < 999_500) return `${trimZero((value / 1000).toFixed(value < 9_950 ? 1 : 0))}k`
  return `${trimZero((value / 1_000_000).toFixed(1))}M`
}

/** `12.3/s`. */
export function formatRate(perSecond: number): string {
  return `${formatCount(perSecond)}/s`
}

/** A share from 0 to 1 as `0 %`, `0.4 %`, `12 %`. Anything above zero never reads as `0 %`. */
export function formatShare(ratio: number): string {
  if (!Number.isFinite(ratio) || ratio <= 0) return '0 %'
  const percent = ratio * 100
  if (percent < 0.05) return '<0.1 %'
  if (percent < 9.95) return `${trimZero(percent.toFixed(1))} %`
  return `${percent.toFixed(0)} %`
}

/** Milliseconds as `0.8 ms`, `23 ms`, `1.4 s`, `12 s`. */
export function formatLatency(ms: number): string {
  if (!Number.isFinite(ms) || ms <= 0) return '0 ms'
  if (ms < 0.1) return '<0.1 ms'
  if (ms < 9.95) return `${trimZero(ms.toFixed(1))} ms`
  if (ms < 999.5) return `${ms.toFixed(0)} ms`
  if (ms < 9_950) return `${trimZero((ms / 1000).toFixed(1))} s`
  return formatDuration(ms)
}

/** Milliseconds as an age or an uptime: `4 s`, `12 min`, `3 h 20 min`, `5 d 2 h`. */
export function formatDuration(ms: number): string {
  const seconds = Number.isFinite(ms) ? Math.max(0, Math.floor(ms / 1000)) : 0
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24)
    return hours < 10 && minutes % 60 > 0 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  const days = Math.floor(hours / 24)
  return hours % 24 > 0 && days < 10 ? `${days} d ${hours % 24} h` : `${days} d`
}

/** A configured duration: `2s` becomes `2 s`, 10000 becomes `10 s`, 500 becomes `500 ms`. */
export function formatSetting(value: unknown): string {
  if (typeof value === 'string') return value.replace(/^([\d.]+)([a-z]+)$/, '$1 $2')
  if (typeof value !== 'number') return ''
  if (value < 1000 || value % 100 !== 0) return `${value} ms`
  return value < 60_000 ? `${value / 1000} s` : formatDuration(value)
}

/** `96 MiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes <= 0) return '0 B'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10)))
  const value = bytes / 1024 ** power
  return `${value < 9.95 && power > 0 ? trimZero(value.toFixed(1)) : value.toFixed(0)} ${units[power]}`
}

/** Local wall-clock time `12:03:04`. */
export function formatTime(unixMs: number): string {
  const date = new Date(unixMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':')
}

/** Local day `2026-11-29`. */
export function formatDay(unixMs: number): string {
  const date = new Date(unixMs)
  return [
    String(date.getFullYear()),
    twoDigits(date.getMonth() + 1),
    twoDigits(date.getDate()),
  ].join('-')
}

/** `1 instance`, `2 instances`. */
export function formatNoun(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

function trimZero(text: string): string {
  return text.endsWith('.0') ? text.slice(0, -2) : text
}
