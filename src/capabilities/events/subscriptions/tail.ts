import type { EventEngine } from '../engines/engine.ts'
import type { StoredEvent } from '../model.ts'

/** The newest events that are kept for those who follow; whoever falls behind them reads the store. */
export const TAIL_EVENTS_MAX = 4_096
export const TAIL_BYTES_MAX = 16 * 1024 * 1024

/** A part of the order of all events that is in memory. */
export interface TailSlice {
  /** In order; every event from the asked position on that is in memory. */
  readonly events: readonly StoredEvent[]
  /** Behind the last one. */
  readonly next: number
}

/**
 * The end of the order of all events, in memory, for every subscription at once: a commit is read from the store once, by position, and only while somebody
 * follows. What is not committed is never here, and what is cannot be passed over.
 */
export class Tail {
  readonly #engine: EventEngine
  readonly #failed: (error: unknown) => void
  readonly #stop: () => void
  #events: StoredEvent[] = []
  #bytes = 0
  /** Behind the last event in memory. */
  #end: number
  #waiting = new Set<() => void>()
  #isReading = false

  constructor(engine: EventEngine, failed: (error: unknown) => void) {
    this.#engine = engine
    this.#failed = failed
    this.#end = engine.end()
    this.#stop = engine.onCommit(() => this.#fill())
  }

  /** Events from this position on; undefined where they are no longer all in memory. */
  from(position: number): TailSlice | undefined {
    const first = this.#events[0]?.position ?? this.#end
    if (position > this.#end) return { events: [], next: position }
    if (position < first) return undefined
    // Positions have no gap here: nothing that was just written has been scavenged.
    return { events: this.#events.slice(position - first), next: this.#end }
  }

  /** Resolves when there is an event at this position or behind it, or `signal` aborts. */
  async reached(position: number, signal: AbortSignal): Promise<void> {
    if (this.#end > position || signal.aborted) return
    const woken = Promise.withResolvers<void>()
    const wake = (): void => {
      this.#waiting.delete(wake)
      signal.removeEventListener('abort', wake)
      woken.resolve()
    }
    this.#waiting.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    this.#fill()
    await woken.promise
  }

  get followerCount(): number {
    return this.#waiting.size
  }

  close(): void {
    this.#stop()
    for (const wake of this.#waiting) wake()
  }

  #fill(): void {
    if (this.#waiting.size === 0 || this.#isReading) return
    this.#isReading = true
    this.#readNew()
      .catch((error: unknown) => {
        this.#failed(error)
        // Whoever waits reads the store, and is told what is wrong there.
        this.#restartAt(this.#engine.end())
      })
      .finally(() => {
        this.#isReading = false
        if (this.#end < this.#engine.end()) this.#fill()
      })
  }

  async #readNew(): Promise<void> {
    // Nobody followed for long: what lies between is read by those who want it.
    if (this.#engine.end() - this.#end > TAIL_EVENTS_MAX) this.#restartAt(this.#engine.end() - 1)
    while (this.#end < this.#engine.end()) {
      const page = await this.#engine.read({
        source: { kind: 'all', filter: undefined },
        from: this.#end,
        isBackwards: false,
        eventsMax: TAIL_EVENTS_MAX,
        bytesMax: TAIL_BYTES_MAX / 4,
        windowMax: 0,
        nowUs: 0,
      })
      for (const event of page.events) this.#add(event)
      if (page.events.length === 0) return this.#restartAt(this.#engine.end())
      this.#wakeAll()
    }
  }

  #add(event: StoredEvent): void {
    if (event.position !== this.#end) this.#restartAt(event.position)
    this.#events.push(event)
    this.#end = event.position + 1
    this.#bytes += sizeOf(event)
    let drop = 0
    while (this.#events.length - drop > TAIL_EVENTS_MAX || this.#bytes > TAIL_BYTES_MAX) {
      const oldest = this.#events[drop++]
      if (oldest === undefined) break
      this.#bytes -= sizeOf(oldest)
    }
    if (drop > 0) this.#events.splice(0, drop)
  }

  #restartAt(position: number): void {
    this.#events = []
    this.#bytes = 0
    this.#end = position
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake()
  }
}

function sizeOf({ data, metadata }: StoredEvent): number {
  return data.length + metadata.length + 200
}
