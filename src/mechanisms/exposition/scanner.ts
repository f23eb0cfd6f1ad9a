import { ExpositionError } from './exposition-error.ts'

/** Labels of one sample. */
export const LABELS_MAX = 256
/** Bytes of one line. */
export const LINE_BYTES_MAX = 1024 * 1024

const LF = 10
const SPACE = 32
const QUOTE = 34
const COMMA = 44
const EQUALS = 61
const BACKSLASH = 92
const OPEN = 123
const CLOSE = 125

const START = 1
const REST = 2
const COLON = 4

/** What a byte may be in a name. */
const nameBytes = Uint8Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  if (/[a-zA-Z_]/.test(char)) return START | REST
  if (char === ':') return COLON
  return /\d/.test(char) ? REST : 0
})

/** How a format writes the labels of a sample. */
export interface LabelSyntax {
  /** The text format allows spaces between the parts, and a comma behind the last label. */
  readonly isLoose: boolean
}

/**
 * Finds the parts of samples in bytes and keeps only where they are. Names may be quoted, as Prometheus 3 writes those with other
 * characters: `{"my.name", "my.label"="x"}`.
 */
export class SampleScanner {
  readonly bytes: Uint8Array
  readonly #isLoose: boolean
  at: number
  line = 1
  lineStart: number
  nameStart = 0
  nameEnd = 0
  isNameQuoted = false
  labelCount = 0
  /** Four numbers a label: begin and end of its name, begin and end of its value, without quotes. */
  readonly labels = new Int32Array(LABELS_MAX * 4)

  constructor(bytes: Uint8Array, at: number, { isLoose }: LabelSyntax) {
    this.bytes = bytes
    this.at = at
    this.lineStart = at
    this.#isLoose = isLoose
  }

  /** Name and labels from here on. */
  scanSeries(): void {
    this.labelCount = 0
    this.nameStart = this.nameEnd = this.at
    this.isNameQuoted = false
    const byte = this.bytes[this.at]
    if (byte !== OPEN) {
      if (!isNameStart(byte, true)) throw this.unexpected('expected a valid start token')
      this.nameEnd = this.at = this.#nameEnd(this.at, true)
    }
    if (this.#isLoose) this.skipBlanks()
    if (this.bytes[this.at] === OPEN) this.scanLabels(byte === OPEN)
    if (this.nameEnd === this.nameStart) throw this.unexpected('metric name not set')
  }

  /** Labels in braces, from the opening one on. With `mayName` one of them may be the quoted name of the metric. */
  scanLabels(mayName: boolean): void {
    this.at++
    for (;;) {
      if (this.#isLoose) this.skipBlanks()
      if (this.bytes[this.at] === CLOSE) {
        // `{a="1",}` is only allowed in the text format.
        if (this.labelCount > 0 && !this.#isLoose && this.bytes[this.at - 1] === COMMA) {
          throw this.unexpected('expected label name')
        }
        this.at++
        return
      }
      this.#scanLabel(mayName)
      if (this.#isLoose) this.skipBlanks()
      const byte = this.bytes[this.at]
      if (byte === COMMA) this.at++
      else if (byte !== CLOSE) throw this.unexpected('expected comma or brace close')
    }
  }

  skipBlanks(): void {
    while (this.bytes[this.at] === SPACE || this.bytes[this.at] === 9) this.at++
  }

  /** The end of the word that begins here: a space, a tab, or the end of the line. */
  wordEnd(): number {
    let end = this.at
    for (; end < this.bytes.length; end++) {
      const byte = this.bytes[end]!
      if (byte === SPACE || byte === LF || byte === 9) break
    }
    return end
  }

  /** The end of this line: the place of its line feed, or the end of all bytes. */
  lineEnd(): number {
    const found = this.bytes.indexOf(LF, this.at)
    const end = found < 0 ? this.bytes.length : found
    if (end - this.lineStart > LINE_BYTES_MAX) {
      throw this.error(`a line of more than ${LINE_BYTES_MAX} bytes`)
    }
    return end
  }

  /** Goes to the line behind the line feed that stands here. */
  nextLine(): void {
    this.at++
    this.line++
    this.lineStart = this.at
  }

  /** The text of some bytes. */
  text(start: number, end: number): string {
    return decode(this.bytes.subarray(start, end))
  }

  /** Says what stands here in place of what was expected. */
  unexpected(what: string): ExpositionError {
    const end = Math.min(this.lineStart + 200, this.bytes.length, this.at + 1)
    const got = this.at < this.bytes.length ? this.text(this.at, this.at + 1) : 'end of data'
    const line = this.text(this.lineStart, end)
    return this.error(`${what}, got ${JSON.stringify(got)} while parsing: ${JSON.stringify(line)}`)
  }

  error(message: string): ExpositionError {
    return new ExpositionError(message, this.line)
  }

  #scanLabel(mayName: boolean): void {
    const isQuoted = this.bytes[this.at] === QUOTE
    let start = this.at
    let end: number
    if (isQuoted) {
      start++
      this.at = this.#quotedEnd()
      end = this.at - 1
    } else {
      if (!isNameStart(this.bytes[this.at], false)) throw this.unexpected('expected label name')
      this.at = end = this.#nameEnd(this.at, false)
    }
    if (this.#isLoose) this.skipBlanks()
    if (this.bytes[this.at] !== EQUALS) {
      if (!isQuoted || !mayName || this.nameEnd > this.nameStart) {
        throw this.unexpected('expected equal')
      }
      this.nameStart = start
      this.nameEnd = end
      this.isNameQuoted = true
      return
    }
    this.at++
    if (this.#isLoose) this.skipBlanks()
    if (this.bytes[this.at] !== QUOTE) throw this.unexpected('expected label value')
    const valueStart = this.at + 1
    this.at = this.#quotedEnd()
    this.#keep(start, end, valueStart, this.at - 1)
  }

  #keep(start: number, end: number, valueStart: number, valueEnd: number): void {
    if (this.labelCount >= LABELS_MAX) throw this.error(`more than ${LABELS_MAX} labels`)
    const { labels } = this
    for (let label = 0; label < this.labelCount; label++) {
      if (this.#isSame(labels[4 * label]!, labels[4 * label + 1]!, start, end)) {
        throw this.error(`label name "${this.text(start, end)}" is not unique`)
      }
    }
    const to = 4 * this.labelCount++
    labels[to] = start
    labels[to + 1] = end
    labels[to + 2] = valueStart
    labels[to + 3] = valueEnd
  }

  #isSame(oneStart: number, oneEnd: number, start: number, end: number): boolean {
    if (oneEnd - oneStart !== end - start) return false
    for (let index = 0; index < end - start; index++) {
      if (this.bytes[oneStart + index] !== this.bytes[start + index]) return false
    }
    return true
  }

  /** Behind the quote that closes what is opened here. */
  #quotedEnd(): number {
    const { bytes } = this
    for (let at = this.at + 1; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) return at + 1
      else if (byte === LF) break
    }
    throw this.unexpected('expected the end of a quoted text')
  }

  #nameEnd(start: number, mayColon: boolean): number {
    const wanted = mayColon ? REST | COLON : REST
    let end = start
    while ((nameBytes[this.bytes[end] ?? 0]! & wanted) !== 0) end++
    return end
  }
}

function isNameStart(byte: number | undefined, mayColon: boolean): boolean {
  return (nameBytes[byte ?? 0]! & (mayColon ? START | COLON : START)) !== 0
}

/** Throws a TypeError where it is no UTF-8. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
