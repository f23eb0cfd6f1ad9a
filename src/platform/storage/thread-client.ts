import { Worker } from 'node:worker_threads'
import { StorageError } from './errors.ts'
import type { FromThread, ToThread } from './messages.ts'
import type { ThreadData } from './thread.ts'

/** Reads and migrations that may be unanswered. */
export const STORAGE_READS_WAITING_MAX = 1_000

export interface ThreadClientOptions {
  readonly name: string
  readonly data: ThreadData
  /** Heap of the thread in MiB; undefined: as V8 chooses. */
  readonly heapMbMax: number | undefined
  /** The thread has ended without being told to, after it was open. */
  readonly died: (error: StorageError) => void
}

/** Asks the thread and keeps who asked. A thread that dies rejects every question, also later ones. */
export class ThreadClient {
  readonly opened: Promise<void>
  readonly #options: ThreadClientOptions
  readonly #worker: Worker
  readonly #asked = new Map<number, PromiseWithResolvers<FromThread>>()
  readonly #exited = Promise.withResolvers<void>()
  #asks = 0
  #isOpen = false
  #isClosing = false
  #dead: StorageError | undefined

  constructor(options: ThreadClientOptions) {
    this.#options = options
    // The published build has JavaScript beside JavaScript.
    const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js'
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: options.data,
      name: `storage ${options.name}`,
      ...(options.heapMbMax === undefined
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: options.heapMbMax } }),
    })
    const opening = Promise.withResolvers<void>()
    this.opened = opening.promise
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'not-open') opening.reject(errorOf(message.failure))
      else if (message.type !== 'open') this.#settle(message)
      else {
        this.#isOpen = true
        opening.resolve()
      }
    })
    this.#worker.on('error', (error) => this.#die(error.message))
    this.#worker.on('exit', () => {
      this.#die('it ended')
      opening.reject(this.#dead)
      this.#exited.resolve()
    })
  }

  get askedCount(): number {
    return this.#asked.size
  }

  async ask(question: (ask: number) => ToThread): Promise<FromThread> {
    if (this.#dead !== undefined) throw this.#dead
    const ask = ++this.#asks
    const answer = Promise.withResolvers<FromThread>()
    // Throws what cannot be cloned, before anybody waits for it.
    this.#worker.postMessage(question(ask))
    this.#asked.set(ask, answer)
    return answer.promise
  }

  /** Like `ask`, but refused when too many wait. Commits are bounded by their writer instead. */
  async askBounded(question: (ask: number) => ToThread): Promise<FromThread> {
    if (this.#asked.size >= STORAGE_READS_WAITING_MAX) {
      throw new StorageError(
        'ERR_STORAGE_BUSY',
        `${this.#asked.size} reads wait for the disk already. Try again later, or use a faster disk.`,
      )
    }
    return this.ask(question)
  }

  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#dead === undefined) await this.ask((ask) => ({ type: 'close', ask })).catch(() => {})
    await this.#exited.promise
  }

  #settle(message: Exclude<FromThread, { type: 'open' | 'not-open' }>): void {
    const asked = this.#asked.get(message.ask)
    this.#asked.delete(message.ask)
    if (message.type === 'failed') asked?.reject(errorOf(message.failure))
    else asked?.resolve(message)
  }

  #die(why: string): void {
    if (this.#dead !== undefined) return
    const { name, data, died } = this.#options
    this.#dead = new StorageError(
      'ERR_STORAGE_GONE',
      `The storage thread '${name}' of ${data.file} is gone (${why}). What was acknowledged is on disk; its process is started again.`,
    )
    for (const asked of this.#asked.values()) asked.reject(this.#dead)
    this.#asked.clear()
    if (this.#isOpen && !this.#isClosing) died(this.#dead)
  }
}

/** Makes an error of the thread again. */
export function errorOf(failure: {
  readonly code: StorageError['code']
  readonly message: string
}): StorageError {
  return new StorageError(failure.code, failure.message)
}
