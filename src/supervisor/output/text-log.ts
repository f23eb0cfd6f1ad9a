import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { dirname } from 'node:path'

/** A file of lines with a bound: at 4 MiB it becomes `<path>.1`, and a new one begins. Never blocks; never throws. */
export interface TextLog {
  write(line: string): void
  /** What is written is still brought to the file. */
  close(): void
}

/** Size at which the file is moved aside. */
export const TEXT_LOG_BYTES_MAX = 4 * 1024 * 1024
/** Lines that a slow disk has not taken yet; beyond it they are dropped and counted in the next line. */
const WAITING_BYTES_MAX = 1024 * 1024

/** Opens the file for appending. */
export function openTextLog(path: string): TextLog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let { stream, bytes } = openStream(path)
  let dropped = 0

  function rotate(): void {
    stream.end()
    renameSync(path, `${path}.1`)
    ;({ stream, bytes } = openStream(path))
  }

  function append(line: string): void {
    const text = `${line}\n`
    bytes += Buffer.byteLength(text)
    stream.write(text)
  }

  return {
    write(line) {
      if (stream.writableLength > WAITING_BYTES_MAX) {
        dropped++
        return
      }
      try {
        if (bytes > TEXT_LOG_BYTES_MAX) rotate()
        if (dropped > 0) append(`(${dropped} lines were dropped: the disk was too slow)`)
        dropped = 0
        append(line)
      } catch {
        dropped++
      }
    },
    close: () => void stream.end(),
  }
}

function openStream(path: string): { stream: WriteStream; bytes: number } {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
  // A full disk must not end the supervisor.
  stream.on('error', () => undefined)
  try {
    return { stream, bytes: statSync(path).size }
  } catch {
    return { stream, bytes: 0 }
  }
}
