import { realpathSync, statSync } from 'node:fs'
import type { Clock } from '../platform/capability.ts'
import {
  hasEnvironment,
  isGroupAlive,
  readAllProcessFacts,
  readStartTime,
  signalGroup,
  signalProcess,
} from './process-facts.ts'
import type { ProcessRecord } from './process-records.ts'
import { wait } from './wait.ts'

/** Every process that we start has this in its environment: the net below the records, for the moment between spawn and record. */
export const RUN_MARK_NAME = 'BACKPLANE_RUN'

/** From the first signal to SIGKILL. */
export const LEFT_OVER_GRACE_MS = 2_000
/** After SIGKILL the kernel needs a moment; what is still there then is stuck in it (state D), or not ours to signal. */
const LEFT_OVER_KILL_MS = 3_000
const POLL_MS = 20

/** Names the data folder for the mark: its place and its inode, so that neither a copy nor a successor at that place is taken for it. */
export function runMark(dataDir: string): string {
  const { dev, ino } = statSync(dataDir)
  return `${dev}:${ino}:${realpathSync(dataDir)}`
}

/** What was found and ended, for the notice to the operator. */
export interface LeftOver {
  readonly id: string
  readonly pid: number
  readonly isGone: boolean
}

/**
 * Ends what a killed predecessor left: SIGTERM to each group, grace, SIGKILL. A recorded pid counts only when the process that
 * has it now started at the recorded time; else the pid has gone to an innocent one, which is not touched.
 */
export async function endLeftOvers(
  records: readonly ProcessRecord[],
  mark: string,
  clock: Clock,
): Promise<readonly LeftOver[]> {
  const found = new Map<number, LeftOverTarget>()
  if (collect(records, mark, found) === 0) return []
  signalAll(found, 'SIGTERM')
  await waitUntilGone(found, LEFT_OVER_GRACE_MS, clock)
  const killUntilMs = clock.monotonicMs() + LEFT_OVER_KILL_MS
  // Again and again: a process may have forked between the look and the signal.
  while (collect(records, mark, found) > 0 && clock.monotonicMs() < killUntilMs) {
    signalAll(found, 'SIGKILL')
    await waitUntilGone(found, POLL_MS, clock)
  }
  return [...found.values()].map(({ id, pid, isLeader, startTime }) => ({
    id,
    pid,
    isGone: !isTargetAlive({ id, pid, isLeader, startTime }),
  }))
}

interface LeftOverTarget {
  readonly id: string
  readonly pid: number
  readonly startTime: string
  /** Signalled with its whole group. Once found as the leader it stays that: a group outlives its leader under the same number. */
  readonly isLeader: boolean
}

/** Adds what is alive to `found`; returns how many there are alive now. */
function collect(
  records: readonly ProcessRecord[],
  mark: string,
  found: Map<number, LeftOverTarget>,
): number {
  for (const { id, pid, startTime } of records) {
    if (pid === process.pid || found.has(pid) || readStartTime(pid) !== startTime) continue
    found.set(pid, { id, pid, startTime, isLeader: true })
  }
  for (const facts of readAllProcessFacts()) {
    if (facts.isZombie || facts.pid === process.pid || facts.pid === process.ppid) continue
    if (found.has(facts.pid) || !hasEnvironment(facts.pid, RUN_MARK_NAME, mark)) continue
    if (found.get(facts.group)?.isLeader) continue
    const { pid, startTime } = facts
    found.set(pid, { id: '', pid, startTime, isLeader: false })
  }
  return [...found.values()].filter(isTargetAlive).length
}

function isTargetAlive(target: LeftOverTarget): boolean {
  if (readStartTime(target.pid) === target.startTime) return true
  return target.isLeader && isGroupAlive(target.pid)
}

function signalAll(found: Map<number, LeftOverTarget>, signal: NodeJS.Signals): void {
  for (const target of found.values()) {
    if (!isTargetAlive(target)) continue
    if (target.isLeader) signalGroup(target.pid, signal)
    else signalProcess(target.pid, signal)
  }
}

async function waitUntilGone(
  found: Map<number, LeftOverTarget>,
  waitMs: number,
  clock: Clock,
): Promise<void> {
  const untilMs = clock.monotonicMs() + waitMs
  do {
    await wait(clock, POLL_MS)
    if (![...found.values()].some(isTargetAlive)) return
  } while (clock.monotonicMs() < untilMs)
}
