import { Worker, type TransferListItem } from 'node:worker_threads'
import { StorageError } from '../../../../platform/storage/errors.ts'
import { EventsError } from '../../errors.ts'
import type { Answer, EngineFailure, FromThread } from './messages.ts'

/** Asks one of the engine's threads. When it dies, everything asked is refused, and `died` is told. */
export class ThreadLink<Question extends { readonly ask: number }> {
  /** What the thread said when it had opened the file: behind its last event. */
  readonly opened: Promise<number>
  readonly #worker: Worker
  readonly #asked = new Map<number, PromiseWithResolvers<Answer>>()
  readonly #exited = Promise.withResolvers<void>()
  readonly #file: string
  #asks = 0
  #isClosing = false
  #dead: StorageError | undefined

  constructor(worker: Worker, file: string, died: (error: StorageError) => void) {
    const opening = Promise.withResolvers<number>()
    this.opened = opening.promise
    this.#worker = worker
    this.#file = file
    let isOpen = false
    const die = (why: string): void => {
      if (this.#dead !== undefined) return
      this.#dead = new StorageError(
        'ERR_STORAGE_GONE',
        `A thread of the event store of ${file} is gone (${why}). What was acknowledged is on disk; the process is started again.`,
      )
      for (const asked of this.#asked.values()) asked.reject(this.#dead)
      this.#asked.clear()
      if (isOpen && !this.#isClosing) died(this.#dead)
    }
    worker.on('message', (message: FromThread) => {
      if (message.type === 'open') {
        isOpen = true
        opening.resolve(message.end)
      } else if (message.type === 'not-open') opening.reject(notOpen(file, message.message))
      else this.#settle(message)
    })
    worker.on('error', (error) => die(error.message))
    worker.on('exit', () => {
      die('it ended')
      opening.reject(this.#dead)
      this.#exited.resolve()
    })
  }

  get askedCount(): number {
    return this.#asked.size
  }

  async ask(
    question: (ask: number) => Question,
    moved: readonly TransferListItem[] = [],
  ): Promise<Answer> {
    if (this.#dead !== undefined) throw this.#dead
    if (this.#isClosing) {
      throw new EventsError('ERR_EVENTS_CLOSED', `The event store of ${this.#file} is closed.`)
    }
    return this.#post(question, moved)
  }

  async close(question: (ask: number) => Question): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      if (this.#dead === undefined) await this.#post(question, []).catch(() => {})
    }
    await this.#exited.promise
  }

  #post(question: (ask: number) => Question, moved: readonly TransferListItem[]): Promise<Answer> {
    const ask = ++this.#asks
    const answer = Promise.withResolvers<Answer>()
    this.#worker.postMessage(question(ask), moved)
    this.#asked.set(ask, answer)
    return answer.promise
  }

  #settle(message: Extract<FromThread, { ask: number }>): void {
    const asked = this.#asked.get(message.ask)
    this.#asked.delete(message.ask)
    if (message.type === 'answer') asked?.resolve(message.answer)
    else asked?.reject(errorOf(message.failure))
  }
}

function notOpen(file: string, why: string): StorageError {
  return new StorageError(
    'ERR_STORAGE_OPEN',
    `The file of events ${file} cannot be opened (${why}). Check that its folder exists, is writable and has space; a damaged file must be replaced from a backup.`,
  )
}

function errorOf({ code, message }: EngineFailure): Error {
  return code === 'ERR_EVENTS_CORRUPT' || code === 'ERR_EVENTS_FILTER_INVALID'
    ? new EventsError(code, message)
    : new StorageError(code, message)
}
