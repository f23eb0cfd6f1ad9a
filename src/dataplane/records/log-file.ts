import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../platform/capability.ts'

/** Size at which a new file is begun. */
export const LOG_FILE_BYTES_MAX = 64 * 1024 * 1024
/** Older files that are kept: `access.log.1` is the youngest. */
export const LOG_FILES_KEPT = 3

/** `access.log` of the whole process: batches of all workers, written one after the other. */
export interface LogFile {
  /** Resolves when so many lines are written or lost: the buffer may be used again. */
  append(bytes: Uint8Array, lineCount: number): Promise<void>
  /** Lines that the disk did not take. */
  readonly lostCount: number
  close(): Promise<void>
}

/** Opens on the first batch. A disk that fails costs lines, which is said once, and no request. */
export function createLogFile(folder: string, log: Log, bytesMax = LOG_FILE_BYTES_MAX): LogFile {
  const path = join(folder, 'access.log')
  let file: FileHandle | undefined
  let size = 0
  let hasFailed = false
  let lostCount = 0
  let last: Promise<void> = Promise.resolve()

  async function write(bytes: Uint8Array): Promise<void> {
    if (file !== undefined && size + bytes.length > bytesMax) await rotate()
    if (file === undefined) {
      await mkdir(folder, { recursive: true })
      file = await open(path, 'a', 0o640)
      size = (await file.stat()).size
    }
    await file.writeFile(bytes)
    size += bytes.length
  }

  async function writeOrSay(bytes: Uint8Array, lineCount: number): Promise<void> {
    try {
      await write(bytes)
      hasFailed = false
    } catch (error) {
      if (!hasFailed) log('error', 'the access log cannot be written', { path, error })
      hasFailed = true
      lostCount += lineCount
      // Half a line would make nonsense of the next one.
      await file?.truncate(size).catch(() => undefined)
    }
  }

  async function rotate(): Promise<void> {
    await file?.close()
    file = undefined
    await rm(`${path}.${LOG_FILES_KEPT}`, { force: true })
    for (let age = LOG_FILES_KEPT - 1; age >= 0; age--) {
      const from = age === 0 ? path : `${path}.${age}`
      await rename(from, `${path}.${age + 1}`).catch(() => undefined)
    }
  }

  return {
    append(bytes, lineCount) {
      last = last.then(() => writeOrSay(bytes, lineCount))
      return last
    },
    get lostCount() {
      return lostCount
    },
    async close() {
      await last
      await file?.close()
      file = undefined
    },
  }
}
