import type { OutputLine } from '../../../../src/contracts/supervisor.ts'

/** Lines kept on the page; older ones are let go. */
export const LINES_MAX = 1_000

/** One message of the log feed. */
export interface LogMessage {
  readonly lines: readonly OutputLine[]
  readonly dropped: number
}

export interface LogState {
  readonly lines: readonly OutputLine[]
  /** Lines that the server could not send because this reader was too slow. */
  readonly dropped: number
  /** Newest line by process, so that a reconnect repeats nothing. */
  readonly seen: Readonly<Record<string, OutputLine>>
}

export const NO_LINES: LogState = { lines: [], dropped: 0, seen: {} }

/** Adds a message. `isFirst` is the first one of a connection: its lines may be known already, and those are left out. */
export function addLines(state: LogState, message: LogMessage, isFirst: boolean): LogState {
  const seen = { ...state.seen }
  const fresh: OutputLine[] = []
  for (const line of message.lines) {
    const newest = state.seen[line.process]
    // A lower sequence number at a later time is a new supervisor, which counts from 1 again.
    if (isFirst && newest !== undefined && line.seq <= newest.seq && line.atMs <= newest.atMs)
      continue
    seen[line.process] = line
    fresh.push(line)
  }
  return {
    lines: [...state.lines, ...fresh].slice(-LINES_MAX),
    dropped: state.dropped + message.dropped,
    seen,
  }
}

/** Lines that contain the text, whatever the case. */
export function filterLines(lines: readonly OutputLine[], filter: string): readonly OutputLine[] {
  const wanted = filter.trim().toLowerCase()
  if (wanted === '') return lines
  return lines.filter((line) => `${line.process} ${line.text}`.toLowerCase().includes(wanted))
}
