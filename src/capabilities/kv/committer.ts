import { Draft } from './draft.ts'
import { kvError } from './errors.ts'
import type { Moment } from './operations.ts'
import type { Changes, View } from './state.ts'

/** Commands that may wait; beyond it one is refused. */
export const COMMANDS_WAITING_MAX = 10_000
/** What one commit may hold, so that the first of it does not wait for long. */
const COMMIT_COMMANDS_MAX = 1_000
const COMMIT_BYTES_MAX = 4 * 1024 * 1024

/** What the committer stands on. */
export interface CommitGround {
  readonly state: View
  /** The number of the last change that is stored. */
  index(): number
  /** Resolves when it is on disk, with the number of the last change in it. */
  store(changes: Changes, index: number): Promise<void>
  /** Puts what was stored into force. */
  apply(changes: Changes, index: number): void
  nowMs(): number
}

/**
 * What a command does to a draft of its own; whatever it throws is its answer, and its draft is forgotten. Returns whether its draft is to be
 * kept, and its answer.
 */
export type Command<Result> = (
  draft: Draft,
  moment: Moment,
) => { readonly isKept: boolean; readonly result: Result }

interface Waiting {
  /** Roughly what it brings. */
  readonly bytes: number
  /** Runs it on top of what came before in this commit. Returns the tell of its answer, which waits for the disk. */
  run(base: Draft, index: number): { readonly isKept: boolean; readonly tell: () => void }
  fail(error: unknown): void
}

/**
 * One after the other: commands are run on a draft, stored together in one transaction, put into force, and only then answered. Nobody sees what
 * is not on disk, so a killed process takes back nothing that anybody has seen. Where the disk refuses, nothing of it has happened.
 */
export class Committer {
  readonly #ground: CommitGround
  #waiting: Waiting[] = []
  #pump: Promise<void> | undefined

  constructor(ground: CommitGround) {
    this.#ground = ground
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Rejects with what the command throws, `ERR_KV_BUSY`, or what the storage refuses with. */
  submit<Result>(bytes: number, command: Command<Result>): Promise<Result> {
    if (this.#waiting.length >= COMMANDS_WAITING_MAX) {
      const message = `${this.#waiting.length} writes wait for the disk already. Try again later.`
      return Promise.reject(kvError('ERR_KV_BUSY', message))
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#waiting.push({
      bytes,
      fail: reject,
      run: (base, index) => {
        const draft = new Draft(base)
        const nowMs = this.#ground.nowMs()
        try {
          const { isKept, result } = command(draft, { index, nowMs })
          if (isKept) base.merge(draft)
          return { isKept: isKept && !draft.isEmpty, tell: () => resolve(result) }
        } catch (error) {
          return { isKept: false, tell: () => reject(error) }
        }
      },
    })
    this.#pump ??= this.#pumpAll()
    return promise
  }

  /** Resolves when all that waits now is answered. */
  async settled(): Promise<void> {
    await this.#pump
  }

  async #pumpAll(): Promise<void> {
    // One turn later, so that the commands of one turn share a commit.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commit(this.#take())
    this.#pump = undefined
  }

  #take(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const one of this.#waiting) {
      bytes += one.bytes
      if (count > 0 && (count >= COMMIT_COMMANDS_MAX || bytes > COMMIT_BYTES_MAX)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const ground = this.#ground
    const draft = new Draft(ground.state)
    let index = ground.index()
    const tells = group.map((one) => {
      const { isKept, tell } = one.run(draft, index + 1)
      if (isKept) index++
      return tell
    })
    try {
      if (!draft.isEmpty) await ground.store(draft, index)
    } catch (error) {
      for (const one of group) one.fail(error)
      return
    }
    if (!draft.isEmpty) ground.apply(draft, index)
    for (const tell of tells) tell()
  }
}
