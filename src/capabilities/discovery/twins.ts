import type { Clock } from '../../platform/capability.ts'
import { isLoopbackHost } from '../../platform/config/addresses.ts'
import { Deadlines, NO_DEADLINE } from './deadlines.ts'
import { LOCAL_NODE, type Origin } from './model.ts'
import type { CheckRecord, InstanceRecord, TwinRecord } from './records.ts'
import { registrationOf } from './registered.ts'
import type { Registration } from './registration.ts'
import type { Registry } from './registry.ts'

/** A twin, and the instance that it is. */
export interface FoundTwin {
  readonly instance: InstanceRecord
  readonly twin: TwinRecord
}

export interface TwinHooks {
  /** Nobody has renewed it; it is still there. */
  readonly onLeaseEnd: (found: FoundTwin) => void
  /** Another registration of the same instance, by another id, has taken its place. */
  readonly onReplaced: (twin: TwinRecord) => void
}

/** Registrations of instances that Backplane runs or the file names: see `Twin`. */
export class Twins {
  readonly #clock: Clock
  readonly #registry: Registry
  readonly #leases: Deadlines<TwinRecord>
  /** By the name of its service and the id that it gave itself. */
  readonly #byKey = new Map<string, FoundTwin>()

  readonly #onReplaced: TwinHooks['onReplaced']

  constructor(registry: Registry, clock: Clock, { onLeaseEnd, onReplaced }: TwinHooks) {
    this.#clock = clock
    this.#registry = registry
    this.#onReplaced = onReplaced
    this.#leases = new Deadlines<TwinRecord>(clock, (twin) => {
      const found = this.find(twin.spec.service, twin.spec.id)
      if (found?.twin === twin) onLeaseEnd(found)
    })
  }

  /** By the id that it gave itself. */
  find(service: string, id: string): FoundTwin | undefined {
    return this.#byKey.get(keyOf(service, id))
  }

  /** The instance of the house that a registration is of: same service, same machine, same port. */
  houseOf(registration: Registration): InstanceRecord | undefined {
    const { service, node = LOCAL_NODE } = registration.spec
    if (node !== LOCAL_NODE) return undefined
    for (const instance of this.#registry.services.get(service)?.instances.values() ?? []) {
      if (isOfHouse(instance) && isSamePlace(instance, registration)) return instance
    }
    return undefined
  }

  /** What it registered takes the place of what it registered before over the same protocol. `from`: checks whose results go on. */
  put(
    house: InstanceRecord,
    registration: Registration,
    from?: readonly CheckRecord[],
  ): InstanceRecord {
    const { spec, source, checks, ttlMs } = registration
    const before = this.find(spec.service, spec.id)
    if (before !== undefined && before.instance !== house) this.remove(before)
    const same = house.twins.find((one) => one.source === source)
    if (same !== undefined) this.#forget(same)
    const nowMs = this.#clock.nowMs()
    const twin: TwinRecord = {
      ...NO_DEADLINE,
      registration,
      spec,
      source,
      checks,
      ttlMs,
      registeredAtMs: same?.registeredAtMs ?? nowMs,
      updatedAtMs: nowMs,
      renewedAtMs: nowMs,
    }
    this.#byKey.set(keyOf(spec.service, spec.id), { instance: house, twin })
    this.#registry.setTwins(house, [...house.twins.filter((one) => one !== same), twin], from)
    this.#arm(twin)
    if (same !== undefined && same.spec.id !== spec.id) this.#onReplaced(same)
    return house
  }

  /** The instance stays, as it says itself that it is. */
  remove({ instance, twin }: FoundTwin): void {
    this.#forget(twin)
    this.#registry.setTwins(
      instance,
      instance.twins.filter((one) => one !== twin),
    )
  }

  /** Registrations that are the same as an instance of the house that has come. */
  registeredAt(house: InstanceRecord): readonly InstanceRecord[] {
    const { instances } = this.#registry.services.get(house.service) ?? {}
    return [...(instances?.values() ?? [])].filter(
      (one) =>
        one !== house &&
        one.origin === 'registered' &&
        one.nodeRecord === house.nodeRecord &&
        isSamePlace(house, registrationOf(one)),
    )
  }

  /** Its instance is gone: hands out what it registered. */
  take(instance: InstanceRecord): readonly Registration[] {
    for (const twin of instance.twins) this.#forget(twin)
    return instance.twins.map(({ registration }) => registration)
  }

  /** The record of its instance is a new one, of the same process. */
  follow(instance: InstanceRecord): void {
    for (const twin of instance.twins) {
      this.#byKey.set(keyOf(twin.spec.service, twin.spec.id), { instance, twin })
    }
  }

  /** False: it has no twin of this name. */
  renew(service: string, id: string): boolean {
    const found = this.find(service, id)
    if (found === undefined) return false
    found.twin.renewedAtMs = this.#clock.nowMs()
    this.#arm(found.twin)
    return true
  }

  close(): void {
    this.#leases.close()
  }

  #arm(twin: TwinRecord): void {
    if (twin.ttlMs !== undefined) this.#leases.set(twin, this.#clock.monotonicMs() + twin.ttlMs)
  }

  #forget(twin: TwinRecord): void {
    this.#leases.clear(twin)
    this.#byKey.delete(keyOf(twin.spec.service, twin.spec.id))
  }
}

/** Put by the file or by whoever supervises processes. */
export function isOfHouse({ origin }: { readonly origin: Origin }): boolean {
  return origin === 'run' || origin === 'at'
}

/** Whether a registration says that it is where an instance is. */
function isSamePlace(
  { host, port }: Pick<InstanceRecord, 'host' | 'port'>,
  { spec, alsoAt }: Registration,
): boolean {
  if (port !== spec.port && alsoAt?.ports.includes(port) !== true) return false
  const hosts = [spec.host, ...(alsoAt?.hosts ?? [])]
  // This machine has more than one name for itself.
  return hosts.includes(host) || (isLoopbackHost(host) && hosts.some(isLoopbackHost))
}

function keyOf(service: string, id: string): string {
  return `${service} ${id}`
}
