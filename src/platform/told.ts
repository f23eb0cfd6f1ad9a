import type { Clock } from './capability.ts'

/**
 * When services were last told to somebody. Whoever asked still uses the answer for a while, so an instance that leaves in order takes requests
 * until nobody can have it from an answer any more.
 */
export class ToldServices {
  readonly #clock: Clock
  readonly #atMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(service: string): void {
    this.#atMs.set(service, this.#clock.monotonicMs())
  }

  forget(service: string): void {
    this.#atMs.delete(service)
  }

  /**
   * Resolves when what was told of the service until now is older than `ageMs`: with true, or with false where that takes longer than
   * `timeoutMs` or the signal aborts.
   */
  async whenOld(
    service: string,
    ageMs: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const atMs = this.#atMs.get(service)
    const leftMs = atMs === undefined ? 0 : atMs + ageMs - this.#clock.monotonicMs()
    if (leftMs <= 0) return true
    const over = Promise.withResolvers<boolean>()
    const cancel = this.#clock.after(Math.min(leftMs, timeoutMs), () =>
      over.resolve(leftMs <= timeoutMs),
    )
    const abort = (): void => over.resolve(false)
    signal.addEventListener('abort', abort)
    const isOld = await over.promise
    signal.removeEventListener('abort', abort)
    cancel()
    return isOld
  }
}
