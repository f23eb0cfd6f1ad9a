import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** The operations on files that a store needs: tests give others, whose disk is full or fails. */
export interface Files {
  /** A new file for writing. */
  create(path: string): Promise<WritableFile>
}

/** A file that grows. */
export interface WritableFile {
  /** Writes parts one after the other from a place on. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>
  /** Resolves when what was written is on the disk. */
  sync(): Promise<void>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

/** Those of the machine. */
export const machineFiles: Files = {
  async create(path) {
    const handle = await open(path, 'w', 0o600)
    return {
      write: (parts, position) => writeAll(handle, parts, position),
      sync: () => handle.datasync(),
      truncate: (bytes) => handle.truncate(bytes),
      close: () => handle.close(),
    }
  },
}

async function writeAll(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  const { bytesWritten } = await handle.writev(parts, position)
  if (bytesWritten === bytes) return
  // A disk that is nearly full takes a part: the rest is tried, and tells why.
  const all = Buffer.concat(parts)
  for (let at = bytesWritten; at < bytes;) {
    at += (await handle.write(all, at, bytes - at, position + at)).bytesWritten
  }
}

/** Makes what was created, renamed or removed in a folder last. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Numbered files of a folder (`00000012`), rising; the folder is made where it is missing. */
export async function numberedFiles(folder: string): Promise<readonly number[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const names = await readdir(folder)
  return names
    .filter((name) => /^\d{8}$/.test(name))
    .map(Number)
    .toSorted((one, other) => one - other)
}

/** Path of a numbered file. */
export function numberedPath(folder: string, number: number): string {
  return join(folder, String(number).padStart(8, '0'))
}

/** Removes numbered files below a number. */
export async function removeNumbered(folder: string, below: number): Promise<void> {
  for (const number of await numberedFiles(folder)) {
    if (number < below) await rm(numberedPath(folder, number), { force: true })
  }
}
