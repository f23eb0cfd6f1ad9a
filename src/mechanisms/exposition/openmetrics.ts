import { Family, suffixes, type Suffix } from './families.ts'
import { parseNumber } from './number-text.ts'
import {
  TIME_MS_MAX,
  type Entry,
  type Exemplar,
  type ExpositionReader,
  type MetricType,
} from './reader.ts'
import { SampleScanner } from './scanner.ts'
import { scannedPairs, unescaped } from './series-text.ts'

const LF = 10
const SPACE = 32
const QUOTE = 34
const HASH = 35
const OPEN = 123

/** Characters of all names and values of an exemplar's labels together. */
export const EXEMPLAR_CHARACTERS_MAX = 128
/** Families of one exposition. */
export const FAMILIES_MAX = 200_000

const END: Entry = { kind: 'end' }
const SAMPLE: Entry = { kind: 'sample' }
const types = new Set(Object.keys(suffixes))

/**
 * OpenMetrics 1.0, as strict as the standard wants it: its own cases of what must be refused are refused. Families, their types and
 * suffixes, the order of samples, and what histograms must fulfil are checked while it reads.
 */
export class OpenMetricsReader implements ExpositionReader {
  readonly #scanner: SampleScanner
  readonly #names = new Set<string>()
  #family: Family | undefined
  /** The name of the last sample, as text, with its suffix in the family: most samples follow one of the same name. */
  #lastName = ''
  #lastSuffix: Suffix = ''
  seriesStart = 0
  seriesEnd = 0
  value = 0
  timeMs = Number.NaN
  exemplar: Exemplar | undefined

  constructor(bytes: Uint8Array) {
    this.#scanner = new SampleScanner(bytes, 0, { isLoose: false })
  }

  next(): Entry {
    const scanner = this.#scanner
    if (scanner.at >= scanner.bytes.length) throw scanner.error('data does not end with # EOF')
    scanner.lineEnd()
    if (scanner.bytes[scanner.at] === HASH) return this.#readComment()
    this.#readSample()
    return SAMPLE
  }

  #readSample(): void {
    const scanner = this.#scanner
    this.seriesStart = scanner.at
    scanner.scanSeries()
    this.seriesEnd = scanner.at
    this.value = this.#readNumber('expected value after metric')
    this.timeMs = Number.NaN
    if (this.#isBefore(SPACE) && scanner.bytes[scanner.at + 1] !== HASH) {
      this.timeMs = this.#readTime('expected timestamp or # symbol')
    }
    this.#checkSample(this.#isBefore(SPACE))
    this.exemplar = this.#isBefore(SPACE) ? this.#readExemplar() : undefined
    if (!this.#isBefore(LF)) throw scanner.unexpected('expected next entry after the sample')
    scanner.nextLine()
  }

  /** One space and a number. */
  #readNumber(what: string): number {
    const scanner = this.#scanner
    if (!this.#isBefore(SPACE)) throw scanner.unexpected(what)
    scanner.at++
    const end = scanner.wordEnd()
    const value = parseNumber(scanner.bytes, scanner.at, end)
    if (value === undefined) throw scanner.unexpected(what)
    scanner.at = end
    return value
  }

  /** Seconds, with a fraction. */
  #readTime(what: string): number {
    const timeMs = Math.round(this.#readNumber(what) * 1_000)
    if (!Number.isFinite(timeMs)) throw this.#scanner.error('invalid timestamp')
    return Math.abs(timeMs) > TIME_MS_MAX ? Math.sign(timeMs) * TIME_MS_MAX : timeMs
  }

  /** ` # {labels} value [time]`. The place of the sample's own labels is used again. */
  #readExemplar(): Exemplar {
    const scanner = this.#scanner
    const { bytes, at } = scanner
    if (bytes[at + 1] !== HASH || bytes[at + 2] !== SPACE || bytes[at + 3] !== OPEN) {
      throw scanner.unexpected('expected exemplar')
    }
    scanner.at += 3
    scanner.labelCount = 0
    scanner.scanLabels(false)
    const labels = scannedPairs(scanner)
    const value = this.#readNumber('expected value after exemplar labels')
    const timeMs = this.#isBefore(SPACE)
      ? this.#readTime('expected timestamp after exemplar value')
      : undefined
    if (characterCount(labels) > EXEMPLAR_CHARACTERS_MAX) {
      throw scanner.error(
        `exemplar labels have more than ${EXEMPLAR_CHARACTERS_MAX} characters together`,
      )
    }
    return { labels, value, timeMs }
  }

  #isBefore(byte: number): boolean {
    return this.#scanner.bytes[this.#scanner.at] === byte
  }

  #checkSample(hasExemplar: boolean): void {
    const scanner = this.#scanner
    const name = this.#sampleName()
    const family = this.#familyOf(name)
    const suffix = this.#lastSuffix
    const { type } = family
    const isBounded =
      suffix === '_bucket' ? 'le' : type === 'summary' && suffix === '' ? 'quantile' : undefined
    const own = isBounded ?? (type === 'stateset' ? family.name : undefined)
    const labels = this.#hashLabels(own)
    const problem = family.take({
      suffix,
      group: type === 'info' ? 0 : labels.hash,
      value: this.value,
      time: this.timeMs,
      bound: isBounded === undefined ? undefined : labels.own,
      hasState: labels.own !== undefined,
      hasExemplar,
    })
    if (problem !== undefined) throw scanner.error(problem)
  }

  #sampleName(): string {
    const scanner = this.#scanner
    const { bytes, nameStart, nameEnd } = scanner
    const last = this.#lastName
    if (last.length === nameEnd - nameStart) {
      let index = 0
      while (index < last.length && last.charCodeAt(index) === bytes[nameStart + index]) index++
      if (index === last.length) return last
    }
    return unescaped(scanner, nameStart, nameEnd)
  }

  /** The family that a sample belongs to: the one whose metadata came last, or one of its own. */
  #familyOf(name: string): Family {
    const family = this.#family
    if (family !== undefined && name === this.#lastName && family.hasSamples) return family
    this.#lastName = name
    if (family !== undefined && name.startsWith(family.name)) {
      const suffix = suffixes[family.type].find((one) => family.name + one === name)
      if (suffix !== undefined) {
        this.#lastSuffix = suffix
        return family
      }
    }
    this.#lastSuffix = ''
    return this.#beginFamily(name)
  }

  #beginFamily(name: string): Family {
    this.#endFamily()
    if (this.#names.has(name)) throw this.#scanner.error(`clashing metric name ${name}`)
    if (this.#names.size > FAMILIES_MAX) {
      throw this.#scanner.error(`more than ${FAMILIES_MAX} names of metrics`)
    }
    this.#family = new Family(name)
    return this.#family
  }

  #endFamily(): void {
    const family = this.#family
    const problem = family?.finish()
    if (problem !== undefined) throw this.#scanner.error(problem)
    for (const name of family?.names() ?? []) this.#names.add(name)
  }

  /** `# HELP name text`, `# TYPE name type`, `# UNIT name unit`, `# EOF`. */
  #readComment(): Entry {
    const scanner = this.#scanner
    const end = scanner.lineEnd()
    const head = scanner.text(scanner.at, Math.min(scanner.at + 7, end))
    if (head === '# EOF') return this.#readEnd(end)
    const word = /^# (HELP|TYPE|UNIT) $/.exec(head)?.[1]
    if (word === undefined) throw scanner.unexpected('expected a valid start token')
    scanner.at += head.length
    const isQuoted = scanner.bytes[scanner.at] === QUOTE
    const start = isQuoted ? scanner.at + 1 : scanner.at
    const nameEnd = isQuoted ? scanner.bytes.indexOf(QUOTE, start) : scanner.wordEnd()
    scanner.at = isQuoted ? nameEnd + 1 : nameEnd
    if (nameEnd <= start || scanner.at >= end || scanner.bytes[scanner.at] !== SPACE) {
      throw scanner.unexpected(`expected metric name after ${word}`)
    }
    const name = unescaped(scanner, start, nameEnd)
    const text = unescaped(scanner, scanner.at + 1, end)
    const entry = this.#takeMetadata(word as 'HELP' | 'TYPE' | 'UNIT', name, text)
    scanner.at = end
    if (end < scanner.bytes.length) scanner.nextLine()
    return entry
  }

  #readEnd(end: number): Entry {
    const scanner = this.#scanner
    if (end < scanner.bytes.length - 1) throw scanner.error('unexpected data after # EOF')
    this.#endFamily()
    this.#family = undefined
    scanner.at = scanner.bytes.length
    return END
  }

  #takeMetadata(word: 'HELP' | 'TYPE' | 'UNIT', name: string, text: string): Entry {
    const scanner = this.#scanner
    const current = this.#family
    const family = current?.name === name ? current : this.#beginFamily(name)
    if (family.hasSamples) throw scanner.error(`metadata of ${name} behind its samples`)
    this.#lastName = ''
    let entry: Entry
    let isRepeated: boolean
    if (word === 'HELP') {
      isRepeated = family.hasHelp
      family.hasHelp = true
      entry = { kind: 'help', name, text }
    } else if (word === 'UNIT') {
      isRepeated = family.unit !== undefined
      family.unit = text
      entry = { kind: 'unit', name, text }
    } else {
      isRepeated = family.hasType
      family.type = this.#typeOf(text)
      family.hasType = true
      const taken = family.names().find((one) => this.#names.has(one))
      if (taken !== undefined) throw scanner.error(`clashing metric name ${taken}`)
      entry = { kind: 'type', name, type: family.type }
    }
    if (isRepeated) throw scanner.error(`a second ${word} of ${name}`)
    const problem = family.checkMetadata()
    if (problem !== undefined) throw scanner.error(problem)
    return entry
  }

  #typeOf(text: string): MetricType {
    if (!types.has(text)) throw this.#scanner.error(`invalid metric type ${JSON.stringify(text)}`)
    return text as MetricType
  }

  /** A number for all labels in whatever order, but for one, whose value is told. */
  #hashLabels(own: string | undefined): {
    readonly hash: number
    readonly own: string | undefined
  } {
    const { bytes, labels, labelCount } = this.#scanner
    let one = 0
    let other = 0
    let found: string | undefined
    for (let label = 0; label < labelCount; label++) {
      const start = labels[4 * label]!
      const end = labels[4 * label + 3]!
      const nameEnd = labels[4 * label + 1]!
      if (own?.length === nameEnd - start && this.#scanner.text(start, nameEnd) === own) {
        found = unescaped(this.#scanner, labels[4 * label + 2]!, end)
        continue
      }
      let first = 0x811c9dc5
      let second = 0x1b873593
      for (let at = start; at < end; at++) {
        first = Math.imul(first ^ bytes[at]!, 0x01000193)
        second = Math.imul(second ^ bytes[at]!, 0x5bd1e995)
      }
      one = (one + (first ^ (first >>> 15))) | 0
      other = (other + (second ^ (second >>> 13))) | 0
    }
    return { hash: (one >>> 0) * 2 ** 20 + ((other >>> 0) % 2 ** 20), own: found }
  }
}

function characterCount(labels: readonly (readonly [name: string, value: string])[]): number {
  let count = 0
  for (const pair of labels) {
    for (const text of pair) count += text.replaceAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, '.').length
  }
  return count
}
