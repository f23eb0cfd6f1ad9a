import { readdirSync, statSync, watch, type FSWatcher, type WatchEventType } from 'node:fs'
import { basename, dirname, join, sep } from 'node:path'
import type { Clock } from '../../../platform/capability.ts'

/** Editors and compilers write several files, each in several steps: a change is told when nothing more has come for so long. */
export const QUIET_MS = 200
/** Somebody who writes without a break is told of all the same. */
const QUIET_MS_MAX = 2_000
/** Folders below the watched ones; each costs the kernel one watch (fs.inotify.max_user_watches). */
export const FOLDERS_MAX = 2_000

/** What is never looked into: it is large, and is not written by hand. */
const SKIPPED = new Set(['node_modules', '__pycache__', 'target', 'venv'])

/** What a watch tells. */
export interface PathWatchEvents {
  /** The file that changed first, as an absolute path. */
  changed(path: string): void
  /** It sees nothing, or not all; a part of a sentence. */
  failed(reason: string): void
}

/** Files and folders, with all folders below them, that are watched for changes until `close`. Names that begin with a point are not looked at. */
export class PathWatch {
  readonly #clock: Clock
  readonly #events: PathWatchEvents
  readonly #watchers = new Map<string, FSWatcher>()
  /** Files that are watched by themselves, by their folder; null: everything in it. */
  readonly #names = new Map<string, Set<string> | null>()
  #firstPath = ''
  #firstMs = 0
  #cancelQuiet: (() => void) | null = null
  #isClosed = false

  constructor(paths: readonly string[], clock: Clock, events: PathWatchEvents) {
    this.#clock = clock
    this.#events = events
    for (const path of paths) this.#add(path)
  }

  /** Tells nothing more. */
  close(): void {
    this.#isClosed = true
    this.#cancelQuiet?.()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #add(path: string): void {
    try {
      if (statSync(path).isDirectory()) return this.#watchFolder(path)
      const folder = dirname(path)
      const names = this.#names.get(folder)
      if (names === null) return
      // A file is watched by its folder: editors put a new one in its place.
      this.#names.set(folder, (names ?? new Set()).add(basename(path)))
      this.#watchOne(folder)
    } catch (error) {
      this.#events.failed(explain(path, error))
    }
  }

  #watchFolder(folder: string): void {
    this.#names.set(folder, null)
    if (!this.#watchOne(folder)) return
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !isSkipped(entry.name)) this.#watchFolder(join(folder, entry.name))
    }
  }

  /** False: there are too many. */
  #watchOne(folder: string): boolean {
    if (this.#watchers.has(folder)) return true
    if (this.#watchers.size === FOLDERS_MAX) {
      this.#events.failed(
        `there are more than ${FOLDERS_MAX} folders, and ${folder} is not watched: name a smaller part`,
      )
      return false
    }
    const watcher = watch(folder, { persistent: false }, (kind, name) => {
      if (name !== null) this.#noticed(folder, name, kind)
    })
    watcher.on('error', () => this.#drop(folder))
    this.#watchers.set(folder, watcher)
    return true
  }

  /** With all below it: a folder that was moved away is watched by its old name still, and counts. */
  #drop(folder: string): void {
    for (const [path, watcher] of this.#watchers) {
      if (path !== folder && !path.startsWith(folder + sep)) continue
      watcher.close()
      this.#watchers.delete(path)
    }
  }

  #noticed(folder: string, name: string, kind: WatchEventType): void {
    const names = this.#names.get(folder)
    if (this.#isClosed || isSkipped(name) || isScratch(name)) return
    if (names !== null && names !== undefined && !names.has(name)) return
    const path = join(folder, name)
    if (names === null) this.#follow(path, kind)
    this.#note(path)
  }

  /** A folder that is new is watched too; one that is gone is not any more. */
  #follow(path: string, kind: WatchEventType): void {
    try {
      if (!statSync(path).isDirectory()) return
      // It may be another one than the one that is watched: builds remove their folder and make it anew.
      if (kind === 'rename') this.#drop(path)
      this.#watchFolder(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#drop(path)
      else this.#events.failed(explain(path, error))
    }
  }

  #note(path: string): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.#cancelQuiet === null) {
      this.#firstPath = path
      this.#firstMs = nowMs
    }
    this.#cancelQuiet?.()
    const leftMs = Math.max(0, this.#firstMs + QUIET_MS_MAX - nowMs)
    this.#cancelQuiet = this.#clock.after(Math.min(QUIET_MS, leftMs), () => {
      this.#cancelQuiet = null
      this.#events.changed(this.#firstPath)
    })
  }
}

function isSkipped(name: string): boolean {
  return name.startsWith('.') || SKIPPED.has(name)
}

/** What editors write beside the file itself. */
function isScratch(name: string): boolean {
  return (
    name.endsWith('~') || /\.(?:swp|swx|tmp)$/.test(name) || /^#.*#$/.test(name) || name === '4913'
  )
}

function explain(path: string, error: unknown): string {
  const { code = 'no code' } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return `there is no ${path}`
  if (code === 'ENOSPC') return `the kernel allows no more watches (fs.inotify.max_user_watches)`
  if (code === 'EMFILE') return `the kernel allows no more watchers (fs.inotify.max_user_instances)`
  return `${path} cannot be watched (${code})`
}
