/** Texts as Go writes them, so that answers and errors are Prometheus' to the letter. */

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u
const named: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
])

/** Go's `%q` of a string. */
export function quote(text: string): string {
  return `"${escape(text, '"')}"`
}

/** Go's `%q` of a character. */
export function quoteCharacter(character: string): string {
  return `'${escape(character, "'")}'`
}

/** Go's `%f`-like shortest text without exponent (`strconv.FormatFloat(value, 'f', -1, 64)`). */
export function formatFixed(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  const text = Object.is(value, -0) ? '-0' : String(value)
  const at = text.indexOf('e')
  if (at < 0) return text
  const sign = text.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = text.slice(sign.length, at).split('.')
  const exponent = Number(text.slice(at + 1))
  const digits = whole + fraction
  const point = whole.length + exponent
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return `${sign}${digits.padEnd(point, '0')}`
}

/** Go's `%g` and `%v` of a float: the shortest text, with an exponent below 1e-4 and from 1e6. */
export function formatGeneral(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return formatFixed(value)
  const exponent = Number(value.toExponential().split('e')[1])
  return exponent < -4 || exponent >= 6 ? formatExponent(value) : formatFixed(value)
}

/** A sample's value in an answer: without exponent, unless it is below 1e-6 or from 1e21. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-6 || size >= 1e21) ? formatExponent(value) : formatFixed(value)
}

function formatExponent(value: number): string {
  const [digits = '', exponent = ''] = value.toExponential().split('e')
  const sign = exponent.startsWith('-') ? '-' : '+'
  return `${digits}e${sign}${exponent.slice(1).padStart(2, '0')}`
}

function formatSpecial(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? '+Inf' : '-Inf'
}

function escape(text: string, mark: string): string {
  let escaped = ''
  for (const character of text) escaped += escapeCharacter(character, mark)
  return escaped
}

function escapeCharacter(character: string, mark: string): string {
  if (character === mark || character === '\\') return `\\${character}`
  if (printable.test(character)) return character
  const short = named.get(character)
  if (short !== undefined) return short
  const point = character.codePointAt(0) ?? 0
  // A byte that is no UTF-8, as strings of queries keep it.
  if (point >= 0xdc80 && point <= 0xdcff) return `\\x${(point - 0xdc00).toString(16)}`
  if (point < 0x80) return `\\x${point.toString(16).padStart(2, '0')}`
  if (point < 0x10000) return `\\u${point.toString(16).padStart(4, '0')}`
  return `\\U${point.toString(16).padStart(8, '0')}`
}
