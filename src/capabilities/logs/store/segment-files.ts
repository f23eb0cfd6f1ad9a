import { mkdir, open, readdir, readFile, rm, truncate, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Signal } from '../../../contracts/signals.ts'

/** Where segments are written; tests give one that fails. */
export interface SegmentFiles {
  create(path: string): Promise<SegmentFile>
}

/** A segment that is being written. */
export interface SegmentFile {
  write(bytes: Uint8Array, at: number): Promise<void>
  sync(): Promise<void>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

/** The file system. */
export const diskFiles: SegmentFiles = {
  async create(path) {
    const handle = await open(path, 'wx', 0o600)
    await syncFolderOf(path)
    return {
      write: (bytes, at) => writeAll(handle, bytes, at),
      sync: () => handle.datasync(),
      truncate: (bytes) => handle.truncate(bytes),
      close: () => handle.close(),
    }
  },
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}

/** A file that was made or renamed is there after a power cut only when its folder was synced. */
export async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(join(path, '..'), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const SEGMENT = /^(\d{9})\.ndjson$/

/** Where a segment is. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(9, '0')}.ndjson`)
}

/** Numbers of the segments that are there, rising. Makes the folder. */
export async function segmentNumbers(folder: string): Promise<readonly number[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const names = await readdir(folder)
  return names
    .flatMap((name) => {
      const number = SEGMENT.exec(name)?.[1]
      return number === undefined ? [] : [Number(number)]
    })
    .toSorted((a, b) => a - b)
}

/** All of a segment. */
export function readSegment(path: string): Promise<Buffer> {
  return readFile(path)
}

/** Cuts a segment behind its last whole group; without one it goes. */
export async function cutSegment(path: string, bytes: number): Promise<void> {
  await (bytes === 0 ? rm(path, { force: true }) : truncate(path, bytes))
}

/** The folder of the segments of a signal. */
export function segmentFolder(folder: string, signal: Signal): string {
  return join(folder, signal, 'hot')
}
