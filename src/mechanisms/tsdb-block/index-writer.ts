import { compareText, type Labels } from '../labels/labels.ts'
import { ByteWriter } from './bytes.ts'
import { crc32c } from './crc32c.ts'

/** First bytes of an index, and the version of its format. */
export const INDEX_MAGIC = 0xbaaad700
export const INDEX_VERSION = 2
/** Series begin at multiples of this: their number is their place divided by it. */
export const SERIES_ALIGNMENT = 16
/** Six places and a checksum at the end of the file. */
export const TOC_BYTES = 6 * 8 + 4

/** Where a chunk is, and what it spans. */
export interface ChunkPlace {
  readonly minTime: number
  readonly maxTime: number
  /** Number of the file of chunks times 2^32, and the place in it. */
  readonly ref: number
}

/**
 * Writes the index of a block as Prometheus does (tsdb/docs/format/index.md, version 2): so that its tools read our blocks, and we read its.
 * Bytes are handed to `write` in the order of the file.
 */
export class IndexWriter {
  readonly #write: (bytes: Uint8Array) => void
  readonly #out = new ByteWriter()
  readonly #body = new ByteWriter()
  readonly #symbols = new Map<string, number>()
  readonly #postings = new Map<string, Map<string, number[]>>()
  readonly #all: number[] = []
  #position = 0
  #seriesStart = 0

  /** `symbols`: every name and value of all series, sorted, each once. */
  constructor(symbols: readonly string[], write: (bytes: Uint8Array) => void) {
    this.#write = write
    this.#out.uint32(INDEX_MAGIC)
    this.#out.byte(INDEX_VERSION)
    this.#flush()
    this.#section((out) => {
      out.uint32(symbols.length)
      for (const [id, symbol] of symbols.entries()) {
        this.#symbols.set(symbol, id)
        out.text(symbol)
      }
    })
    this.#pad()
    this.#seriesStart = this.#position
  }

  /** Adds a series behind all others in the order of labels; its chunks in the order of time. */
  series({ names, values }: Labels, chunks: readonly ChunkPlace[]): void {
    this.#pad()
    const ref = this.#position / SERIES_ALIGNMENT
    const body = this.#body
    body.clear()
    body.uvarint(names.length)
    for (const [at, name] of names.entries()) {
      body.uvarint(this.#symbolOf(name))
      body.uvarint(this.#symbolOf(values[at]!))
      this.#post(name, values[at]!, ref)
    }
    this.#all.push(ref)
    putChunks(body, chunks)
    this.#out.uvarint(body.length)
    this.#out.bytes(body.view())
    this.#out.uint32(crc32c(body.view()))
    this.#flush()
  }

  /** Writes what finds series. The file is complete afterwards. */
  finish(): void {
    const labelIndices = this.#position
    const table = new ByteWriter()
    let count = 0
    const put = (name: string, value: string, refs: readonly number[]): void => {
      count++
      table.byte(2)
      table.text(name)
      table.text(value)
      table.uvarint(this.#putPostings(refs))
    }
    put('', '', this.#all)
    for (const name of [...this.#postings.keys()].toSorted(compareText)) {
      const values = this.#postings.get(name)!
      for (const value of [...values.keys()].toSorted(compareText)) {
        put(name, value, values.get(value)!)
      }
    }
    const labelTable = this.#position
    this.#section((out) => out.uint32(0))
    const postingsTable = this.#position
    this.#section((out) => {
      out.uint32(count)
      out.bytes(table.view())
    })
    // Nobody reads the label indices any more: there are none, and their place is where postings begin.
    const places = [
      INDEX_HEAD_BYTES,
      this.#seriesStart,
      labelIndices,
      labelTable,
      labelIndices,
      postingsTable,
    ]
    for (const place of places) this.#out.uint64(place)
    this.#out.uint32(crc32c(this.#out.view()))
    this.#flush()
  }

  #putPostings(refs: readonly number[]): number {
    // Each list begins at a multiple of four.
    while (this.#position % 4 !== 0) {
      this.#out.byte(0)
      this.#flush()
    }
    const place = this.#position
    this.#section((out) => {
      out.uint32(refs.length)
      for (const ref of refs) out.uint32(ref)
    })
    return place
  }

  /** A length, what `fill` writes, and its checksum. */
  #section(fill: (out: ByteWriter) => void): void {
    const body = new ByteWriter()
    fill(body)
    this.#out.uint32(body.length)
    this.#out.bytes(body.view())
    this.#out.uint32(crc32c(body.view()))
    this.#flush()
  }

  #pad(): void {
    while ((this.#position + this.#out.length) % SERIES_ALIGNMENT !== 0) this.#out.byte(0)
    this.#flush()
  }

  #flush(): void {
    this.#position += this.#out.length
    this.#write(this.#out.view().slice())
    this.#out.clear()
  }

  #symbolOf(text: string): number {
    const id = this.#symbols.get(text)
    if (id === undefined) throw new TypeError(`the symbol ${text} was not announced`)
    return id
  }

  #post(name: string, value: string, ref: number): void {
    let values = this.#postings.get(name)
    if (values === undefined) this.#postings.set(name, (values = new Map()))
    const refs = values.get(value)
    if (refs === undefined) values.set(value, [ref])
    else refs.push(ref)
  }
}

/** Magic and version. */
export const INDEX_HEAD_BYTES = 5

/** Each chunk in differences to the one before. */
function putChunks(out: ByteWriter, chunks: readonly ChunkPlace[]): void {
  out.uvarint(chunks.length)
  let before: ChunkPlace | undefined
  for (const chunk of chunks) {
    if (before === undefined) out.varint(chunk.minTime)
    else out.uvarint(chunk.minTime - before.maxTime)
    out.uvarint(chunk.maxTime - chunk.minTime)
    if (before === undefined) out.uvarint(chunk.ref)
    else out.varint(chunk.ref - before.ref)
    before = chunk
  }
}
