import { parseNumber, parseWhole } from './number-text.ts'
import {
  TIME_MS_MAX,
  type Entry,
  type Exemplar,
  type ExpositionReader,
  type MetricType,
} from './reader.ts'
import { SampleScanner } from './scanner.ts'
import { unescaped } from './series-text.ts'

const LF = 10
const CR = 13
const HASH = 35
const QUOTE = 34

const END: Entry = { kind: 'end' }
const SAMPLE: Entry = { kind: 'sample' }

const types = new Map<string, MetricType>([
  ['counter', 'counter'],
  ['gauge', 'gauge'],
  ['histogram', 'histogram'],
  ['summary', 'summary'],
  ['untyped', 'unknown'],
  ['unknown', 'unknown'],
])

/** Prometheus' text format 0.0.4, as loose as Prometheus itself reads it. */
export class TextReader implements ExpositionReader {
  readonly #scanner: SampleScanner
  seriesStart = 0
  seriesEnd = 0
  value = 0
  timeMs = Number.NaN
  readonly exemplar: Exemplar | undefined = undefined

  constructor(bytes: Uint8Array) {
    this.#scanner = new SampleScanner(bytes, 0, { isLoose: true })
  }

  next(): Entry {
    const scanner = this.#scanner
    for (;;) {
      scanner.skipBlanks()
      const byte = scanner.bytes[scanner.at]
      if (byte === undefined) return END
      if (byte === LF) {
        scanner.nextLine()
        continue
      }
      if (byte === CR && scanner.bytes[scanner.at + 1] === LF) {
        scanner.at++
        continue
      }
      if (byte !== HASH) {
        this.#readSample()
        return SAMPLE
      }
      const entry = this.#readComment()
      if (entry !== undefined) return entry
    }
  }

  #readSample(): void {
    const scanner = this.#scanner
    scanner.lineEnd()
    this.seriesStart = scanner.at
    scanner.scanSeries()
    this.seriesEnd = scanner.at
    // A name and its value must have a space between them; behind a brace none is needed.
    scanner.skipBlanks()
    const end = scanner.wordEnd()
    const value = parseNumber(scanner.bytes, scanner.at, withoutReturn(scanner.bytes, end))
    if (value === undefined) throw scanner.unexpected('expected value after metric')
    this.value = value
    scanner.at = end
    scanner.skipBlanks()
    this.timeMs = Number.NaN
    if (this.#isLineEnd()) return
    this.#readTime()
    scanner.skipBlanks()
    if (!this.#isLineEnd()) throw scanner.unexpected('expected next entry after timestamp')
  }

  #readTime(): void {
    const scanner = this.#scanner
    const end = scanner.wordEnd()
    const time = parseWhole(scanner.bytes, scanner.at, withoutReturn(scanner.bytes, end))
    if (time === undefined || Math.abs(time) > TIME_MS_MAX) {
      throw scanner.unexpected('expected timestamp or new record')
    }
    this.timeMs = time
    scanner.at = end
  }

  #isLineEnd(): boolean {
    const { bytes, at } = this.#scanner
    if (bytes[at] === CR && bytes[at + 1] === LF) this.#scanner.at++
    return at >= bytes.length || bytes[this.#scanner.at] === LF
  }

  /** `# HELP name text`, `# TYPE name type`; any other comment means nothing. */
  #readComment(): Entry | undefined {
    const scanner = this.#scanner
    const end = scanner.lineEnd()
    scanner.at++
    scanner.skipBlanks()
    const wordEnd = Math.min(scanner.wordEnd(), end)
    const word = scanner.text(scanner.at, wordEnd)
    scanner.at = wordEnd
    let entry: Entry | undefined
    if (word === 'HELP' || word === 'TYPE') entry = this.#readMetadata(word, end)
    scanner.at = end
    return entry
  }

  #readMetadata(word: 'HELP' | 'TYPE', end: number): Entry {
    const scanner = this.#scanner
    scanner.skipBlanks()
    const isQuoted = scanner.bytes[scanner.at] === QUOTE
    const start = isQuoted ? scanner.at + 1 : scanner.at
    const nameEnd = isQuoted
      ? scanner.bytes.indexOf(QUOTE, start)
      : Math.min(scanner.wordEnd(), end)
    if (nameEnd <= start || nameEnd > end) {
      throw scanner.unexpected(`expected metric name after ${word}`)
    }
    const name = unescaped(scanner, start, nameEnd)
    scanner.at = isQuoted ? nameEnd + 1 : nameEnd
    scanner.skipBlanks()
    const text = scanner.text(Math.min(scanner.at, end), withoutReturn(scanner.bytes, end))
    if (word === 'HELP') return { kind: 'help', name, text: unescapedHelp(text) }
    const type = types.get(text.trim())
    if (type === undefined) throw scanner.error(`invalid metric type ${JSON.stringify(text)}`)
    return { kind: 'type', name, type }
  }
}

/** A quote in a help text is no escape. */
function unescapedHelp(text: string): string {
  return text.replaceAll(/\\[\\n]/g, (escape) => (escape === '\\n' ? '\n' : '\\'))
}

function withoutReturn(bytes: Uint8Array, end: number): number {
  return bytes[end - 1] === CR ? end - 1 : end
}
