import type { NotedEvent, TimelineEvent } from '../../contracts/timeline.ts'

/** Events that are kept. */
export const EVENTS_MAX = 5_000
/** UTF-16 units of all their texts together. */
export const EVENT_UNITS_MAX = 4 * 1024 * 1024
/** A service that flaps, or registers by the thousand, may not push out everything else: so many events of one in a minute, then one that counts the rest. */
export const PER_MINUTE_MAX = 60
const MINUTE_MS = 60_000

interface Budget {
  minute: number
  count: number
}

/** The newest events, bounded in number, in size, and by service and minute. */
export class EventRing {
  #events: TimelineEvent[] = []
  #units = 0
  #last: number
  readonly #budgets = new Map<string, Budget>()

  /** `events` in order of their numbers; `last` may be higher than the newest. */
  constructor(events: readonly TimelineEvent[], last: number) {
    this.#last = last
    for (const event of events) this.#push(event)
  }

  get last(): number {
    return this.#last
  }

  /** Undefined where the service has had enough for this minute. */
  add(noted: NotedEvent, atMs: number): TimelineEvent | undefined {
    const event = this.#withinBudget(noted, atMs)
    if (event === undefined) return undefined
    const numbered = { seq: ++this.#last, atMs, ...event }
    this.#push(numbered)
    return numbered
  }

  /** Newest first: those that `wanted` takes, below `before`, above `after`. */
  read(
    wanted: (event: TimelineEvent) => boolean,
    {
      before = Infinity,
      after = 0,
      limit,
    }: { readonly before?: number; readonly after?: number; readonly limit: number },
  ): readonly TimelineEvent[] {
    const found: TimelineEvent[] = []
    for (let i = this.#events.length - 1; i >= 0 && found.length < limit; i--) {
      const event = this.#events[i]!
      if (event.seq <= after) break
      if (event.seq < before && wanted(event)) found.push(event)
    }
    return found
  }

  /** Number of the oldest that is kept; below it everything is forgotten. */
  get oldest(): number {
    return this.#events[0]?.seq ?? this.#last + 1
  }

  #push(event: TimelineEvent): void {
    this.#events.push(event)
    this.#units += unitsOf(event)
    this.#last = Math.max(this.#last, event.seq)
    let gone = 0
    while (this.#events.length - gone > EVENTS_MAX || this.#units > EVENT_UNITS_MAX) {
      this.#units -= unitsOf(this.#events[gone++]!)
    }
    if (gone > 0) this.#events.splice(0, gone)
  }

  #withinBudget(noted: NotedEvent, atMs: number): NotedEvent | undefined {
    const minute = Math.floor(atMs / MINUTE_MS)
    const known = this.#budgets.get(noted.service)
    const budget = known?.minute === minute ? known : { minute, count: 0 }
    if (known !== budget) {
      if (this.#budgets.size > EVENTS_MAX) this.#budgets.clear()
      this.#budgets.set(noted.service, budget)
    }
    budget.count++
    if (budget.count <= PER_MINUTE_MAX) return noted
    if (budget.count > PER_MINUTE_MAX + 1) return undefined
    const { service } = noted
    return {
      kind: 'more',
      severity: 'warning',
      service,
      instance: '',
      text: `more than ${PER_MINUTE_MAX} events within a minute: the rest of this minute is not noted`,
    }
  }
}

function unitsOf({ text, detail = '', service, instance }: TimelineEvent): number {
  return text.length + detail.length + service.length + instance.length + 64
}
