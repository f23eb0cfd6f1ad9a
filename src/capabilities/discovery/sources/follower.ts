import { backoffMs } from '../../../mechanisms/backoff/backoff.ts'
import type { Clock, Log, Random } from '../../../platform/capability.ts'
import { SOURCE_LIMITS, SourceError, type Source, type Target } from './source.ts'

/** How one source of one service stands. */
export interface SourceView {
  readonly service: string
  readonly kind: Source['kind']
  readonly place: string
  /** 0 is used first. */
  readonly priority: number
  readonly targetCount: number
  /** What is kept is old: it cannot be reached, or names nobody all of a sudden. */
  readonly isStale: boolean
  /** Why; '' where it is not stale. */
  readonly why: string
  /** Unix ms of the last answer that was used; 0: none since the start. */
  readonly answeredAtMs: number
}

export interface FollowerOptions {
  readonly service: string
  readonly priority: number
  readonly source: Source
  /** An answer without anybody counts only when it stays so for this long. */
  readonly emptyAfterMs: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** What it named before, from before a restart. */
  readonly known: readonly Target[]
  /** The set is another one, or how they stand. */
  apply(targets: readonly Target[]): void
}

/** A look that takes longer has failed. A source that waits is asked to wait less. */
const LOOK_MS_MAX = 70_000
const WAIT_MS = 60_000
const RETRY = { minMs: 500, maxMs: 30_000 } as const

/** Follows one source until it is closed: keeps the last set while it cannot be reached, and does not believe a sudden nothing. */
export class Follower {
  readonly #options: FollowerOptions
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #targets: readonly Target[]
  #failure = ''
  #failures = 0
  #emptySinceMs: number | undefined = undefined
  #answeredAtMs = 0

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#targets = options.known
    if (options.known.length > 0) options.apply(options.known)
    this.#ended = this.#run()
  }

  view(): SourceView {
    const { service, source, priority } = this.#options
    const isEmpty = this.#emptySinceMs !== undefined
    const why = this.#failure || (isEmpty ? 'names nobody all of a sudden' : '')
    const { kind, place } = source
    const common = { service, kind, place, priority, targetCount: this.#targets.length }
    return { ...common, isStale: why !== '', why, answeredAtMs: this.#answeredAtMs }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    this.#options.source.close?.()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) await this.#pause(await this.#lookOnce())
  }

  /** Looks, and says when to look again. */
  async #lookOnce(): Promise<number> {
    const { source, clock, random, log, service } = this.#options
    const look = new AbortController()
    const abort = () => look.abort()
    this.#stop.signal.addEventListener('abort', abort, { once: true })
    const cancel = clock.after(LOOK_MS_MAX, abort)
    try {
      const { targets, againMs } = await source.look(this.#waitMs(), look.signal)
      if (targets.length > SOURCE_LIMITS.targetsMax) {
        throw new SourceError(
          `names ${targets.length} instances, more than ${SOURCE_LIMITS.targetsMax} (targetsMax)`,
        )
      }
      return this.#take(targets, againMs)
    } catch (error) {
      if (this.#stop.signal.aborted) return 0
      const why = look.signal.aborted ? `no answer within ${LOOK_MS_MAX} ms` : messageOf(error)
      if (this.#failure === '') {
        log('warn', 'a source of instances cannot be read', { service, place: source.place, why })
      }
      this.#failure = why
      return backoffMs(RETRY, this.#failures++, 'equal', random)
    } finally {
      cancel()
      this.#stop.signal.removeEventListener('abort', abort)
    }
  }

  #take(targets: readonly Target[], againMs: number): number {
    const { clock, emptyAfterMs, log, service, source } = this.#options
    if (this.#failure !== '') {
      log('info', 'a source of instances is read again', { service, place: source.place })
    }
    this.#failure = ''
    this.#failures = 0
    if (targets.length === 0 && this.#targets.length > 0) {
      this.#emptySinceMs ??= clock.monotonicMs()
      const leftMs = this.#emptySinceMs + emptyAfterMs - clock.monotonicMs()
      if (leftMs > 0) return Math.min(Math.max(againMs, 100), leftMs)
    }
    this.#emptySinceMs = undefined
    this.#answeredAtMs = clock.nowMs()
    if (JSON.stringify(targets) !== JSON.stringify(this.#targets)) {
      // Where it cannot be put (the registry is full), it is tried again.
      this.#options.apply(targets)
      this.#targets = targets
    }
    return againMs
  }

  /** While nothing is believed, nobody waits longer than until it is. */
  #waitMs(): number {
    if (this.#emptySinceMs === undefined) return WAIT_MS
    const { clock, emptyAfterMs } = this.#options
    return Math.max(0, this.#emptySinceMs + emptyAfterMs - clock.monotonicMs())
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#stop
    if (signal.aborted) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(delayMs, resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    return promise.finally(cancel)
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Several addresses were tried: what came of the first says enough.
  if (error instanceof AggregateError) return messageOf(error.errors[0])
  return error.message
}
