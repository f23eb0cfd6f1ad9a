import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Bytes of chance of the key that seals all others. */
const MASTER_KEY_BYTES = 32
/** A given key that is shorter could be guessed. */
export const MASTER_KEY_CHARACTERS_MIN = 32

/** The given one, or that of the file, which is made with mode 600 where there is none. Throws what the file system throws. */
export function readMasterKey(given: string | undefined, file: string): Uint8Array {
  if (given !== undefined) return Buffer.from(given, 'utf8')
  try {
    return parse(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // Whole or not at all, and on the disk before anything is sealed with it.
  const draft = `${file}.new`
  rmSync(draft, { force: true })
  const handle = openSync(draft, 'wx', 0o600)
  try {
    writeSync(handle, `${randomBytes(MASTER_KEY_BYTES).toString('base64url')}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(draft, file)
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
  return parse(readFileSync(file, 'utf8'), file)
}

function parse(text: string, file: string): Uint8Array {
  const key = Buffer.from(text.trim(), 'base64url')
  if (key.length === MASTER_KEY_BYTES) return key
  throw new Error(
    `${file} does not hold a key of ${MASTER_KEY_BYTES} bytes. Bring it back from a backup: what was sealed with it cannot be read without it.`,
  )
}
