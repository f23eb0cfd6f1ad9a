import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { lstat, readlink, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../capability.ts'
import { systemClock } from '../clock.ts'

/** Folders that are watched at most; files beyond are looked at by the fallback only. */
export const WATCHED_FOLDERS_MAX = 64

/** Follows files until it is closed. */
export interface FileWatcher {
  /** Absolute paths. Files that do not exist are followed too: their appearance is a change. */
  setFiles(files: readonly string[]): void
  /** Resolves when the present state of the files is known: what changes from then on is told. */
  readonly ready: Promise<void>
  close(): void
}

export interface WatchOptions {
  /** A change is told when the folder was quiet for this long: editors write in several steps. */
  readonly settleMs?: number
  /** Where the system tells of no change (network file systems) the files' dates are compared this often. */
  readonly fallbackMs?: number
  readonly clock?: Clock
}

/**
 * Calls `onChange` once per settled change of any of the files: after a write, after the rename by which editors and
 * deployments replace a file, and after a swap of a symbolic link on the way to it (Kubernetes' `..data`). What
 * counts is whether inode, size or date of a file differ from before, so a touched neighbour is no change. Content is
 * never read. Keeps no process alive.
 */
export function watchFiles(
  files: readonly string[],
  onChange: () => void,
  options: WatchOptions = {},
): FileWatcher {
  const { settleMs = 100, fallbackMs = 5000, clock = systemClock } = options
  const watchers = new Map<string, FSWatcher>()
  let followed: readonly string[] = []
  let last: string | undefined
  let cancelSettle = (): void => {}
  let isClosed = false
  let isLooking = false
  let isLookWanted = false
  let ready = Promise.resolve()

  const settle = (): void => {
    cancelSettle()
    cancelSettle = clock.after(settleMs, () => void look())
  }
  /** One look at a time. Compares, follows links that moved, and tells. */
  const look = async (): Promise<void> => {
    isLookWanted = true
    if (isLooking) return
    isLooking = true
    while (isLookWanted && !isClosed) {
      isLookWanted = false
      const wanted = followed
      const seen = await describeFiles(wanted)
      if (isClosed || wanted !== followed) continue
      watchFolders(watchers, seen.folders, settle)
      const isChanged = last !== undefined && last !== seen.fingerprint
      last = seen.fingerprint
      if (isChanged) onChange()
    }
    isLooking = false
  }
  const cancelFallback = clock.every(fallbackMs, () => void look())

  const watcher: FileWatcher = {
    setFiles(next) {
      const unique = [...new Set(next)].toSorted()
      if (unique.join('\0') === followed.join('\0')) return
      followed = unique
      // The files were read just before: what changed until the first look is found by the reader's next reload.
      last = undefined
      watchFolders(watchers, foldersOf(unique), settle)
      ready = look()
    },
    get ready() {
      return ready
    },
    close() {
      isClosed = true
      cancelSettle()
      cancelFallback()
      for (const each of watchers.values()) each.close()
      watchers.clear()
    },
  }
  watcher.setFiles(files)
  return watcher
}

function foldersOf(files: readonly string[]): readonly string[] {
  return [...new Set(files.map((file) => dirname(file)))]
}

/** Opens and closes watchers so that exactly these folders are watched. A folder is watched, not a file: a rename replaces the file. */
function watchFolders(
  watchers: Map<string, FSWatcher>,
  folders: readonly string[],
  onEvent: () => void,
): void {
  const wanted = new Set(folders.slice(0, WATCHED_FOLDERS_MAX))
  for (const [folder, each] of watchers) {
    if (wanted.has(folder)) continue
    each.close()
    watchers.delete(folder)
  }
  for (const folder of wanted) {
    if (watchers.has(folder)) continue
    try {
      const each = watch(folder, { persistent: false }, onEvent)
      each.on('error', () => {
        // The folder is gone, or the system has no watchers left: the fallback goes on, and opens it again.
        each.close()
        if (watchers.get(folder) === each) watchers.delete(folder)
      })
      watchers.set(folder, each)
    } catch {
      // No such folder, or no watchers left: the fallback looks.
    }
  }
}

const LINKS_MAX = 16

/** What the files look like now, and every folder whose change could replace one of them. */
async function describeFiles(
  files: readonly string[],
): Promise<{ readonly fingerprint: string; readonly folders: readonly string[] }> {
  const folders = new Set(foldersOf(files))
  const parts: string[] = []
  for (const file of files) {
    try {
      const { ino, size, mtimeNs, dev } = await stat(file, { bigint: true })
      parts.push(`${file} ${dev} ${ino} ${size} ${mtimeNs}`)
    } catch (error) {
      parts.push(`${file} ${(error as NodeJS.ErrnoException).code}`)
    }
    for (const folder of await linkFolders(file)) folders.add(folder)
  }
  return { fingerprint: parts.join('\n'), folders: [...folders] }
}

/** Folders that hold the symbolic links on the way to a file: `config.yaml -> ..data/config.yaml`, `..data -> ..2026`. */
async function linkFolders(file: string): Promise<readonly string[]> {
  const folders: string[] = []
  let parts = file.split('/').slice(1)
  let here = '/'
  let linkCount = 0
  while (parts.length > 0) {
    const [part = '', ...rest] = parts
    const path = join(here, part)
    const target = await readLinkTarget(path)
    if (target === undefined) {
      here = path
      parts = rest
      continue
    }
    linkCount += 1
    if (linkCount > LINKS_MAX) break
    folders.push(here)
    const resolved = target.startsWith('/') ? target : join(here, target)
    parts = [...resolved.split('/').slice(1), ...rest]
    here = '/'
  }
  // The folder of the file that is really meant.
  if (linkCount > 0) folders.push(dirname(here))
  return folders
}

async function readLinkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined
  } catch {
    return undefined
  }
}
