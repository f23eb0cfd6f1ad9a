/** Where a string ends, quotes included, or what is wrong with it. */
export interface CheckedString {
  readonly end: number
  readonly problem?: string
}

const simple: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
])

/** Finds the end of the string that begins at `start` with its quote, and checks its escapes, which are Go's. */
export function checkString(text: string, start: number): CheckedString {
  const mark = text[start] ?? ''
  if (mark === '`') return checkRaw(text, start)
  let at = start + 1
  for (;;) {
    const character = text[at]
    if (character === undefined || character === '\n') {
      return { end: at, problem: 'unterminated quoted string' }
    }
    if (character === '\ufffd') return { end: at, problem: 'invalid UTF-8 rune' }
    at++
    if (character === mark) return { end: at }
    if (character !== '\\') continue
    const escape = readEscape(text, at, mark)
    if (escape.problem !== undefined) return { end: at, problem: escape.problem }
    at = escape.end
  }
}

/**
 * The text that a checked string, quotes included, stands for. A byte that is no UTF-8 becomes half of a pair alone (0xDC00 and its
 * value), so that it is told from everything that a text may be.
 */
export function unquote(quoted: string): string {
  const mark = quoted[0] ?? ''
  const inner = quoted.slice(1, -1)
  if (mark === '`' || !inner.includes('\\')) return inner
  let text = ''
  let bytes: number[] = []
  const flush = () => {
    text += decode(bytes)
    bytes = []
  }
  for (let at = 0; at < inner.length;) {
    if (inner[at] !== '\\') {
      flush()
      text += inner[at++]
      continue
    }
    const escape = readEscape(inner, at + 1, mark)
    at = escape.end
    if (escape.byte !== undefined) bytes.push(escape.byte)
    else {
      flush()
      text += escape.text
    }
  }
  flush()
  return text
}

function decode(bytes: readonly number[]): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = lengthOf(bytes[at] ?? 0)
    const decoded = decodeOne(bytes.slice(at, at + length))
    text += decoded ?? String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
    at += decoded === undefined ? 1 : length
  }
  return text
}

function decodeOne(bytes: readonly number[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes))
  } catch {
    return undefined
  }
}

function lengthOf(first: number): number {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}

function checkRaw(text: string, start: number): CheckedString {
  const end = text.indexOf('`', start + 1)
  return end < 0 ? { end: text.length, problem: 'unterminated raw string' } : { end: end + 1 }
}

interface Escape {
  readonly end: number
  readonly text: string
  /** A byte by its number: some of them make a character together. */
  readonly byte?: number
  readonly problem?: string
}

/** Reads what stands behind a backslash. */
function readEscape(text: string, at: number, mark: string): Escape {
  const character = text[at]
  if (character === undefined) return failed('escape sequence not terminated')
  const known = character === mark ? mark : simple.get(character)
  if (known !== undefined) return { end: at + 1, text: known }
  if (/[0-7]/.test(character)) return readDigits(text, at, { count: 3, base: 8, max: 255 })
  if (character === 'x') return readDigits(text, at + 1, { count: 2, base: 16, max: 255 })
  if (character === 'u') return readDigits(text, at + 1, { count: 4, base: 16, max: 0x10ffff })
  if (character === 'U') return readDigits(text, at + 1, { count: 8, base: 16, max: 0x10ffff })
  return failed(`unknown escape sequence ${nameCharacter(character)}`)
}

interface Digits {
  readonly count: number
  readonly base: number
  readonly max: number
}

function readDigits(text: string, start: number, { count, base, max }: Digits): Escape {
  let value = 0
  for (let at = start; at < start + count; at++) {
    const character = text[at]
    if (character === undefined) return failed('escape sequence not terminated')
    const digit = /[0-9a-fA-F]/.test(character) ? Number.parseInt(character, 16) : 16
    if (digit >= base) {
      return failed(`illegal character ${nameCharacter(character)} in escape sequence`)
    }
    value = value * base + digit
  }
  if (value > max || (value >= 0xd800 && value < 0xe000)) {
    return failed('escape sequence is an invalid Unicode code point')
  }
  const end = start + count
  return max === 255 ? { end, text: '', byte: value } : { end, text: String.fromCodePoint(value) }
}

function failed(problem: string): Escape {
  return { end: 0, text: '', problem }
}

/** Go's `%#U`. */
function nameCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')} '${character}'`
}
