/** One line of output in the ring. */
export interface RingLine {
  /** Rising by one from 1. */
  readonly seq: number
  readonly atMs: number
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/** The newest lines of one process: bounded in number and size; a slow reader loses lines and is told how many. */
export interface LineRing {
  /** Of the newest line; 0 before the first one. */
  readonly lastSeq: number
  /** Of the oldest line that is kept; `lastSeq + 1` while there is none. */
  readonly firstSeq: number
  /** Lines that were overwritten since the beginning. */
  readonly dropped: number
  /** What is kept, with the overhead of each line. */
  readonly bytes: number
  /** Adds a line and returns its number. Constant time, over all. */
  push(atMs: number, stream: 'stdout' | 'stderr', text: string): number
  /**
   * The lines after `seq`, oldest first: at most `linesMax`, and at most `bytesMax` unless the first line alone is
   * larger (so that a reader always gets on). `dropped`: lines after `seq` that are gone.
   */
  readAfter(seq: number, linesMax: number, bytesMax: number): LineRead
  /** Where to read from to get the last `count` lines. */
  seqBeforeLast(count: number): number
}

export interface LineRead {
  readonly lines: readonly RingLine[]
  readonly dropped: number
  /** To be given to the next `readAfter`. */
  readonly seq: number
}

/** What a line costs beside its characters. */
export const LINE_OVERHEAD_BYTES = 64

/** A ring of at most `linesMax` lines and `bytesMax` bytes, a character counted as one byte; the newest line always stays. */
export function createLineRing(options: {
  readonly linesMax: number
  readonly bytesMax: number
}): LineRing {
  const { linesMax, bytesMax } = options
  const slots: (RingLine | undefined)[] = []
  let firstSeq = 1
  let lastSeq = 0
  let bytes = 0

  function dropFirst(): void {
    const slot = (firstSeq - 1) % linesMax
    bytes -= costOf(slots[slot]!.text)
    slots[slot] = undefined
    firstSeq++
  }

  return {
    get lastSeq() {
      return lastSeq
    },
    get firstSeq() {
      return firstSeq
    },
    get dropped() {
      return firstSeq - 1
    },
    get bytes() {
      return bytes
    },
    push(atMs, stream, text) {
      if (lastSeq - firstSeq + 1 === linesMax) dropFirst()
      lastSeq++
      slots[(lastSeq - 1) % linesMax] = { seq: lastSeq, atMs, stream, text }
      bytes += costOf(text)
      while (bytes > bytesMax && firstSeq < lastSeq) dropFirst()
      return lastSeq
    },
    readAfter(seq, readLinesMax, readBytesMax) {
      const from = Math.max(seq + 1, firstSeq)
      const lines: RingLine[] = []
      let readBytes = 0
      for (let at = from; at <= lastSeq && lines.length < readLinesMax; at++) {
        const line = slots[(at - 1) % linesMax]!
        readBytes += costOf(line.text)
        if (readBytes > readBytesMax && lines.length > 0) break
        lines.push(line)
      }
      return {
        lines,
        dropped: Math.max(0, from - seq - 1),
        seq: Math.max(seq, from - 1) + lines.length,
      }
    },
    seqBeforeLast: (count) => Math.max(firstSeq - 1, lastSeq - count),
  }
}

function costOf(text: string): number {
  return text.length + LINE_OVERHEAD_BYTES
}
