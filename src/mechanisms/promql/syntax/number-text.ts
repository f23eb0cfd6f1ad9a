import { quote } from '../../go-text/go-text.ts'

/** Where a number or duration ends, and which of them it is. */
export interface ScannedNumber {
  readonly kind: 'number' | 'duration' | 'bad'
  readonly end: number
}

/**
 * Reads what begins with a digit, or with a point and a digit. What it accepts may still be no number (`parseNumber`); where it
 * gives up, `end` is how far Prometheus would have read, since its error shows that.
 */
export function scanNumberOrDuration(text: string, start: number): ScannedNumber {
  const { end, isNumber } = scanNumber(text, start)
  if (isNumber) return { kind: 'number', end }
  return scanDuration(text, end)
}

/** The value of a number as it is written: decimal, `0x`, octal, with `_` between digits; or what is wrong with it. */
export function parseNumber(text: string): number | string {
  const plain = text.replaceAll('_', '')
  const lower = plain.toLowerCase()
  if (lower === 'inf') return Infinity
  if (lower === 'nan') return NaN
  if (/^0x[0-9a-f]+$/.test(lower)) {
    const value = Number(lower)
    return value < 2 ** 63 ? value : invalid(text)
  }
  if (/^0[0-7]+$/.test(lower)) return Number.parseInt(lower, 8)
  const value = Number(lower)
  if (!/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(lower)) return invalid(text)
  if (Number.isFinite(value)) return value
  return `strconv.ParseFloat: parsing ${quote(text)}: value out of range`
}

function invalid(text: string): string {
  return `strconv.ParseFloat: parsing ${quote(text)}: invalid syntax`
}

interface Scan {
  readonly end: number
  readonly isNumber: boolean
}

/** Digits, one point, one exponent, single underscores between digits; nothing of a word behind it. */
function scanNumber(text: string, start: number): Scan {
  const isHex = /^0[xX]/.test(text.slice(start, start + 2))
  const digit = isHex ? /[0-9a-fA-F]/ : /[0-9]/
  let at = isHex ? start + 2 : start
  let hasPoint = false
  let hasExponent = false
  const is = (set: RegExp, index: number) => set.test(text[index] ?? '')
  if (isHex && text[at] === '_') at++
  for (;;) {
    if (is(digit, at)) at++
    else if (text[at] === '.') {
      if (hasPoint || isHex) return { end: at + 1, isNumber: false }
      hasPoint = true
      at++
      if (is(/[_.]/, at)) return { end: at + 1, isNumber: false }
    } else if (!isHex && is(/[eE]/, at)) {
      if (hasExponent) return { end: at + 1, isNumber: false }
      hasExponent = true
      at++
      if (is(/[+-]/, at)) at++
      if (at >= text.length) return { end: at, isNumber: false }
      if (is(/[._eE]/, at)) return { end: at + 1, isNumber: false }
    } else if (text[at] === '_') {
      at++
      if (at >= text.length) return { end: at, isNumber: false }
      if (is(/[._eE]/, at)) return { end: at + 1, isNumber: false }
    } else break
  }
  return { end: at, isNumber: !is(/[A-Za-z0-9_]/, at) }
}

const durationRest = /^[smhdwy]s?(?:\d+[smhdw]s?)*/

function scanDuration(text: string, start: number): ScannedNumber {
  const found = durationRest.exec(text.slice(start))?.[0] ?? ''
  if (found === '') return { kind: 'bad', end: start }
  const end = start + found.length
  const digits = /^\d+/.exec(text.slice(end))?.[0].length ?? 0
  if (digits > 0) return { kind: 'bad', end: end + digits }
  return /[A-Za-z_]/.test(text[end] ?? '')
    ? { kind: 'bad', end: end + 1 }
    : { kind: 'duration', end }
}
