import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Files of our own keys and certificates, readable by nobody else. */
export interface CertificateStore {
  readonly folder: string
  /** Undefined where there is no such file. */
  read(name: string): Promise<string | undefined>
  /** All of it or nothing, also when the power goes: what was acknowledged is on the disk. */
  write(name: string, text: string): Promise<void>
  remove(name: string): Promise<void>
}

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Opens the folder, which is made with the first file. */
export function openCertificateStore(folder: string): CertificateStore {
  /** Writes of the same file one after the other. */
  let writes: Promise<unknown> = Promise.resolve()
  let count = 0

  async function writeNow(name: string, text: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    // It may have been there before, or the mask may have taken something away.
    await chmod(folder, FOLDER_MODE)
    const temporary = join(folder, `.${name}.${process.pid}.${++count}`)
    try {
      const file = await open(temporary, 'wx', FILE_MODE)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, join(folder, name))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    const directory = await open(folder, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  return {
    folder,
    async read(name) {
      try {
        return await readFile(join(folder, name), 'latin1')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    write(name, text) {
      const write = writes.then(() => writeNow(name, text))
      writes = write.catch(() => undefined)
      return write
    },
    remove: (name) => rm(join(folder, name), { force: true }),
  }
}

/** What authorities have issued, with the keys of accounts. */
export function acmeStore(dataDir: string): CertificateStore {
  return openCertificateStore(join(dataDir, 'certificates', 'acme'))
}
