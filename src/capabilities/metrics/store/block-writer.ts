import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { countSamples } from '../../../mechanisms/gorilla/float-chunk.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { CHUNKS_HEAD, encodeChunkFrame } from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import { IndexWriter } from '../../../mechanisms/tsdb-block/index-writer.ts'
import type { BlockMeta } from './block-meta.ts'
import type { TimedChunk } from './decode.ts'

/** A file of chunks that has so many bytes is followed by another one. */
const CHUNK_FILE_BYTES_MAX = 512 * 1024 * 1024
const WRITE_BYTES = 1024 * 1024

/** Gathers what is written to a file. For threads that may wait for the disk. */
class SyncFile {
  readonly #fd: number
  #parts: Uint8Array[] = []
  #gathered = 0
  length = 0

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600)
  }

  write(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#gathered += bytes.length
    this.length += bytes.length
    if (this.#gathered >= WRITE_BYTES) this.#flush()
  }

  close(): void {
    this.#flush()
    fsyncSync(this.#fd)
    closeSync(this.#fd)
  }

  abandon(): void {
    closeSync(this.#fd)
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#parts)
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at)
    this.#parts = []
    this.#gathered = 0
  }
}

/** Writes one block: it is there, whole and on the disk, when `finish` has returned, and not at all before. */
export class BlockWriter {
  readonly #folder: string
  readonly #temporary: string
  readonly #meta: Omit<BlockMeta, 'stats' | 'version'>
  readonly #indexFile: SyncFile
  readonly #index: IndexWriter
  #chunks: SyncFile
  #number = 1
  #samples = 0
  #series = 0
  #chunkCount = 0

  /** `symbols`: every name and value of all series, sorted. */
  constructor(
    folder: string,
    meta: Omit<BlockMeta, 'stats' | 'version'>,
    symbols: readonly string[],
  ) {
    this.#folder = folder
    this.#meta = meta
    this.#temporary = join(folder, `${meta.ulid}.tmp-for-creation`)
    rmSync(this.#temporary, { recursive: true, force: true })
    mkdirSync(join(this.#temporary, 'chunks'), { recursive: true, mode: 0o700 })
    this.#indexFile = new SyncFile(join(this.#temporary, 'index'))
    this.#index = new IndexWriter(symbols, (bytes) => this.#indexFile.write(bytes))
    this.#chunks = this.#openChunks()
  }

  /** Adds a series behind all others in the order of labels; its chunks in the order of time, without overlaps. */
  series(labels: Labels, chunks: readonly TimedChunk[]): void {
    const places = chunks.map(({ minTime, maxTime, framed }) => {
      const frame = encodeChunkFrame(framed.encoding, framed.chunk)
      if (this.#chunks.length + frame.length > CHUNK_FILE_BYTES_MAX) {
        this.#chunks.close()
        this.#number++
        this.#chunks = this.#openChunks()
      }
      const ref = (this.#number - 1) * 2 ** 32 + this.#chunks.length
      this.#chunks.write(frame)
      this.#samples += countSamples(framed.chunk)
      return { minTime, maxTime, ref }
    })
    this.#index.series(labels, places)
    this.#series++
    this.#chunkCount += chunks.length
  }

  /** Makes the block real. Returns its meta; undefined where it has no series: then there is no block. */
  finish(): BlockMeta | undefined {
    if (this.#series === 0) {
      this.abandon()
      return undefined
    }
    this.#index.finish()
    this.#chunks.close()
    this.#indexFile.close()
    const { ulid, ...rest } = this.#meta
    const stats = {
      numSamples: this.#samples,
      numSeries: this.#series,
      numChunks: this.#chunkCount,
    }
    const meta: BlockMeta = { ulid, ...rest, stats, version: 1 }
    const text = `${JSON.stringify(meta, undefined, '\t')}\n`
    writeFileSync(join(this.#temporary, 'meta.json'), text, { mode: 0o600, flush: true })
    syncFolderNow(join(this.#temporary, 'chunks'))
    syncFolderNow(this.#temporary)
    renameSync(this.#temporary, join(this.#folder, ulid))
    syncFolderNow(this.#folder)
    return meta
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#chunks.abandon()
    this.#indexFile.abandon()
    rmSync(this.#temporary, { recursive: true, force: true })
  }

  #openChunks(): SyncFile {
    const name = String(this.#number).padStart(6, '0')
    const file = new SyncFile(join(this.#temporary, 'chunks', name))
    file.write(CHUNKS_HEAD)
    return file
  }
}

function syncFolderNow(folder: string): void {
  const fd = openSync(folder, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
