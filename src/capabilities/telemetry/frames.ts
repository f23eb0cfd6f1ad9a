import { VarintReader, writeVarint } from '../../mechanisms/varint/varint.ts'
import { type Counts, COUNTS_BYTES_MAX, createCounts, readCounts, writeCounts } from './counts.ts'

/** About what a frame takes beside its bytes. */
const FRAME_OVERHEAD_BYTES = 200

/** What happened in one step of time, of all series in which something did. */
interface Frame {
  readonly atMs: number
  readonly bytes: Buffer
}

export interface FrameRingOptions {
  /** How long a frame is kept. */
  readonly keepMs: number
  /** What all frames may take; the oldest goes first. */
  readonly bytesMax: number
}

/** Frames by time, bounded in time and in bytes. A series that is idle costs nothing. */
export class FrameRing {
  readonly #options: FrameRingOptions
  readonly #counts = createCounts()
  #frames: Frame[] = []
  #bytes = 0
  #hasDropped = false

  constructor(options: FrameRingOptions) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  /** At least one frame had to go, by its age or for its bytes. */
  get hasDropped(): boolean {
    return this.#hasDropped
  }

  /** Start of the oldest frame, or Infinity. */
  get oldestMs(): number {
    return this.#frames[0]?.atMs ?? Infinity
  }

  /** Adds a frame of series by number. Its time must not be before that of the last one. */
  push(atMs: number, rows: ReadonlyMap<number, Readonly<Counts>>): void {
    if (rows.size > 0) {
      const bytes = encode(rows)
      this.#frames.push({ atMs, bytes })
      this.#bytes += bytes.length + FRAME_OVERHEAD_BYTES
    }
    let gone = 0
    while (gone < this.#frames.length && this.#mustGo(this.#frames[gone]!, atMs)) {
      this.#bytes -= this.#frames[gone]!.bytes.length + FRAME_OVERHEAD_BYTES
      gone++
    }
    if (gone === 0) return
    this.#frames = this.#frames.slice(gone)
    this.#hasDropped = true
  }

  /** Each row from `fromMs` (inclusive) to `toMs` (exclusive), oldest first. `counts` is valid only during the call. */
  read(
    fromMs: number,
    toMs: number,
    onRow: (atMs: number, series: number, counts: Readonly<Counts>) => void,
  ): void {
    for (const { atMs, bytes } of this.#frames) {
      if (atMs < fromMs || atMs >= toMs) continue
      const reader = new VarintReader(bytes, 0, 'a frame of series')
      while (reader.hasMore) {
        const series = reader.varint()
        readCounts(reader, this.#counts)
        onRow(atMs, series, this.#counts)
      }
    }
  }

  #mustGo(frame: Frame, nowMs: number): boolean {
    return frame.atMs < nowMs - this.#options.keepMs || this.#bytes > this.#options.bytesMax
  }
}

function encode(rows: ReadonlyMap<number, Readonly<Counts>>): Buffer {
  const parts: Buffer[] = []
  const into = Buffer.allocUnsafe(COUNTS_BYTES_MAX + 8)
  for (const [series, counts] of rows) {
    const end = writeCounts(into, writeVarint(into, 0, series), counts)
    parts.push(Buffer.from(into.subarray(0, end)))
  }
  const whole = Buffer.concat(parts)
  // Not a slice of a shared pool: what is counted is what is held.
  const own = Buffer.allocUnsafeSlow(whole.length)
  whole.copy(own)
  return own
}
