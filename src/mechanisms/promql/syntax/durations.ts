const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const weekMs = 7 * dayMs
const yearMs = 365 * dayMs

/** The longest duration: what nanoseconds in 64 bits can say. */
export const durationSecondsMax = 2 ** 63 / 1e9

const pattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
const unitsMs = [yearMs, weekMs, dayMs, hourMs, minuteMs, secondMs, 1]

/** Milliseconds of a duration such as `1h30m`, or what is wrong with it, in Prometheus' words. */
export function parseDuration(text: string): number | string {
  if (text === '0') return 0
  if (text === '') return 'empty duration string'
  const match = pattern.exec(text)
  if (match === null) return `not a valid duration string: "${text}"`
  let ms = 0
  for (const [index, unitMs] of unitsMs.entries()) ms += Number(match[index + 1] ?? 0) * unitMs
  return ms / secondMs > durationSecondsMax ? 'duration out of range' : ms
}

/** The shortest text of a duration that Prometheus would write: years and weeks only where nothing is left. */
export function formatDuration(ms: number): string {
  let left = Math.trunc(ms)
  if (left === 0) return '0s'
  let text = ''
  if (left % yearMs === 0) {
    text += `${left / yearMs}y`
    left = 0
  }
  if (left > 0 && left % weekMs === 0) {
    text += `${left / weekMs}w`
    left = 0
  }
  const parts = [
    ['d', dayMs],
    ['h', hourMs],
    ['m', minuteMs],
    ['s', secondMs],
    ['ms', 1],
  ] as const
  for (const [unit, unitMs] of parts) {
    const count = Math.floor(left / unitMs)
    if (count > 0) text += `${count}${unit}`
    left -= Math.max(0, count) * unitMs
  }
  return text
}

/** Whole milliseconds of seconds, as nanoseconds would give them: rounded there, cut here. */
export function secondsToMs(seconds: number): number {
  return Math.trunc(Math.round(seconds * 1e9) / 1e6)
}
