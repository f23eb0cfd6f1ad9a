import type {
  BreakerState,
  ResilienceEvent,
  ResilienceMessage,
  ServiceLoad,
} from '../../contracts/resilience.ts'

/** Events that are kept for each service, and services that have some; beyond it the oldest go. */
export const EVENTS_PER_SERVICE_MAX = 200
const SERVICES_WITH_EVENTS_MAX = 1_000

/** What the data plane says of breakers, and what has happened: by service. */
export interface ResilienceStore {
  add(message: ResilienceMessage): void
  /** Of all services, or of one: its own first. */
  breakers(service?: string): readonly BreakerState[]
  /** Newest first. */
  events(service: string): readonly ResilienceEvent[]
  /** Undefined where nothing was said of it yet. */
  load(service: string): ServiceLoad | undefined
  loads(): Iterable<ServiceLoad>
  /** The service is gone. */
  forget(service: string): void
}

export function createResilienceStore(): ResilienceStore {
  const breakers = new Map<string, BreakerState>()
  const events = new Map<string, ResilienceEvent[]>()
  const loads = new Map<string, ServiceLoad>()

  function note(event: ResilienceEvent): void {
    const list = events.get(event.service) ?? []
    // Whose last event is the newest stands last.
    events.delete(event.service)
    events.set(event.service, list)
    list.push(event)
    if (list.length > EVENTS_PER_SERVICE_MAX) list.shift()
    const [oldest] = events.keys()
    if (events.size > SERVICES_WITH_EVENTS_MAX && oldest !== undefined) events.delete(oldest)
  }

  return {
    add(message) {
      if (message.reset) {
        breakers.clear()
        loads.clear()
      }
      for (const load of message.loads ?? []) loads.set(load.service, load)
      for (const row of message.breakers) {
        const key = `${row.service}\n${row.instance}`
        if (row.period < 0) breakers.delete(key)
        else breakers.set(key, row)
      }
      for (const event of message.events) note(event)
    },
    breakers: (service) =>
      [...breakers.values()]
        .filter((row) => service === undefined || row.service === service)
        .toSorted((a, b) => compare(a.service, b.service) || compare(a.instance, b.instance)),
    events: (service) => (events.get(service) ?? []).toReversed(),
    load: (service) => loads.get(service),
    loads: () => loads.values(),
    forget(service) {
      loads.delete(service)
      events.delete(service)
    },
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
