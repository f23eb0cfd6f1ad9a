import type { Clock, Log } from '../../platform/capability.ts'
import type { EventEngine } from './engines/engine.ts'

/** Events that one step removes: appends wait for no longer than that takes. */
const STEP_EVENTS = 500

/** Removes what bounds of streams have set free, in rounds of small steps between which appends go on. */
export class Scavenging {
  readonly #engine: EventEngine
  readonly #clock: Clock
  readonly #log: Log
  readonly #intervalMs: () => number
  #cancel = () => {}
  #round: Promise<number> | undefined
  #isClosed = false

  constructor(engine: EventEngine, clock: Clock, log: Log, intervalMs: () => number) {
    this.#engine = engine
    this.#clock = clock
    this.#log = log
    this.#intervalMs = intervalMs
    this.#schedule()
  }

  /** One round now, or the end of the one that runs. Events that were removed. */
  run(): Promise<number> {
    this.#round ??= this.#runRound().finally(() => (this.#round = undefined))
    return this.#round
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#round?.catch(() => {})
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(this.#intervalMs(), () => {
      this.run()
        .then((removed) => {
          if (removed > 0) this.#log('info', 'events were scavenged', { removed })
        })
        .catch((error: unknown) => this.#log('error', 'scavenging has failed', { error }))
        .finally(() => {
          if (!this.#isClosed) this.#schedule()
        })
    })
  }

  async #runRound(): Promise<number> {
    let removed = 0
    let cursor = ''
    do {
      const nowUs = Math.trunc(this.#clock.nowMs() * 1_000)
      const step = await this.#engine.scavenge({ cursor, eventsMax: STEP_EVENTS, nowUs })
      removed += step.removed
      cursor = step.cursor
      await new Promise<void>((resolve) => void this.#clock.nextTurn(resolve))
    } while (cursor !== '' && !this.#isClosed)
    return removed
  }
}
