import { OpenChunks } from '../../../mechanisms/gorilla/open-chunks.ts'

/** So many late samples of a series wait in memory before they become a chunk. */
export const LATE_SAMPLES_MAX = 32

/** Samples of one series that came late, sorted by time. */
export class LateSamples {
  readonly times: number[] = []
  readonly high: number[] = []
  readonly low: number[] = []

  get count(): number {
    return this.times.length
  }

  /** False where there is a sample of this time already. */
  add(time: number, high: number, low: number): boolean {
    let at = this.times.length
    while (at > 0 && this.times[at - 1]! > time) at--
    if (this.times[at - 1] === time) return false
    this.times.splice(at, 0, time)
    this.high.splice(at, 0, high)
    this.low.splice(at, 0, low)
    return true
  }

  clear(): void {
    this.times.length = 0
    this.high.length = 0
    this.low.length = 0
  }

  /** Chunks of all samples, none of which reaches over a multiple of `rangeMs`. */
  chunks(rangeMs: number): readonly LateChunk[] {
    const encoder = new OpenChunks()
    const found: LateChunk[] = []
    let slot = encoder.open()
    let end = Number.NEGATIVE_INFINITY
    const close = (): void => {
      if (encoder.count(slot) === 0) return
      found.push({
        minTime: encoder.firstTime(slot),
        maxTime: encoder.lastTime(slot),
        chunk: encoder.chunk(slot),
      })
      slot = encoder.open()
    }
    for (const [at, time] of this.times.entries()) {
      if (time >= end) {
        close()
        end = (Math.floor(time / rangeMs) + 1) * rangeMs
      }
      if (encoder.append(slot, time, this.high[at]!, this.low[at]!)) continue
      close()
      encoder.append(slot, time, this.high[at]!, this.low[at]!)
    }
    close()
    return found
  }
}

/** A chunk of late samples. */
export interface LateChunk {
  readonly minTime: number
  readonly maxTime: number
  readonly chunk: Uint8Array
}
