/** Something that goes on when the event that made it possible has been dealt with to its end. */
export interface Turn {
  /** In the queue; only `Turns` changes it. */
  isScheduled: boolean
  runTurn(): void
}

/**
 * What one connection's event makes possible for others (a place that became free, a next request that was held back) is queued here and run behind
 * it: nothing re-enters another client's request in the middle of a step.
 */
export class Turns {
  readonly #queue: Turn[] = []
  readonly #failed: (error: unknown) => void
  #isDraining = false

  /** `failed` is told what a turn throws; the others go on. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /** Once, however often it is asked for before its turn. */
  schedule(turn: Turn): void {
    if (turn.isScheduled) return
    turn.isScheduled = true
    this.#queue.push(turn)
  }

  /** Called at the end of each event of the worker. */
  run(): void {
    if (this.#queue.length === 0 || this.#isDraining) return
    this.#isDraining = true
    for (let at = 0; at < this.#queue.length; at++) {
      const turn = this.#queue[at]!
      turn.isScheduled = false
      try {
        turn.runTurn()
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#queue.length = 0
    this.#isDraining = false
  }
}
