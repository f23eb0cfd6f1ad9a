import type { Log } from '../../platform/capability.ts'
import type { PutInstanceOptions } from './api.ts'
import type { InstanceSpec } from './model.ts'
import type { InstanceRecord } from './records.ts'
import { registrationOf } from './registered.ts'
import type { Registrations } from './registration-store.ts'
import type { Registry } from './registry.ts'
import { isOfHouse, type FoundTwin, type Twins } from './twins.ts'

/** What it stands on. */
export interface HouseGround {
  readonly registry: Registry
  readonly registrations: Registrations
  readonly twins: Twins
  readonly log: Log
}

/** Instances that Backplane runs or the file names, and the registrations that are theirs. */
export class House {
  readonly #ground: HouseGround

  constructor(ground: HouseGround) {
    this.#ground = ground
  }

  /**
   * Puts an instance of the house. Registrations that are the same become its twins; another one that has its id gives way to it, and is deleted. Throws
   * what `Registry.putInstance` throws.
   */
  put(spec: InstanceSpec, options: PutInstanceOptions): InstanceRecord {
    const { registry, registrations, twins } = this.#ground
    const before = registry.find(spec.service, spec.id)
    const override = registrations.overrideOf(spec.service, spec.id)
    const house = registry.putInstance(spec, { ...options, ...override })
    if (!isOfHouse(house)) return house
    twins.follow(house)
    if (before?.origin === 'registered') {
      const registration = registrationOf(before)
      const isSame = twins.houseOf(registration) === house
      if (isSame) twins.put(house, registration, before.checks)
      else this.forget(registration.spec)
    }
    for (const one of twins.registeredAt(house)) {
      registry.removeInstance(one.service, one.id)
      twins.put(house, registrationOf(one), one.checks)
      this.#moveOverride(one, house)
    }
    return house
  }

  /** What an instance registered is forgotten, where Backplane ran it; what somebody else runs stays registered. */
  onTwinsLost(instance: InstanceRecord): void {
    const { registrations, twins } = this.#ground
    for (const registration of twins.take(instance)) {
      if (instance.origin === 'run') this.forget(registration.spec)
      else registrations.put(registration)
    }
  }

  /** The lease of a twin, or one of its checks, says that it is over. */
  endTwin({ instance, twin }: FoundTwin): void {
    this.#ground.twins.remove({ instance, twin })
    this.forget(twin.spec)
    const why = 'what an instance had registered of itself is over'
    const { service, id } = instance
    this.#ground.log('info', why, { service, instance: id, source: twin.source })
  }

  /** Deletes what was registered from the disk, soon. Where that fails it comes back with the next start, and is over again. */
  forget({ service, id }: Pick<InstanceSpec, 'service' | 'id'>): void {
    const { registrations, log } = this.#ground
    registrations.forget(service, id).catch((error: unknown) => {
      log('warn', 'a registration that is over could not be deleted', { service, id, error })
    })
  }

  /** One that kept the registration out of rotation does so with the instance that it is. */
  #moveOverride(from: InstanceRecord, { service, id, override }: InstanceRecord): void {
    if (from.override === undefined) return
    const { registrations, log } = this.#ground
    const move = async () => {
      if (override === undefined) {
        await registrations.setOverride(service, id, from.override, from.overrideReason)
      }
      await registrations.setOverride(from.service, from.id, undefined, '')
    }
    move().catch((error: unknown) => {
      log('warn', 'an override could not be moved', { service, id, error })
    })
  }
}
