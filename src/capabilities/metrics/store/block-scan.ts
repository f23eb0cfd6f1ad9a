import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { BlockCorruptError } from '../../../mechanisms/tsdb-block/bytes.ts'
import { readChunkFrame } from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import {
  checkedSection,
  checkIndexHead,
  PostingsTable,
  readPostings,
  readSeries,
  readToc,
  SymbolTable,
} from '../../../mechanisms/tsdb-block/index-reader.ts'
import { SERIES_ALIGNMENT, TOC_BYTES } from '../../../mechanisms/tsdb-block/index-writer.ts'
import type { TimedChunk } from './decode.ts'

const READ_BYTES = 256 * 1024

/** A series of a block, with its chunks. */
export interface ScannedSeries {
  readonly labels: Labels
  readonly chunks: readonly TimedChunk[]
}

/** Reads a whole block, series by series in the order of labels. For threads that may wait for the disk. */
export class BlockScan implements Disposable {
  readonly #index: Buffer
  readonly #symbols: SymbolTable
  readonly #chunkFiles: readonly WindowedFile[]

  /** Throws `BlockCorruptError`. */
  constructor(path: string) {
    this.#index = readFileSync(join(path, 'index'))
    checkIndexHead(this.#index)
    const { symbols } = readToc(this.#index.subarray(-TOC_BYTES))
    this.#symbols = new SymbolTable(checkedSection(this.#index.subarray(symbols), 'its symbols'))
    this.#chunkFiles = readdirSync(join(path, 'chunks'))
      .filter((name) => /^\d{6}$/.test(name))
      .toSorted((one, other) => Number(one) - Number(other))
      .map((name) => new WindowedFile(join(path, 'chunks', name)))
  }

  /** Every name and value, sorted. */
  *symbols(): Generator<string> {
    for (let id = 0; id < this.#symbols.count; id++) yield this.#symbols.text(id)
  }

  /** Throws `BlockCorruptError`. */
  *series(): Generator<ScannedSeries> {
    const toc = readToc(this.#index.subarray(-TOC_BYTES))
    const body = checkedSection(this.#index.subarray(toc.postingsTable), 'its table of postings')
    const [all] = new PostingsTable(body).values('')
    if (all === undefined) return
    for (const ref of readPostings(this.#index.subarray(all.place))) {
      const entry = readSeries(this.#index, ref * SERIES_ALIGNMENT, (id) => this.#symbols.text(id))
      const chunks = entry.chunks.map((chunk) => {
        const file = this.#chunkFiles[Math.floor(chunk.ref / 2 ** 32)]
        if (file === undefined) throw new BlockCorruptError('a file of chunks is missing')
        return {
          minTime: chunk.minTime,
          maxTime: chunk.maxTime,
          framed: file.chunkAt(chunk.ref % 2 ** 32),
        }
      })
      yield { labels: entry.labels, chunks }
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#chunkFiles) file.close()
  }
}

/** A file that is read by and large from its beginning to its end. */
class WindowedFile {
  readonly #fd: number
  #window = Buffer.alloc(0)
  #start = 0

  constructor(path: string) {
    this.#fd = openSync(path, 'r')
  }

  chunkAt(place: number): TimedChunk['framed'] {
    for (let bytes = READ_BYTES; ; bytes *= 4) {
      const at = place - this.#start
      const isInside = at >= 0 && at < this.#window.length
      if (isInside && this.#window.length - at >= Math.min(bytes, 8_192)) {
        const framed = tryFrame(this.#window, at)
        // What is kept must not keep the window.
        if (framed !== undefined) return { ...framed, chunk: framed.chunk.slice() }
      }
      const read = Buffer.allocUnsafe(bytes)
      const count = readSync(this.#fd, read, 0, bytes, place)
      this.#window = read.subarray(0, count)
      this.#start = place
      const framed = tryFrame(this.#window, 0)
      if (framed !== undefined) return { ...framed, chunk: framed.chunk.slice() }
      if (count < bytes) throw new BlockCorruptError('a chunk')
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** The window may end in the middle of the chunk. */
function tryFrame(window: Buffer, at: number): TimedChunk['framed'] | undefined {
  try {
    return readChunkFrame(window, at)
  } catch (error) {
    if (error instanceof BlockCorruptError) return undefined
    throw error
  }
}
