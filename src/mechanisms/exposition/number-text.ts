const ZERO = 48
const NINE = 57
const POINT = 46
const PLUS = 43
const MINUS = 45

/** Powers of ten that a double has exactly. */
const powers = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
/** With more digits than these a whole number may not be exact. */
const DIGITS_MAX = 15
/** A number of more characters is none. */
const NUMBER_BYTES_MAX = 512

/**
 * The number in `bytes[start, end)`: decimal, with point and exponent, or infinity or NaN in any case. Undefined where it is none:
 * no hexadecimal, no underscores, no spaces.
 */
export function parseNumber(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  const first = bytes[at]
  const isNegative = first === MINUS
  if (isNegative || first === PLUS) at++
  let digits = 0
  let behindPoint = 0
  let mantissa = 0
  let hasPoint = false
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + byte - ZERO
      digits++
      if (hasPoint) behindPoint++
    } else if (byte === POINT && !hasPoint) hasPoint = true
    else break
  }
  if (at < end || digits === 0 || digits > DIGITS_MAX) return parseSlowly(bytes, start, end)
  // Both are exact, so that one division is rounded correctly.
  const value = behindPoint === 0 ? mantissa : mantissa / powers[behindPoint]!
  return isNegative ? -value : value
}

function parseSlowly(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start > NUMBER_BYTES_MAX) return undefined
  let text = ''
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!)
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return Number(text)
  const [, sign, word] = /^([+-]?)(inf|infinity|nan)$/i.exec(text) ?? []
  if (word === undefined) return undefined
  if (word.toLowerCase() === 'nan') return sign === '' ? Number.NaN : undefined
  return sign === '-' ? -Infinity : Infinity
}

/** A whole number with an optional sign. Undefined where it is none, or too large for a double to have exactly. */
export function parseWhole(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  const isNegative = bytes[at] === MINUS
  if (isNegative || bytes[at] === PLUS) at++
  if (at >= end || end - at > 16) return undefined
  let value = 0
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte < ZERO || byte > NINE) return undefined
    value = value * 10 + byte - ZERO
  }
  if (value > Number.MAX_SAFE_INTEGER) return undefined
  return isNegative ? -value : value
}
