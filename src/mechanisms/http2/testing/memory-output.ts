import type { Http2Output } from '../output.ts'

/** Collects what a session writes. */
export class MemoryOutput implements Http2Output {
  bytes = Buffer.alloc(1_024)
  end = 0
  isFull = false

  reserve(count: number): void {
    if (this.bytes.length - this.end >= count) return
    const larger = Buffer.alloc((this.end + count) * 2)
    this.bytes.copy(larger, 0, 0, this.end)
    this.bytes = larger
  }

  /** What was written since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.end))
    this.end = 0
    return taken
  }
}
