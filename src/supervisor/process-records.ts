import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readBootId, readStartTime } from './process-facts.ts'

/** One process that this data folder's backplane started; it leads a process group with its pid. */
export interface ProcessRecord {
  readonly id: string
  readonly pid: number
  readonly startTime: string
}

/** `run/processes.json`: which processes must not outlive us. Right after `kill -9` at any moment. */
export interface ProcessRecords {
  /** Written before it returns: call it in the same turn as the spawn. */
  add(id: string, pid: number): void
  remove(pid: number): void
  list(): readonly ProcessRecord[]
  /** Removes the file. */
  clear(): void
}

/** A file larger than this was not written by us. */
const RECORDS_BYTES_MAX = 16 * 1024 * 1024

/** Opens the records, empty: read those of a predecessor with `readRecords` first. */
export function openProcessRecords(dataDir: string): ProcessRecords {
  const path = recordsPath(dataDir)
  const records = new Map<number, ProcessRecord>()
  const bootId = readBootId()

  // The whole file, replaced by rename: a reader sees the state before or after, and no half line has to be repaired.
  // Not synced to the disk: whoever loses what the kernel has written has lost the processes too.
  function write(): void {
    try {
      writeAtomically(path, JSON.stringify({ bootId, processes: [...records.values()] }))
    } catch {
      // A full disk must not take the services along; the mark in their environment is the second net.
    }
  }

  return {
    add(id, pid) {
      records.set(pid, { id, pid, startTime: readStartTime(pid) })
      write()
    },
    remove(pid) {
      if (records.delete(pid)) write()
    },
    list: () => [...records.values()],
    clear() {
      records.clear()
      rmSync(path, { force: true })
    },
  }
}

/** What a predecessor recorded since this boot. A missing or damaged file is an empty one: the environment mark is the second net. */
export function readRecords(dataDir: string): readonly ProcessRecord[] {
  const path = recordsPath(dataDir)
  try {
    if (statSync(path).size > RECORDS_BYTES_MAX) return []
    const raw = JSON.parse(readFileSync(path, 'utf8')) as { bootId?: unknown; processes?: unknown }
    if (raw.bootId !== readBootId() || !Array.isArray(raw.processes)) return []
    return (raw.processes as unknown[]).filter(isRecord)
  } catch {
    return []
  }
}

/** Replaces the file as a whole; its folder is made (0700) when it is missing. */
export function writeAtomically(path: string, text: string): void {
  const draft = `${path}.draft`
  try {
    writeFileSync(draft, text, { mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(resolve(path, '..'), { recursive: true, mode: 0o700 })
    writeFileSync(draft, text, { mode: 0o600 })
  }
  renameSync(draft, path)
}

function recordsPath(dataDir: string): string {
  return join(dataDir, 'run', 'processes.json')
}

function isRecord(raw: unknown): raw is ProcessRecord {
  const { id, pid, startTime } = (raw ?? {}) as Partial<ProcessRecord>
  return (
    typeof id === 'string' &&
    typeof startTime === 'string' &&
    startTime !== '' &&
    Number.isInteger(pid) &&
    (pid as number) > 1
  )
}
