import { NOT_TIMED, TimerWheel, type Timed } from '../../mechanisms/timer-wheel/timer-wheel.ts'
import type { Clock } from '../../platform/capability.ts'

/** Between two looks at what is due. */
const LOOK_MS = 250
/** A process that stood still for longer gives everybody the time that it has missed: nobody could renew meanwhile. */
const STALL_MS_MIN = 1_000
/**
 * Consul's promise is that a session lives for at least its TTL, and in fact it lives for twice that; clients such as Patroni count on it: they ask for
 * half of the time for which they believe to be the leader.
 */
const TTL_MULTIPLIER = 2

class Lifetime implements Timed {
  dueAtMs: number = NOT_TIMED.dueAtMs
  slot: number = NOT_TIMED.slot
  before: Timed | undefined = undefined
  after: Timed | undefined = undefined
  readonly id: string
  readonly ttlMs: number

  constructor(id: string, ttlMs: number) {
    this.id = id
    this.ttlMs = ttlMs
  }
}

/** How long sessions with a TTL live without a sign of life. */
export class Lifetimes {
  readonly #clock: Clock
  readonly #ended: (id: string) => void
  readonly #wheel: TimerWheel<Lifetime>
  readonly #byId = new Map<string, Lifetime>()
  #lookedAtMs: number
  #cancel: (() => void) | undefined

  /** `ended` is called once for each one that is over. */
  constructor(clock: Clock, ended: (id: string) => void) {
    this.#clock = clock
    this.#ended = ended
    this.#lookedAtMs = clock.monotonicMs()
    this.#wheel = new TimerWheel(LOOK_MS, this.#lookedAtMs)
  }

  /** It lives anew, in full. */
  begin(id: string, ttlMs: number): void {
    const one = this.#byId.get(id) ?? new Lifetime(id, ttlMs)
    this.#byId.set(id, one)
    this.#wheel.set(one, this.#clock.monotonicMs() + ttlMs * TTL_MULTIPLIER)
    if (this.#cancel !== undefined) return
    this.#lookedAtMs = this.#clock.monotonicMs()
    this.#cancel = this.#clock.every(LOOK_MS, () => this.#look())
  }

  /** A sign of life. False: it is over, or was never there. */
  renew(id: string): boolean {
    const one = this.#byId.get(id)
    if (one !== undefined) this.begin(id, one.ttlMs)
    return one !== undefined
  }

  leftMs(id: string): number {
    const one = this.#byId.get(id)
    return one === undefined ? Infinity : one.dueAtMs - this.#clock.monotonicMs()
  }

  forget(id: string): void {
    const one = this.#byId.get(id)
    if (one === undefined) return
    this.#byId.delete(id)
    this.#wheel.clear(one)
    if (this.#byId.size === 0) this.close()
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs()
    const missedMs = nowMs - this.#lookedAtMs - LOOK_MS
    this.#lookedAtMs = nowMs
    if (missedMs > STALL_MS_MIN) {
      for (const one of this.#byId.values()) this.#wheel.set(one, one.dueAtMs + missedMs)
    }
    this.#wheel.advance(nowMs, ({ id }) => {
      this.#byId.delete(id)
      this.#ended(id)
    })
    if (this.#byId.size === 0) this.close()
  }
}
