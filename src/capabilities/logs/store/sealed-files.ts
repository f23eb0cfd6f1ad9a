import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signal } from '../../../contracts/signals.ts'
import type { Extent } from './groups.ts'

/** Records that nobody has said another time for. */
export const DEFAULT_CLASS = 'default'

/** A Parquet file. Everything that is needed to find it stands in its name, so that a start reads folders and no files. */
export interface SealedFile {
  readonly path: string
  /** Folder of the hour in which its records were taken: `2026-11-29T19`. */
  readonly hour: string
  /** First and last segment that it has records of. */
  readonly first: number
  readonly last: number
  /** `default`, or `keep604800`: seconds that a rule of retention gave its records. */
  readonly keep: string
  readonly bytes: number
  readonly extent: Extent
}

const NAME = /^(\d{9})-(\d{9})\.(default|keep\d{1,10})\.(\d+)-(\d+)\.(\d+)\.parquet$/
const HOUR = /^\d{4}-\d\d-\d\dT\d\d$/

/** The hour of a moment, UTC. */
export function hourOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 13)
}

/** Unix milliseconds at which an hour has ended. */
export function endOfHour(hour: string): number {
  return Date.parse(`${hour}:00:00Z`) + 3_600_000
}

/** The name of a file with these records. */
export function sealedName({
  first,
  last,
  keep,
  extent,
}: Omit<SealedFile, 'path' | 'hour' | 'bytes'>): string {
  const number = (one: number): string => String(one).padStart(9, '0')
  return `${number(first)}-${number(last)}.${keep}.${extent.from}-${extent.to}.${extent.rows}.parquet`
}

/** Where the files of an hour are. */
export function hourFolder(folder: string, signal: Signal, hour: string): string {
  return join(folder, signal, hour)
}

/**
 * All files of a signal, oldest hour first. What a kill has left half done goes: files that were not renamed yet, those of segments that are still
 * there (they are sealed again), and those of which a larger one has all.
 */
export async function findSealed(
  folder: string,
  signal: Signal,
  unsealed: ReadonlySet<number>,
): Promise<readonly SealedFile[]> {
  const found: SealedFile[] = []
  await mkdir(join(folder, signal), { recursive: true, mode: 0o700 })
  const hours = (await readdir(join(folder, signal))).filter((name) => HOUR.test(name)).toSorted()
  for (const hour of hours) {
    const inHour = hourFolder(folder, signal, hour)
    const files: SealedFile[] = []
    for (const name of await readdir(inHour)) {
      const file = await readName(inHour, hour, name)
      if (file === undefined) continue
      if (hasAny(file, unsealed)) await rm(file.path, { force: true })
      else files.push(file)
    }
    for (const file of files) {
      if (files.some((other) => covers(other, file))) await rm(file.path, { force: true })
      else found.push(file)
    }
  }
  return found
}

async function readName(
  folder: string,
  hour: string,
  name: string,
): Promise<SealedFile | undefined> {
  const path = join(folder, name)
  const [, first, last, keep, from, to, rows] = NAME.exec(name) ?? []
  if (keep === undefined) {
    if (name.endsWith('.part')) await rm(path, { force: true })
    return undefined
  }
  return {
    path,
    hour,
    first: Number(first),
    last: Number(last),
    keep,
    bytes: (await stat(path)).size,
    extent: { rows: Number(rows), from: Number(from), to: Number(to) },
  }
}

function hasAny({ first, last }: SealedFile, segments: ReadonlySet<number>): boolean {
  // Files of one segment only: larger ones are made of what is sealed.
  return first === last && segments.has(first)
}

/** Whether one has all of another: same class, and a wider run of segments. */
function covers(one: SealedFile, other: SealedFile): boolean {
  return (
    one !== other &&
    one.keep === other.keep &&
    one.first <= other.first &&
    one.last >= other.last &&
    one.last - one.first > other.last - other.first
  )
}
