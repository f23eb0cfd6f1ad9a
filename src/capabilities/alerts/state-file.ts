import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A small state in one file: written whole beside it, synced, and put in its place, so that a kill leaves the old one or the new one. */
export class StateFile<State> {
  readonly #path: string
  readonly #take: () => State
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** `take` gives the state to write, at the moment when it is written. */
  constructor(path: string, take: () => State) {
    this.#path = path
    this.#take = take
  }

  /** What was written last; undefined where there is nothing that can be read. */
  static async read(path: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(path, 'utf8'))
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (isMissing) return undefined
      throw error
    }
  }

  /** Resolves when the state of this moment is on the disk. All that ask while one write is under way share the next one. */
  save(): Promise<void> {
    if (this.#writing === undefined) return this.#begin()
    this.#next ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#begin()
      })
    return this.#next
  }

  #begin(): Promise<void> {
    const writing = this.#write().finally(() => {
      if (this.#writing === writing) this.#writing = undefined
    })
    this.#writing = writing
    return writing
  }

  async #write(): Promise<void> {
    const folder = dirname(this.#path)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const beside = join(folder, 'state.new')
    const file = await open(beside, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(this.#take()))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, this.#path)
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}
