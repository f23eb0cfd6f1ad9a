import { OUTPUT_BYTES_MAX, type ProcessOutput } from './process-output.ts'
import type { FromSupervisor, OutputLine } from '../../contracts/supervisor.ts'

type OutputMessage = Extract<FromSupervisor, { type: 'output' }>

/** Follows the output of some processes with at most one unacknowledged batch; a slow reader loses lines, which are counted. */
export interface OutputFollower {
  /** The next batch, when one may be sent and there is something to send. */
  next(): OutputMessage | null
  seen(): void
  follows(process: string): boolean
}

/** Bounds of one batch: the IPC channel writes it whole. */
export const BATCH_LINES_MAX = 1_000
export const BATCH_CHARACTERS_MAX = 256 * 1024

/** A line, and which of the followed outputs it is from: one that has ended may have the id of one that runs. */
interface Found {
  readonly key: string
  readonly line: OutputLine
}

/**
 * Begins with the last `tail` lines of all followed processes together. The first batch is sent even if it is empty. A key is the id
 * of a process, or what `outputOf` knows besides.
 */
export function createOutputFollower(
  subscription: number,
  keys: readonly string[],
  tail: number,
  outputOf: (key: string) => ProcessOutput | undefined,
): OutputFollower {
  const cursors = placeCursors(keys, tail, outputOf)
  let isUnseen = false
  let isFirst = true

  return {
    next() {
      if (isUnseen) return null
      const { lines, dropped } = readBatch(cursors, outputOf)
      if (lines.length === 0 && dropped === 0 && !isFirst) return null
      isUnseen = true
      isFirst = false
      return { type: 'output', subscription, lines, dropped }
    },
    seen() {
      isUnseen = false
    },
    follows: (process) => cursors.has(process),
  }
}

/** For each process the sequence number of the last line that is not to be sent. */
function placeCursors(
  keys: readonly string[],
  tail: number,
  outputOf: (key: string) => ProcessOutput | undefined,
): Map<string, number> {
  const cursors = new Map<string, number>()
  const candidates: Found[] = []
  for (const key of keys) {
    const output = outputOf(key)
    const linesLast = output?.linesLast ?? 0
    cursors.set(key, linesLast)
    if (output === undefined || tail === 0) continue
    const { lines } = output.readAfter(linesLast - tail, tail, OUTPUT_BYTES_MAX)
    candidates.push(...lines.map((line) => ({ key, line })))
  }
  candidates.sort(byTime)
  const wanted = tail === 0 ? [] : candidates.slice(-tail)
  for (const { key, line } of wanted) {
    cursors.set(key, Math.min(cursors.get(key) ?? 0, line.seq - 1))
  }
  return cursors
}

/** Takes from each followed process what is new, oldest first, and moves the cursors behind what was taken. */
function readBatch(
  cursors: Map<string, number>,
  outputOf: (key: string) => ProcessOutput | undefined,
): { lines: readonly OutputLine[]; dropped: number } {
  const found: Found[] = []
  let droppedCount = 0
  for (const [key, cursor] of cursors) {
    const output = outputOf(key)
    if (output === undefined) continue
    // A forgotten process that came back counts from 1 again.
    const from = cursor > output.linesLast ? 0 : cursor
    const { lines, dropped } = output.readAfter(from, BATCH_LINES_MAX, BATCH_CHARACTERS_MAX)
    cursors.set(key, from + dropped)
    droppedCount += dropped
    found.push(...lines.map((line) => ({ key, line })))
  }
  found.sort(byTime)
  const taken = found.slice(0, countThatFit(found))
  for (const { key, line } of taken) cursors.set(key, line.seq)
  return { lines: taken.map(({ line }) => line), dropped: droppedCount }
}

function countThatFit(found: readonly Found[]): number {
  let characters = 0
  let count = 0
  for (const { line } of found) {
    characters += line.text.length
    if (count === BATCH_LINES_MAX || (count > 0 && characters > BATCH_CHARACTERS_MAX)) break
    count++
  }
  return count
}

/** Lines of one process have rising times and the sort is stable, so their order is kept. */
function byTime({ line: left }: Found, { line: right }: Found): number {
  return left.atMs - right.atMs
}
