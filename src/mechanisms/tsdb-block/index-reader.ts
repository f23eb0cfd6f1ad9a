import { Labels } from '../labels/labels.ts'
import { BlockCorruptError, ByteReader } from './bytes.ts'
import { crc32c } from './crc32c.ts'
import { type ChunkPlace, INDEX_MAGIC, INDEX_VERSION, TOC_BYTES } from './index-writer.ts'

/** Where the parts of an index are, in bytes from its beginning. */
export interface IndexToc {
  readonly symbols: number
  readonly series: number
  readonly postingsTable: number
}

/** Checks the first bytes of an index. Throws `BlockCorruptError`. */
export function checkIndexHead(head: Uint8Array): void {
  const reader = new ByteReader(head)
  if (reader.uint32() !== INDEX_MAGIC) throw new BlockCorruptError('its index has no magic')
  const version = reader.byte()
  if (version !== INDEX_VERSION) {
    throw new BlockCorruptError(`its index has version ${version}, only ${INDEX_VERSION} is known`)
  }
}

/** Reads the last `TOC_BYTES` of an index. Throws `BlockCorruptError`. */
export function readToc(tail: Uint8Array): IndexToc {
  const reader = new ByteReader(tail)
  const places = Array.from({ length: 6 }, () => reader.uint64())
  if (reader.uint32() !== crc32c(tail, 0, TOC_BYTES - 4)) {
    throw new BlockCorruptError('the table of contents of its index')
  }
  return { symbols: places[0]!, series: places[1]!, postingsTable: places[5]! }
}

/** The inside of a section that begins with its length and ends with its checksum. Throws `BlockCorruptError`. */
export function checkedSection(section: Uint8Array, what: string): Uint8Array {
  const length = new ByteReader(section).uint32()
  const reader = new ByteReader(section, 4)
  const body = reader.view(length)
  if (reader.uint32() !== crc32c(body)) throw new BlockCorruptError(what)
  return body
}

/** The texts of an index by their numbers: kept as bytes, decoded when they are asked for. */
export class SymbolTable {
  readonly #bytes: Uint8Array
  readonly #places: Uint32Array
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  /** `body`: the inside of the section. */
  constructor(body: Uint8Array) {
    const reader = new ByteReader(body)
    const count = reader.uint32()
    if (count > body.length) throw new BlockCorruptError('the number of its symbols')
    this.#bytes = body
    this.#places = new Uint32Array(count)
    for (let id = 0; id < count; id++) {
      this.#places[id] = reader.at
      reader.view(reader.uvarint())
    }
  }

  get count(): number {
    return this.#places.length
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes.length + this.#places.length * 4
  }

  text(id: number): string {
    const place = this.#places[id]
    if (place === undefined) throw new BlockCorruptError(`there is no symbol ${id}`)
    const reader = new ByteReader(this.#bytes, place)
    return this.#decoder.decode(reader.view(reader.uvarint()))
  }
}

/** Where the values of one name begin in the table of postings, and how many there are. */
interface NameEntry {
  readonly at: number
  readonly count: number
}

/** Which series have which value of a label: the table is kept as bytes, names as a map. */
export class PostingsTable {
  readonly #body: Uint8Array
  readonly #names = new Map<string, NameEntry>()

  /** `body`: the inside of the section. */
  constructor(body: Uint8Array) {
    this.#body = body
    const reader = new ByteReader(body)
    const count = reader.uint32()
    let name: string | undefined
    let raw: Uint8Array | undefined
    for (let index = 0; index < count; index++) {
      const at = reader.at
      reader.byte()
      const nameBytes = reader.view(reader.uvarint())
      if (raw === undefined || !isEqual(raw, nameBytes)) {
        raw = nameBytes
        name = textOf(nameBytes)
        this.#names.set(name, { at, count: 0 })
      }
      const entry = this.#names.get(name!)!
      this.#names.set(name!, { at: entry.at, count: entry.count + 1 })
      reader.view(reader.uvarint())
      reader.uvarint()
    }
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#body.length + this.#names.size * 100
  }

  /** Names of labels, sorted. */
  names(): readonly string[] {
    return [...this.#names.keys()].filter((name) => name !== '')
  }

  /** Each value of a name, sorted, with the place of its list. The name '' with the value '' is that of all series. */
  *values(name: string): Generator<{ readonly value: string; readonly place: number }> {
    const entry = this.#names.get(name)
    if (entry === undefined) return
    const reader = new ByteReader(this.#body, entry.at)
    for (let index = 0; index < entry.count; index++) {
      reader.byte()
      reader.view(reader.uvarint())
      const value = textOf(reader.view(reader.uvarint()))
      yield { value, place: reader.uvarint() }
    }
  }
}

/** A list of postings, from its section: numbers of series, rising. Throws `BlockCorruptError`. */
export function readPostings(section: Uint8Array): Uint32Array {
  const body = checkedSection(section, 'a list of postings')
  const reader = new ByteReader(body)
  const count = reader.uint32()
  if (body.length !== 4 + 4 * count) throw new BlockCorruptError('the length of a list of postings')
  const refs = new Uint32Array(count)
  for (let index = 0; index < count; index++) refs[index] = reader.uint32()
  return refs
}

/** A series as its entry tells it. */
export interface SeriesEntry {
  readonly labels: Labels
  readonly chunks: readonly ChunkPlace[]
  /** Behind the entry. */
  readonly end: number
}

/** Reads the entry at a place of some bytes of the index; `names` makes one array of equal names. Throws `BlockCorruptError`. */
export function readSeries(
  bytes: Uint8Array,
  at: number,
  text: (id: number) => string,
  shareNames: (names: readonly string[]) => readonly string[] = (names) => names,
): SeriesEntry {
  const head = new ByteReader(bytes, at)
  const length = head.uvarint()
  const start = head.at
  const body = head.view(length)
  if (head.uint32() !== crc32c(body)) throw new BlockCorruptError(`the series at ${at}`)
  const reader = new ByteReader(bytes, start)
  const labelCount = reader.uvarint()
  const names: string[] = []
  const values: string[] = []
  for (let label = 0; label < labelCount; label++) {
    names.push(text(reader.uvarint()))
    values.push(text(reader.uvarint()))
  }
  return { labels: new Labels(shareNames(names), values), chunks: readChunks(reader), end: head.at }
}

function readChunks(reader: ByteReader): readonly ChunkPlace[] {
  const count = reader.uvarint()
  const chunks: ChunkPlace[] = []
  let before: ChunkPlace | undefined
  for (let index = 0; index < count; index++) {
    const minTime = before === undefined ? reader.varint() : before.maxTime + reader.uvarint()
    const maxTime = minTime + reader.uvarint()
    const ref = before === undefined ? reader.uvarint() : before.ref + reader.varint()
    before = { minTime, maxTime, ref }
    chunks.push(before)
  }
  return chunks
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
