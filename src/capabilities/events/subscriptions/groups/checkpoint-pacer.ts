import type { Clock } from '../../../../platform/capability.ts'
import { AHEAD_MAX, type Checkpoints } from './checkpoints.ts'
import type { DonePrefix } from './done-prefix.ts'
import type { GroupSettings } from './group-model.ts'

interface PacerOptions {
  readonly checkpoints: Checkpoints
  readonly clock: Clock
  settings(): GroupSettings
  place(): DonePrefix
  failed(error: unknown): void
}

/** Decides when a checkpoint is stored: after enough events and time, one at a time. */
export class CheckpointPacer {
  readonly #options: PacerOptions
  #handled = 0
  #savedAtMs: number
  #saving: Promise<void> | undefined

  constructor(options: PacerOptions) {
    this.#options = options
    this.#savedAtMs = options.clock.monotonicMs()
  }

  handled(): void {
    this.#handled++
    if (this.#handled >= this.#options.settings().checkpointCountMax) void this.saveNow()
  }

  /** Called now and then. */
  tick(): void {
    const { checkpointAfterMs, checkpointCountMin } = this.#options.settings()
    const ageMs = this.#options.clock.monotonicMs() - this.#savedAtMs
    // Few events are remembered too, a little later: nothing waits for ever.
    const isDue = this.#handled >= checkpointCountMin || ageMs >= checkpointAfterMs * 5
    if (this.#handled > 0 && ageMs >= checkpointAfterMs && isDue) void this.saveNow()
  }

  async saveNow(): Promise<void> {
    if (this.#saving !== undefined) return this.#saving
    if (this.#handled === 0) return
    const { checkpoints, clock } = this.#options
    const place = this.#options.place()
    this.#handled = 0
    this.#savedAtMs = clock.monotonicMs()
    this.#saving = checkpoints
      .save({ next: place.next, ahead: place.ahead(AHEAD_MAX) })
      .catch((error: unknown) => this.#options.failed(error))
      .finally(() => (this.#saving = undefined))
    return this.#saving
  }
}
