import type { Extent } from '../store/groups.ts'

/** A file with what is known of its records. */
export interface PlannedFile {
  readonly path: string
  readonly extent: Extent
  readonly isHot: boolean
}

/** Unix microseconds, both inclusive. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** Files that the first step of a search reads; each further one twice as many. */
const STEP_FILES = 4

/** Those that may have records of a time, the newest first. */
export function filesOf(
  files: readonly PlannedFile[],
  { from, to }: Range,
): readonly PlannedFile[] {
  return files
    .filter(({ extent }) => extent.to >= from && extent.from <= to)
    .toSorted((a, b) => b.extent.to - a.extent.to)
}

/** The files of the next step of a search for the newest records: a search that finds enough in the newest files reads no older ones. */
export function nextStep(
  files: readonly PlannedFile[],
  done: number,
  step: number,
): readonly PlannedFile[] {
  return files.slice(done, done + STEP_FILES * 2 ** step)
}

/** Whether what is left can have no record that is newer than the oldest one found. */
export function isDone(
  left: readonly PlannedFile[],
  found: number,
  limit: number,
  oldest: number,
): boolean {
  if (left.length === 0) return true
  return found >= limit && left.every(({ extent }) => extent.to < oldest)
}
