import { createLineRing } from '../../mechanisms/line-ring/line-ring.ts'
import type { OutputLine } from '../../contracts/supervisor.ts'

/** Kept of the output of one process; older lines are dropped and counted. */
export const OUTPUT_LINES_MAX = 10_000
export const OUTPUT_BYTES_MAX = 1024 * 1024
/** A longer line is cut here and ends with `…`. */
export const LINE_BYTES_MAX = 16 * 1024

/** The newest output of one process id, over all of its lives. */
export interface ProcessOutput {
  /** Of the newest line; 0 before the first one. */
  readonly linesLast: number
  readonly linesDropped: number
  /** What is kept, with the overhead of each line. */
  readonly bytes: number
  push(stream: OutputLine['stream'], text: string, atMs: number): void
  /** Lines after `seq`, oldest first, within the bounds; and how many after `seq` are gone. */
  readAfter(
    seq: number,
    linesMax: number,
    charactersMax: number,
  ): { readonly lines: readonly OutputLine[]; readonly dropped: number }
  /** The texts of the last lines, oldest first. */
  lastTexts(count: number): readonly string[]
}

/** Makes the output of a process, empty. */
export function createProcessOutput(process: string): ProcessOutput {
  const ring = createLineRing({ linesMax: OUTPUT_LINES_MAX, bytesMax: OUTPUT_BYTES_MAX })
  return {
    get linesLast() {
      return ring.lastSeq
    },
    get linesDropped() {
      return ring.dropped
    },
    get bytes() {
      return ring.bytes
    },
    push: (stream, text, atMs) => void ring.push(atMs, stream, text),
    readAfter(seq, linesMax, charactersMax) {
      const { lines, dropped } = ring.readAfter(seq, linesMax, charactersMax)
      return {
        lines: lines.map(({ seq: number, atMs, stream, text }) => ({
          seq: number,
          atMs,
          process,
          stream,
          text,
        })),
        dropped,
      }
    },
    lastTexts: (count) =>
      ring
        .readAfter(ring.seqBeforeLast(count), count, OUTPUT_BYTES_MAX)
        .lines.map((line) => line.text),
  }
}
