import { open, rm, stat } from 'node:fs/promises'
import { readFrames } from '../store/frames.ts'
import { numberedFiles, numberedPath, removeNumbered } from '../store/files.ts'
import { openWal, type Wal, type WalGround } from '../store/wal.ts'

/** Length and checksum in front of a record. */
const FRAME_HEAD = 8

/** A place in the queue: the next record is here, or later. */
export interface QueuePlace {
  readonly segment: number
  readonly offset: number
}

/** Records from a place on, and the place behind them. */
export interface QueueRead {
  readonly records: readonly Buffer[]
  /** Behind each of the records. */
  readonly places: readonly QueuePlace[]
  readonly next: QueuePlace
}

/** Requests on the disk that wait to be sent, for all targets; each target knows its own place. */
export class HandOverQueue {
  readonly #folder: string
  readonly #wal: Wal
  /** Segments that were dropped because the queue was full. */
  droppedSegments = 0

  constructor(folder: string, wal: Wal) {
    this.#folder = folder
    this.#wal = wal
  }

  /** Opens the queue: what was written before a kill is there. */
  static async open(folder: string, ground: WalGround): Promise<HandOverQueue> {
    const numbers = await numberedFiles(folder)
    const { wal } = await openWal(folder, (numbers.at(-1) ?? 0) + 1, ground, () => {})
    return new HandOverQueue(folder, wal)
  }

  append(record: Uint8Array): void {
    this.#wal.append(record)
  }

  /** Resolves when all that was appended survives a kill. Rejects with `WalWriteError`. */
  flush(): Promise<void> {
    return this.#wal.flush()
  }

  /** Where a target begins that is new: behind everything that is there, in a segment of its own. */
  async end(): Promise<QueuePlace> {
    await this.#wal.flush()
    return { segment: this.#wal.rotate(), offset: 0 }
  }

  /** Forgets everything: nobody is handed anything any more. */
  async clear(): Promise<void> {
    const { segment } = await this.end()
    await removeNumbered(this.#folder, segment)
  }

  /** Records from a place on, at least one where there is any, about `bytesMax` bytes at most. */
  async read(from: QueuePlace, bytesMax: number): Promise<QueueRead> {
    const numbers = (await numberedFiles(this.#folder)).filter((one) => one >= from.segment)
    for (const number of numbers) {
      const offset = number === from.segment ? from.offset : 0
      const records: Buffer[] = []
      const places: QueuePlace[] = []
      let at = offset
      const bytes = await readPart(numberedPath(this.#folder, number), offset, bytesMax)
      readFrames(bytes, (record) => {
        at += FRAME_HEAD + record.length
        records.push(record)
        places.push({ segment: number, offset: at })
      })
      if (records.length > 0) return { records, places, next: { segment: number, offset: at } }
      // Nothing whole is behind this place: where there is a later segment, nothing will come here any more.
    }
    const last = numbers.at(-1)
    const isSame = last === undefined || last === from.segment
    return { records: [], places: [], next: isSame ? from : { segment: last, offset: 0 } }
  }

  /** Removes what every target has, and the oldest of the rest while there are more than `bytesMax`. Returns the first segment that is left. */
  async tidy(needed: number, bytesMax: number): Promise<number> {
    await removeNumbered(this.#folder, needed)
    const numbers = await numberedFiles(this.#folder)
    const sizes = await Promise.all(
      numbers.map(async (number) => (await stat(numberedPath(this.#folder, number))).size),
    )
    let total = sizes.reduce((sum, size) => sum + size, 0)
    let first = numbers[0] ?? needed
    // The last one is being written.
    for (let at = 0; at < numbers.length - 1 && total > bytesMax; at++) {
      await rm(numberedPath(this.#folder, numbers[at]!), { force: true })
      total -= sizes[at]!
      first = numbers[at + 1]!
      this.droppedSegments++
    }
    return first
  }

  close(): Promise<void> {
    return this.#wal.close()
  }
}

/** A part of a file; a first record that is longer is read as a whole. */
async function readPart(path: string, offset: number, bytesMax: number): Promise<Buffer> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (handle === undefined) return Buffer.alloc(0)
  try {
    const { size } = await handle.stat()
    if (size <= offset + FRAME_HEAD) return Buffer.alloc(0)
    const head = Buffer.alloc(FRAME_HEAD)
    await handle.read(head, 0, FRAME_HEAD, offset)
    const first = FRAME_HEAD + head.readUInt32LE(0)
    const wanted = Math.min(size - offset, Math.max(bytesMax, first))
    const bytes = Buffer.alloc(wanted)
    const { bytesRead } = await handle.read(bytes, 0, wanted, offset)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
