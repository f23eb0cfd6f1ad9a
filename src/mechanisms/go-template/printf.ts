import { formatFixed, formatGeneral, quote } from '../go-text/go-text.ts'
import { isList, isMap, isRecord, textOf, typeNameOf, type TemplateValue } from './values.ts'

/** Columns and digits that a verb may ask for. */
const WIDTH_MAX = 1_000
/** Characters of one verb. */
const VERB_LENGTH_MAX = 40
const VERB = /^%([-+# 0]*)(\d+)?(?:\.(\d*))?([a-zA-Z%])/

interface Verb {
  readonly flags: string
  readonly width: number
  /** Undefined: as many digits as it takes. */
  readonly precision: number | undefined
  readonly letter: string
}

/** Go's `fmt.Sprintf` for texts, numbers, booleans, lists and maps. What does not fit is printed as Go prints it: `%!d(string=x)`. */
export function sprintf(format: string, args: readonly TemplateValue[]): string {
  let text = ''
  let used = 0
  for (let at = 0; at < format.length;) {
    const next = format.indexOf('%', at)
    if (next < 0) {
      text += format.slice(at)
      break
    }
    text += format.slice(at, next)
    const match = VERB.exec(format.slice(next, next + VERB_LENGTH_MAX))
    if (match === null) {
      text += '%!(NOVERB)'
      at = next + 1
      continue
    }
    at = next + match[0].length
    const [, flags = '', width = '0', precision, letter = ''] = match
    if (letter === '%') text += '%'
    else if (used >= args.length) text += `%!${letter}(MISSING)`
    else {
      const verb: Verb = {
        flags,
        width: Math.min(Number(width), WIDTH_MAX),
        precision: precision === undefined ? undefined : Math.min(Number(precision), 100),
        letter,
      }
      text += pad(formatOne(args[used++], verb), verb)
    }
  }
  return used < args.length ? `${text}${extraText(args.slice(used))}` : text
}

function extraText(args: readonly TemplateValue[]): string {
  return `%!(EXTRA ${args.map((arg) => `${typeNameOf(arg)}=${textOf(arg)}`).join(', ')})`
}

function formatOne(value: TemplateValue, verb: Verb): string {
  const { letter } = verb
  if (letter === 'v')
    return signed(typeof value === 'number' ? floatText(value, verb) : textOf(value), value, verb)
  if (letter === 'T') return typeNameOf(value)
  if (isList(value)) return `[${value.map((one) => formatOne(one, verb)).join(' ')}]`
  const text =
    typeof value === 'string'
      ? formatString(value, verb)
      : typeof value === 'number'
        ? formatFloat(value, verb)
        : typeof value === 'bigint'
          ? formatInteger(value, verb)
          : typeof value === 'boolean'
            ? letter === 't'
              ? String(value)
              : undefined
            : (isMap(value) || isRecord(value)) && letter === 's'
              ? textOf(value)
              : undefined
  return text ?? `%!${letter}(${typeNameOf(value)}=${textOf(value)})`
}

function formatString(value: string, { letter, precision, flags }: Verb): string | undefined {
  const cut = precision === undefined ? value : Array.from(value).slice(0, precision).join('')
  switch (letter) {
    case 's':
      return cut
    case 'q':
      return flags.includes('#') && !cut.includes('`') ? `\`${cut}\`` : quote(cut)
    case 'x':
    case 'X': {
      const digits = [...new TextEncoder().encode(cut)]
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join('')
      return letter === 'X' ? digits.toUpperCase() : digits
    }
    default:
      return undefined
  }
}

function formatInteger(value: bigint, verb: Verb): string | undefined {
  const bases: Readonly<Record<string, number>> = { d: 10, b: 2, o: 8, x: 16, X: 16 }
  const { letter, precision = 0, flags } = verb
  if (letter === 'c') return String.fromCodePoint(Number(value))
  if (letter === 'q') return `'${String.fromCodePoint(Number(value))}'`
  const base = Object.hasOwn(bases, letter) ? bases[letter] : undefined
  if (base === undefined) return undefined
  const size = (value < 0n ? -value : value).toString(base).padStart(precision, '0')
  const prefix = flags.includes('#') && base === 16 ? '0x' : ''
  const digits = `${prefix}${letter === 'X' ? size.toUpperCase() : size}`
  return signed(value < 0n ? `-${digits}` : digits, value, verb)
}

function formatFloat(value: number, verb: Verb): string | undefined {
  return 'eEfFgG'.includes(verb.letter) ? signed(floatText(value, verb), value, verb) : undefined
}

function signed(text: string, value: TemplateValue, { flags }: Verb): string {
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  if (!isNumber || /^[+-]/.test(text)) return text
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text
}

function floatText(value: number, { letter, precision }: Verb): string {
  if (!Number.isFinite(value)) return formatGeneral(value)
  switch (letter.toLowerCase()) {
    case 'f':
      return fixed(value, precision ?? 6)
    case 'e':
      return exponent(toExponential(value, precision ?? 6), letter)
    default:
      return precision === undefined ? formatGeneral(value) : general(value, precision, letter)
  }
}

/** `toFixed` turns to exponents from 1e21 on; Go does not. */
function fixed(value: number, precision: number): string {
  if (Math.abs(value) < 1e21) return toFixed(value, precision)
  return `${formatFixed(value)}${precision === 0 ? '' : `.${'0'.repeat(precision)}`}`
}

/** `%.4g`: so many significant digits, no zeros at the end, an exponent where it is below -4 or reaches the precision. */
function general(value: number, precision: number, letter: string): string {
  const digits = precision === 0 ? 1 : precision
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const rounded = toExponential(value, digits - 1)
  const power = Number(rounded.split('e')[1])
  if (power < -4 || power >= digits) {
    const [mantissa = '', rest = ''] = rounded.split('e')
    return exponent(`${trimZeros(mantissa)}e${rest}`, letter === 'G' ? 'E' : 'e')
  }
  return trimZeros(toFixed(value, Math.min(100, Math.max(0, digits - 1 - power))))
}

/** JavaScript rounds what lies exactly in the middle up, Go to the even digit: 2.5 is 2 there. */
function toFixed(value: number, digits: number): string {
  const long = value.toFixed(Math.min(100, digits + 60))
  const end = long.indexOf('.') + (digits === 0 ? 0 : digits + 1)
  const isTie = /^\.?50*$/.test(long.slice(end))
  return isTie && isEven(long[end - 1]) ? long.slice(0, end) : value.toFixed(digits)
}

function toExponential(value: number, digits: number): string {
  const [mantissa = '', power = ''] = value.toExponential(100).split('e')
  const sign = mantissa.startsWith('-') ? 1 : 0
  const end = sign + (digits === 0 ? 1 : digits + 2)
  const isTie = /^\.?50*$/.test(mantissa.slice(end))
  return isTie && isEven(mantissa[end - 1])
    ? `${mantissa.slice(0, end)}e${power}`
    : value.toExponential(digits)
}

function isEven(digit: string | undefined): boolean {
  return '02468'.includes(digit ?? '1')
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** At least two digits behind the `e`. */
function exponent(text: string, letter: string): string {
  const [mantissa = '', power = ''] = text.split('e')
  const mark = letter === 'E' ? 'E' : 'e'
  return `${mantissa}${mark}${power[0]}${power.slice(1).padStart(2, '0')}`
}

function pad(text: string, { flags, width }: Verb): string {
  const length = Array.from(text).length
  if (length >= width) return text
  if (flags.includes('-')) return text + ' '.repeat(width - length)
  const isNumber = /^[+-]?\d/.test(text)
  if (!flags.includes('0') || !isNumber) return ' '.repeat(width - length) + text
  const sign = /^[+-]/.test(text) ? text[0] : ''
  return `${sign}${'0'.repeat(width - length)}${text.slice(sign === '' ? 0 : 1)}`
}
