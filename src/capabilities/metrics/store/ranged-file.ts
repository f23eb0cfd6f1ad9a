import { type FileHandle, open } from 'node:fs/promises'

/** A part of a file. */
export interface Range {
  readonly at: number
  readonly bytes: number
}

/** Unwanted bytes between two parts up to this are read along. */
const GAP_BYTES_MAX = 16 * 1024
const RUN_BYTES_MAX = 4 * 1024 * 1024

/** A file of which parts are read, without keeping any thread waiting. */
export class RangedFile {
  readonly #handle: FileHandle
  readonly size: number

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  /** So many bytes from a place on; fewer at the end of the file. */
  async read(at: number, bytes: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(bytes, this.size - at))
    const buffer = Buffer.allocUnsafeSlow(wanted)
    let done = 0
    while (done < wanted) {
      const { bytesRead } = await this.#handle.read(buffer, done, wanted - done, at + done)
      if (bytesRead === 0) return buffer.subarray(0, done)
      done += bytesRead
    }
    return buffer
  }

  /** Many parts, handed on by their index: neighbours are read in one go. `slack` bytes more are read behind each run. */
  async readMany(
    ranges: readonly Range[],
    onPart: (index: number, run: Buffer, at: number) => void,
    slack = 0,
  ): Promise<void> {
    const order = Array.from(ranges.keys()).sort(
      (one, other) => ranges[one]!.at - ranges[other]!.at,
    )
    let begin = 0
    while (begin < order.length) {
      const start = ranges[order[begin]!]!.at
      let end = start
      let next = begin
      while (next < order.length) {
        const { at, bytes } = ranges[order[next]!]!
        if (next > begin && (at - end > GAP_BYTES_MAX || at + bytes - start > RUN_BYTES_MAX)) break
        end = Math.max(end, at + bytes)
        next++
      }
      const run = await this.read(start, end - start + slack)
      for (let index = begin; index < next; index++) {
        onPart(order[index]!, run, ranges[order[index]!]!.at - start)
      }
      begin = next
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** Opens a file for reading. */
export async function openRanged(path: string): Promise<RangedFile> {
  const handle = await open(path, 'r')
  return new RangedFile(handle, (await handle.stat()).size)
}
