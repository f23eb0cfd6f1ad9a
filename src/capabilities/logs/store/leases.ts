/** Files that a reader may still have open are removed when no reader is left that knew them. */
export class Leases {
  readonly #remove: (path: string) => Promise<void>
  readonly #readers = new Map<number, number>()
  readonly #due: {
    readonly path: string
    readonly generation: number
    readonly gone: () => void
  }[] = []
  #generation = 0

  constructor(remove: (path: string) => Promise<void>) {
    this.#remove = remove
  }

  /** A reader begins; it calls the result when it has ended. */
  take(): () => void {
    const generation = this.#generation
    this.#readers.set(generation, (this.#readers.get(generation) ?? 0) + 1)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const left = (this.#readers.get(generation) ?? 1) - 1
      if (left > 0) this.#readers.set(generation, left)
      else this.#readers.delete(generation)
      void this.#sweep()
    }
  }

  /** No new reader will know this file. Resolves when it is gone. */
  async discard(path: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#due.push({ path, generation: this.#generation++, gone: resolve })
    await this.#sweep()
    await promise
  }

  async #sweep(): Promise<void> {
    const oldest = Math.min(...this.#readers.keys())
    while (this.#due.length > 0 && this.#due[0]!.generation < oldest) {
      const { path, gone } = this.#due.shift()!
      // One that is left is found at the next start.
      await this.#remove(path).catch(() => {})
      gone()
    }
  }
}
