import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { readBootId, readStartTime } from './process-facts.ts'

/** Another living program uses this data folder. `backplane up` ends with exit code 3. */
export class DataFolderLockedError extends Error {
  override readonly name = 'DataFolderLockedError'
  readonly code = 'ERR_PROCESSES_DATA_LOCKED'
  readonly pid: number
  readonly folder: string

  constructor(pid: number, folder: string) {
    super(
      `the data folder ${folder} is used by a running backplane with pid ${pid}: ` +
        `stop that one (kill ${pid}), or give this one a folder of its own with --data`,
    )
    this.pid = pid
    this.folder = folder
  }
}

/** The folder is there, and is of somebody else: nothing in it is changed. */
export class DataFolderForeignError extends Error {
  override readonly name = 'DataFolderForeignError'
  readonly code = 'ERR_PROCESSES_DATA_FOREIGN'
  readonly folder: string
  readonly found: string

  constructor(folder: string, found: string) {
    super(
      `${folder} is no data folder of a backplane: there is '${found}' in it, and nothing of ours. ` +
        'Name a folder that is new or empty with --data',
    )
    this.folder = folder
    this.found = found
  }
}

/** Holds the folder until it is released or this process is gone. */
export interface DataFolderLock {
  release(): void
}

interface Holder {
  readonly pid: number
  readonly startTime: string
  readonly bootId: string
}

/** Turns of the acquisition before it gives up; only contenders that start in the same millisecond need more than one. */
const ATTEMPTS_MAX = 100

/** What a backplane leaves in its folder; the first pattern also fits what one that starts right now is writing. */
const OURS = [/^lock(\.|$)/, /^run$/, /^state\.sqlite$/]
/** Nobody put this there: it is in the root of a new file system. */
const NOBODYS = 'lost+found'

/**
 * Makes the folder (mode 0700) and locks it with a file `lock` that names this process. One that is there already must be empty or of a
 * former backplane, and keeps its mode. A lock whose process is gone is taken over. Throws `DataFolderLockedError`,
 * `DataFolderForeignError`, or what the file system says.
 */
export function lockDataFolder(dataDir: string): DataFolderLock {
  const folder = resolve(dataDir)
  const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined
  if (!isNew) refuseForeign(folder)
  const path = join(folder, 'lock')
  const me: Holder = {
    pid: process.pid,
    startTime: readStartTime(process.pid),
    bootId: readBootId(),
  }
  const holder = acquire(path, me)
  if (holder !== null) throw new DataFolderLockedError(holder.pid, folder)
  return {
    release() {
      if (isSame(readHolder(path), me)) rmSync(path, { force: true })
    },
  }
}

function refuseForeign(folder: string): void {
  const names = readdirSync(folder).filter((name) => name !== NOBODYS)
  const [found] = names
  if (found === undefined || names.some((name) => OURS.some((ours) => ours.test(name)))) return
  throw new DataFolderForeignError(folder, found)
}

/**
 * Takes the lock at `path`; else returns who holds it. A stale lock is only ever replaced by who holds a second lock whose
 * name tells the stale holder, and who has looked again after getting it: so of two programs that both saw the stale
 * lock exactly one replaces it, and the other never removes the lock of the first.
 */
function acquire(path: string, me: Holder): Holder | null {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (createLock(path, me)) return null
    const stale = readHolder(path)
    if (stale === 'none') continue
    if (stale !== 'damaged' && isAlive(stale)) return stale
    const successor = `${path}.after-${stale === 'damaged' ? 'damaged' : `${stale.pid}-${stale.startTime.replaceAll(/[^0-9A-Za-z]/g, '')}`}`
    const other = acquire(successor, me)
    if (other !== null) return other
    const isStillStale = isSame(readHolder(path), stale)
    if (isStillStale) writeReplacing(path, me)
    rmSync(successor, { force: true })
    if (isStillStale) return null
  }
  throw new Error(`cannot lock ${path}: it changed ${ATTEMPTS_MAX} times while it was looked at`)
}

/** O_EXCL with contents: the link appears whole or not at all, so nobody ever reads a lock that is half written. */
function createLock(path: string, me: Holder): boolean {
  const draft = writeDraft(path, me)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function writeReplacing(path: string, me: Holder): void {
  renameSync(writeDraft(path, me), path)
}

function writeDraft(path: string, me: Holder): string {
  const draft = `${path}.draft-${me.pid}`
  writeFileSync(draft, `${JSON.stringify(me)}\n`, { mode: 0o600 })
  return draft
}

function readHolder(path: string): Holder | 'none' | 'damaged' {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none'
    throw error
  }
  try {
    const raw = JSON.parse(text) as Partial<Holder> | null
    const { pid, startTime, bootId } = raw ?? {}
    if (Number.isInteger(pid) && typeof startTime === 'string' && typeof bootId === 'string') {
      return { pid: pid as number, startTime, bootId }
    }
  } catch {
    // Not JSON: fall through.
  }
  return 'damaged'
}

function isAlive(holder: Holder): boolean {
  return (
    holder.pid > 0 &&
    holder.bootId === readBootId() &&
    holder.startTime !== '' &&
    readStartTime(holder.pid) === holder.startTime
  )
}

function isSame(left: Holder | 'none' | 'damaged', right: Holder | 'none' | 'damaged'): boolean {
  if (typeof left === 'string' || typeof right === 'string') return left === right
  return (
    left.pid === right.pid && left.startTime === right.startTime && left.bootId === right.bootId
  )
}
