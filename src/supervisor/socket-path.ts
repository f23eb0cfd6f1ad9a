import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A path of a Unix socket may have 107 bytes on Linux and 103 on macOS. */
const SOCKET_PATH_BYTES_MAX = 100

/**
 * The path of the Unix socket with this name: in `run/` of the data folder, or in a private folder below the temporary one where that path
 * is too long for a socket. Throws when that folder belongs to somebody else.
 */
export function socketPath(dataDir: string, name: string): string {
  const near = join(dataDir, 'run', `${name}.sock`)
  if (Buffer.byteLength(near) <= SOCKET_PATH_BYTES_MAX) return near
  const user = process.getuid?.() ?? 0
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `backplane-${user}-${hash}`)
  mkdirSync(folder, { mode: 0o700, recursive: true })
  const { uid, mode } = lstatSync(folder)
  // Its name can be guessed, and everybody may write beside it.
  if (uid !== user || (mode & 0o077) !== 0) {
    throw new Error(`${folder}, the folder for its sockets, belongs to somebody else: remove it`)
  }
  return join(folder, `${name}.sock`)
}
