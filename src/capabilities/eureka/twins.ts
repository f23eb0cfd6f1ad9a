import type { Clock } from '../../platform/capability.ts'
import type { EurekaRegistration } from './model.ts'

/** What an instance registered that Backplane knows from elsewhere: it runs it, or the file names it. */
export interface Twin {
  readonly registration: EurekaRegistration
  readonly service: string
  /** Its id in the registry. */
  readonly id: string
  readonly registeredAtMs: number
  renewedAtMs: number
  readonly updatedAtMs: number
  /** On the monotonic clock. */
  endsAtMs: number
}

/**
 * Registrations of instances that are in the registry already. They are not registered twice, which would send them twice as much and keep them in rotation
 * while they are stopped; what they say of themselves is kept beside, in memory, for as long as they renew it.
 */
export class Twins {
  readonly #clock: Clock
  readonly #byKey = new Map<string, Twin>()
  readonly #byHouse = new Map<string, Twin>()
  /** Rises with each change that is seen. */
  version = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#byKey.size
  }

  put(service: string, id: string, registration: EurekaRegistration): Twin {
    const key = keyOf(service, registration.instanceId)
    const before = this.#byKey.get(key)
    if (before !== undefined) this.#drop(before)
    const nowMs = this.#clock.nowMs()
    const twin: Twin = {
      registration,
      service,
      id,
      registeredAtMs: before?.registeredAtMs ?? nowMs,
      renewedAtMs: nowMs,
      updatedAtMs: nowMs,
      endsAtMs: this.#clock.monotonicMs() + registration.durationS * 1000,
    }
    this.#byKey.set(key, twin)
    this.#byHouse.set(keyOf(service, id), twin)
    this.version++
    return twin
  }

  /** By the id that it gave itself. */
  find(service: string, instanceId: string): Twin | undefined {
    return this.#living(this.#byKey.get(keyOf(service, instanceId)))
  }

  /** By its id in the registry. */
  of(service: string, id: string): Twin | undefined {
    return this.#living(this.#byHouse.get(keyOf(service, id)))
  }

  renew(twin: Twin): void {
    twin.renewedAtMs = this.#clock.nowMs()
    twin.endsAtMs = this.#clock.monotonicMs() + twin.registration.durationS * 1000
  }

  remove(twin: Twin): void {
    this.#drop(twin)
    this.version++
  }

  /** Forgets those that nobody renewed. */
  sweep(): void {
    for (const twin of this.#byKey.values()) this.#living(twin)
  }

  all(): Iterable<Twin> {
    return this.#byKey.values()
  }

  #living(twin: Twin | undefined): Twin | undefined {
    if (twin === undefined || twin.endsAtMs > this.#clock.monotonicMs()) return twin
    this.remove(twin)
    return undefined
  }

  #drop({ service, id, registration }: Twin): void {
    this.#byKey.delete(keyOf(service, registration.instanceId))
    this.#byHouse.delete(keyOf(service, id))
  }
}

function keyOf(service: string, id: string): string {
  return `${service} ${id}`
}
