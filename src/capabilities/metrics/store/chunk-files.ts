import { type FileHandle, open, rm } from 'node:fs/promises'
import type { Clock, Log } from '../../../platform/capability.ts'
import {
  CHUNKS_HEAD,
  encodeChunkFrame,
  type FramedChunk,
  readChunkFrame,
} from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import { type Files, numberedFiles, numberedPath, syncFolder, type WritableFile } from './files.ts'

/** A file that has so many bytes is followed by another one. */
export const CHUNK_FILE_BYTES_MAX = 64 * 1024 * 1024
/** Bytes that gather before they are written. */
const WRITE_BYTES = 512 * 1024
/** Bytes that may wait for the disk: beyond it samples are refused. */
export const CHUNKS_PENDING_BYTES_MAX = 64 * 1024 * 1024
const RETRY_MS = 1_000

/** Number of the file times this, and the place in it. */
const FILE = 2 ** 32

/** Where a closed chunk of the head is. */
export interface ChunkLocation {
  readonly place: number
  /** Bytes of its frame. */
  readonly bytes: number
}

interface Waiting {
  readonly place: number
  readonly frame: Uint8Array
}

/**
 * The closed chunks of the head, in files that only grow: they leave the memory soon after they are full. What still waits for the disk
 * is read from memory. Nothing here is needed after a kill: a checkpoint names only what was synced, and the log has the rest.
 */
export class ChunkFiles {
  readonly #folder: string
  readonly #files: Files
  readonly #clock: Clock
  readonly #log: Log
  readonly #handles = new Map<number, Promise<FileHandle>>()
  #number: number
  #length = 0
  #file: WritableFile | undefined
  /** Frames by their place until they are written; the first `#writingCount` are on their way. */
  readonly #waiting = new Map<number, Uint8Array>()
  #gathered: Waiting[] = []
  #gatheredBytes = 0
  #pendingBytes = 0
  #work = Promise.resolve()
  /** Files are removed when nobody reads who may have begun before. */
  readonly #reading = new Set<Promise<unknown>>()
  #isFailing = false
  #isClosed = false

  constructor(folder: string, number: number, ground: { files: Files; clock: Clock; log: Log }) {
    this.#folder = folder
    this.#number = number
    this.#files = ground.files
    this.#clock = ground.clock
    this.#log = ground.log
    this.#length = CHUNKS_HEAD.length
  }

  /** Bytes that wait for the disk. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  get isFailing(): boolean {
    return this.#isFailing
  }

  /** The file that grows. */
  get number(): number {
    return this.#number
  }

  /** Every chunk that was added until now stands before this place. */
  get nextPlace(): number {
    return this.#number * FILE + this.#length
  }

  /** Adds a chunk. */
  append(encoding: number, chunk: Uint8Array): ChunkLocation {
    const frame = encodeChunkFrame(encoding, chunk)
    if (this.#length + frame.length > CHUNK_FILE_BYTES_MAX) {
      this.#startWrite()
      this.#work = this.#work.then(() => this.#closeFile())
      this.#number++
      this.#length = CHUNKS_HEAD.length
    }
    const place = this.#number * FILE + this.#length
    this.#length += frame.length
    this.#waiting.set(place, frame)
    this.#gathered.push({ place, frame })
    this.#gatheredBytes += frame.length
    this.#pendingBytes += frame.length
    if (this.#gatheredBytes >= WRITE_BYTES) this.#startWrite()
    return { place, bytes: frame.length }
  }

  /** Resolves when all chunks until now are on the disk. */
  async sync(): Promise<void> {
    this.#startWrite()
    this.#work = this.#work.then(() => this.#retried(async () => this.#file?.sync()))
    await this.#work
  }

  /** Many chunks, in their order: neighbours are read in one go. Throws `BlockCorruptError`. */
  readMany(locations: readonly ChunkLocation[]): Promise<readonly FramedChunk[]> {
    const reading = this.#readMany(locations).finally(() => this.#reading.delete(reading))
    this.#reading.add(reading)
    return reading
  }

  async #readMany(locations: readonly ChunkLocation[]): Promise<readonly FramedChunk[]> {
    const found: FramedChunk[] = Array.from({ length: locations.length })
    const missing: number[] = []
    for (const [index, { place }] of locations.entries()) {
      const waiting = this.#waiting.get(place)
      if (waiting === undefined) missing.push(index)
      else found[index] = readChunkFrame(waiting, 0)
    }
    missing.sort((one, other) => locations[one]!.place - locations[other]!.place)
    for (const run of runsOf(missing.map((index) => locations[index]!))) {
      const start = locations[missing[run.from]!]!.place
      const last = locations[missing[run.to - 1]!]!
      const bytes = Buffer.allocUnsafe(last.place + last.bytes - start)
      await this.#readInto(bytes, Math.floor(start / FILE), start % FILE)
      for (let at = run.from; at < run.to; at++) {
        const index = missing[at]!
        found[index] = readChunkFrame(bytes, locations[index]!.place - start)
      }
    }
    return found
  }

  /** Removes the files below a number that are not among `needed`. */
  async keepOnly(needed: ReadonlySet<number>, below: number): Promise<void> {
    for (const number of await numberedFiles(this.#folder)) {
      if (number >= below || needed.has(number)) continue
      await Promise.allSettled(this.#reading)
      const handle = this.#handles.get(number)
      this.#handles.delete(number)
      await (await handle)?.close()
      await rm(numberedPath(this.#folder, number), { force: true })
    }
  }

  async close(): Promise<void> {
    this.#startWrite()
    this.#isClosed = true
    await this.#work
    await this.#file?.close()
    for (const handle of this.#handles.values()) await (await handle).close()
    this.#handles.clear()
  }

  #startWrite(): void {
    if (this.#gathered.length === 0) return
    const frames = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    const number = Math.floor(frames[0]!.place / FILE)
    this.#work = this.#work.then(() => this.#retried(() => this.#write(number, frames)))
  }

  async #write(number: number, frames: readonly Waiting[]): Promise<void> {
    if (this.#file === undefined) {
      this.#file = await this.#files.create(numberedPath(this.#folder, number))
      await this.#file.write([CHUNKS_HEAD], 0)
      await syncFolder(this.#folder)
    }
    const [first] = frames
    await this.#file.write(
      frames.map(({ frame }) => frame),
      first!.place % FILE,
    )
    for (const { place, frame } of frames) {
      this.#waiting.delete(place)
      this.#pendingBytes -= frame.length
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await this.#retried(async () => file?.sync())
    await file?.close()
  }

  /** A disk that fails is tried again until it takes what there is, or everything ends. */
  async #retried(run: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await run()
        this.#isFailing = false
        return
      } catch (error) {
        if (!this.#isFailing) this.#log('error', 'chunks of samples cannot be written', { error })
        this.#isFailing = true
        if (this.#isClosed) return
        await new Promise<void>((resolve) => this.#clock.after(RETRY_MS, resolve))
      }
    }
  }

  async #readInto(bytes: Buffer, number: number, position: number): Promise<void> {
    let opening = this.#handles.get(number)
    if (opening === undefined) {
      opening = open(numberedPath(this.#folder, number), 'r')
      this.#handles.set(number, opening)
      opening.catch(() => this.#handles.delete(number))
    }
    const handle = await opening
    await handle.read(bytes, 0, bytes.length, position)
  }
}

/** Gaps of unwanted bytes up to this are read along. */
const GAP_BYTES_MAX = 16 * 1024
const RUN_BYTES_MAX = 4 * 1024 * 1024

/** Cuts places, which rise, into runs that are read at once. */
function runsOf(
  places: readonly ChunkLocation[],
): readonly { readonly from: number; readonly to: number }[] {
  const runs: { from: number; to: number }[] = []
  for (const [index, { place, bytes }] of places.entries()) {
    const run = runs.at(-1)
    const before = places[index - 1]
    const isNear =
      run !== undefined &&
      before !== undefined &&
      place - before.place - before.bytes <= GAP_BYTES_MAX &&
      place + bytes - places[run.from]!.place <= RUN_BYTES_MAX &&
      Math.floor(place / FILE) === Math.floor(before.place / FILE)
    if (isNear) run.to = index + 1
    else runs.push({ from: index, to: index + 1 })
  }
  return runs
}
