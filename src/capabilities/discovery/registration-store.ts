import type { SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { CheckSpec } from './check-spec.ts'
import { ClientCounts } from './client-counts.ts'
import {
  checksFullError,
  clientFullError,
  DiscoveryError,
  instanceTakenError,
  instanceUnknownError,
  registryFullError,
} from './errors.ts'
import { LOCAL_NODE, type Instance, type StatusOverride } from './model.ts'
import type { Plan } from './plan.ts'
import { readStoredRows } from './read-rows.ts'
import type { InstanceRecord } from './records.ts'
import { registrationOf } from './registered.ts'
import { REGISTRATION_LIMITS, refuseOversized, type Registration } from './registration.ts'
import type { Registry } from './registry.ts'
import { parseStoredOverride, parseStoredRegistration } from './stored.ts'
import { deleteFrom, keyOf, splitKey, storeOf } from './registration-rows.ts'
import { forgetTold } from './told-states.ts'
import type { Twins } from './twins.ts'

/** Overrides that are kept, also of instances that are gone for a while; beyond it a new one is refused. */
export const OVERRIDES_MAX = 10_000

/** What it stands on. */
export interface RegistrationsGround {
  readonly registry: Registry
  readonly storage: Storage
  readonly setAside: SetAside
  readonly twins: Twins
  readonly limits: { readonly instances: number; readonly perClient: number }
}

interface StoredOverride {
  readonly status: StatusOverride
  readonly reason: string
}

/** Registrations and overrides that outlive a restart: in the registry after they are on disk. */
export class Registrations {
  readonly #registry: Registry
  readonly #storage: Storage
  readonly #setAside: SetAside
  readonly #overrides = new Map<string, StoredOverride>()
  /** The last write under way by instance: each sees what the one before it has done, and a lease that ends meanwhile deletes nothing. */
  readonly #writing = new Map<string, Promise<unknown>>()
  /** A transaction over several is under way. */
  #exclusive: Promise<void> | undefined
  readonly #instancesMax: number
  readonly #perClientMax: number
  /** Of processes that the last control plane ran, and that nobody has put yet. */
  readonly #ofProcesses = new Set<string>()
  readonly #twins: Twins
  /** New instances whose write is under way, by client: they count, or many at once would slip past the bounds. */
  readonly #arriving = new ClientCounts()

  constructor(ground: RegistrationsGround) {
    const { registry, storage, setAside, limits } = ground
    this.#registry = registry
    this.#storage = storage
    this.#setAside = setAside
    this.#instancesMax = limits.instances
    this.#perClientMax = limits.perClient
    this.#twins = ground.twins
  }

  /** Puts everything that was stored into the registry, each with a whole new lease. What cannot be read is set aside. */
  async restore(): Promise<void> {
    const from = { storage: this.#storage, setAside: this.#setAside }
    await readStoredRows(from, 'discovery_overrides', ['service', 'id'], (row) => {
      const [service, id] = [String(row['service']), String(row['id'])]
      const status = parseStoredOverride(service, id, String(row['status']))
      this.#overrides.set(keyOf(service, id), { status, reason: String(row['reason']) })
    })
    await readStoredRows(from, 'discovery_registrations', ['service', 'id'], (row) => {
      const [service, id] = [String(row['service']), String(row['id'])]
      const registration = parseStoredRegistration(service, id, String(row['body']))
      this.put(registration)
      if (registration.isOfProcess === true) this.#ofProcesses.add(keyOf(service, id))
    })
  }

  /** Resolves when it is stored and in the registry. Throws `ERR_DISCOVERY_INVALID` beyond a limit, `DiscoveryError`, `StorageError`. */
  async register(registration: Registration): Promise<Instance> {
    refuseOversized(registration)
    const { service, id } = registration.spec
    return this.#inOrder(service, id, () => this.#register(registration))
  }

  /**
   * Gives a registration other checks. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, `ERR_DISCOVERY_INSTANCE_TAKEN`,
   * `ERR_DISCOVERY_CHECKS_FULL`.
   */
  async changeChecks(
    { service, id }: Pick<Instance, 'service' | 'id'>,
    change: (specs: readonly CheckSpec[]) => readonly CheckSpec[],
  ): Promise<void> {
    await this.#inOrder(service, id, async () => {
      const twin = this.#twins.find(service, id)?.twin
      const registration = twin?.registration ?? registrationOf(this.#registered(service, id))
      const { checks: specs } = registration
      const checks = change(specs)
      if (checks.length > Math.max(specs.length, REGISTRATION_LIMITS.checksMax)) {
        throw checksFullError(`'${id}' of '${service}'`, specs.length)
      }
      const isOfProcess =
        twin !== undefined && this.#twins.find(service, id)?.instance.origin === 'run'
      await this.#storage.write([storeOf({ ...registration, checks, isOfProcess })])
      const found = this.#twins.find(service, id)
      if (found !== undefined) this.#twins.put(found.instance, { ...registration, checks })
      const now = this.#registry.find(service, id)
      if (now?.origin === 'registered') this.#registry.replaceChecks(now, checks)
    })
  }

  /** Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, and `ERR_DISCOVERY_INSTANCE_TAKEN` for one that is not a registration. */
  async deregister(service: string, id: string): Promise<void> {
    await this.#inOrder(service, id, async () => {
      if (this.#twins.find(service, id) === undefined) this.#registered(service, id)
      const { statements, apply } = this.planDrop({ service, id })
      await this.#storage.write(statements)
      apply()
    })
  }

  /** Undefined clears. Resolves when it is stored. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, `ERR_DISCOVERY_OVERRIDES_FULL`. */
  async setOverride(
    service: string,
    id: string,
    override: StatusOverride | undefined,
    reason: string,
  ): Promise<void> {
    const key = keyOf(service, id)
    await this.#inOrder(service, id, async () => {
      if (this.#registry.find(service, id) === undefined && !this.#overrides.has(key)) {
        throw instanceUnknownError(service, id)
      }
      if (override !== undefined && !this.#overrides.has(key)) refuseMore(this.#overrides.size)
      await this.#storage.write([
        override === undefined
          ? deleteFrom('discovery_overrides', service, id)
          : {
              sql: 'INSERT OR REPLACE INTO discovery_overrides (service, id, status, reason) VALUES (?, ?, ?, ?)',
              params: [service, id, override, reason],
            },
      ])
      if (override === undefined) this.#overrides.delete(key)
      else this.#overrides.set(key, { status: override, reason })
      const instance = this.#registry.find(service, id)
      if (instance !== undefined) this.#registry.setOverride(instance, override, reason)
    })
  }

  /** The override that waits for an instance, of any origin. */
  overrideOf(
    service: string,
    id: string,
  ): { readonly override?: StatusOverride; readonly overrideReason?: string } {
    const found = this.#overrides.get(keyOf(service, id))
    return found === undefined ? {} : { override: found.status, overrideReason: found.reason }
  }

  /** Deletes a registration whose lease has ended, or whose id the file has taken; an override stays. Rejects with `StorageError`. */
  async forget(service: string, id: string): Promise<void> {
    if (this.#writing.has(keyOf(service, id))) return
    await this.#storage.write([
      deleteFrom('discovery_registrations', service, id),
      forgetTold(service, id),
    ])
  }

  /** Processes that end while no control plane looks at them leave their registrations behind: those that nobody has claimed go. */
  async forgetOrphans(): Promise<void> {
    const orphans = [...this.#ofProcesses]
    this.#ofProcesses.clear()
    await Promise.all(
      orphans.map(async (key) => {
        const [service, id] = splitKey(key)
        const instance = this.#registry.find(service, id)
        if (instance?.origin !== 'registered') return
        this.#registry.removeInstance(service, id)
        await this.forget(service, id)
      }),
    )
  }

  async #register(registration: Registration): Promise<Instance> {
    const { client = '' } = registration
    const { service, id } = registration.spec
    const { statements, isNew, apply } = this.planPut(registration)
    if (isNew) this.#arriving.add(client, 1)
    try {
      await this.#storage.write(statements)
    } finally {
      if (isNew) this.#arriving.add(client, -1)
    }
    try {
      return apply()
    } catch (error) {
      // The file has taken the id meanwhile.
      await this.#storage.write([deleteFrom('discovery_registrations', service, id)])
      throw error
    }
  }

  /** What a registration stores, and does when it is stored. `more`: new ones beside it. Throws what `register` does. */
  planPut(
    registration: Registration,
    { more = 0 } = {},
  ): Plan<Instance> & { readonly isNew: boolean } {
    const { source, spec, client = '' } = registration
    const { service, id } = spec
    this.#ofProcesses.delete(keyOf(service, id))
    const house = this.#twins.houseOf(registration)
    const before = this.#registry.find(service, id)
    if (before !== undefined && before !== house) refuseOther(before, source)
    const moved = this.#movedOf(registration, before, house)
    const isNew = house === undefined && before === undefined && moved === undefined
    if (isNew) this.#refuseMore(client, more)
    return {
      isNew,
      statements: [
        storeOf(house?.origin === 'run' ? { ...registration, isOfProcess: true } : registration),
        ...(moved === undefined
          ? []
          : [
              deleteFrom('discovery_registrations', moved.service, moved.id),
              forgetTold(moved.service, moved.id),
            ]),
      ],
      apply: () => {
        if (moved !== undefined) this.#removeMoved(moved)
        return this.#join(registration) ?? this.put(registration)
      },
    }
  }

  /** What the end of a registration stores, and does when it is stored. */
  planDrop({ service, id }: Pick<Instance, 'service' | 'id'>): Plan {
    const isTwin = this.#twins.find(service, id) !== undefined
    return {
      statements: [
        deleteFrom('discovery_registrations', service, id),
        ...(isTwin ? [] : [deleteFrom('discovery_overrides', service, id)]),
        forgetTold(service, id),
      ],
      apply: () => {
        const found = this.#twins.find(service, id)
        if (found !== undefined) return this.#twins.remove(found)
        this.#overrides.delete(keyOf(service, id))
        const now = this.#registry.find(service, id)
        if (now?.origin === 'registered') this.#registry.removeInstance(service, id)
      },
    }
  }

  /** Runs when every write that is under way is over, and before those that come later. */
  async exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#exclusive
    const mine = (async () => {
      await before
      await Promise.allSettled(this.#writing.values())
      return work()
    })()
    const over = mine.then(
      () => {},
      () => {},
    )
    this.#exclusive = over
    try {
      return await mine
    } finally {
      if (this.#exclusive === over) this.#exclusive = undefined
    }
  }

  /** The registration with the same id on the node under another name: it has moved. Throws `ERR_DISCOVERY_INSTANCE_TAKEN`. */
  #movedOf(
    { spec, source }: Registration,
    before: InstanceRecord | undefined,
    house: InstanceRecord | undefined,
  ): Moved | undefined {
    const { id, node = LOCAL_NODE, idOnNode, service } = spec
    if (idOnNode === undefined) return undefined
    const there = this.#registry.nodes.get(node)?.instances.get(idOnNode)
    if (there === undefined || there === before || there.isIdDerived) return undefined
    const twin = there.twins.find((one) => one.spec.idOnNode === idOnNode)
    if (twin === undefined) refuseOther(there, source)
    else if (there === house || (twin.spec.service === service && twin.spec.id === id))
      return undefined
    return { service: there.service, id: twin?.spec.id ?? there.id, isTwin: twin !== undefined }
  }

  #removeMoved({ service, id, isTwin }: Moved): void {
    const found = this.#twins.find(service, id)
    if (found !== undefined) this.#twins.remove(found)
    else if (!isTwin) this.#registry.removeInstance(service, id)
  }

  /** Undefined where it is no instance of the house. What it was until now goes. */
  #join(registration: Registration): Instance | undefined {
    const { service, id } = registration.spec
    const house = this.#twins.houseOf(registration)
    const twin = this.#twins.find(service, id)
    if (house === undefined) {
      if (twin !== undefined) this.#twins.remove(twin)
      return undefined
    }
    const alone = this.#registry.find(service, id)
    if (alone !== undefined && alone !== house) this.#registry.removeInstance(service, id)
    return this.#twins.put(house, registration, alone === house ? [] : alone?.checks)
  }

  /** Throws `ERR_DISCOVERY_FULL`, `ERR_DISCOVERY_CLIENT_FULL`. */
  #refuseMore(client: string, more: number): void {
    const count = this.#registry.instanceCount + this.#arriving.total + more
    if (count >= this.#instancesMax) throw registryFullError(count)
    if (client === '') return
    const own = this.#registry.clients.of(client) + this.#arriving.of(client) + more
    if (own >= this.#perClientMax) throw clientFullError(client, own)
  }

  /** Into the registry only. Throws what `Registry.putInstance` throws. */
  put({ spec, checks, ttlMs, source, client, alsoAt }: Registration): Instance {
    return this.#registry.putInstance(spec, {
      origin: 'registered',
      source,
      client,
      alsoAt,
      checks,
      ...(ttlMs === undefined ? {} : { lease: { ttlMs, atEnd: 'remove' } }),
      ...this.overrideOf(spec.service, spec.id),
    })
  }

  #registered(service: string, id: string): InstanceRecord {
    const instance = this.#registry.find(service, id)
    if (instance === undefined) throw instanceUnknownError(service, id)
    if (instance.origin !== 'registered') throw instanceTakenError(instance)
    return instance
  }

  async #inOrder<Result>(
    service: string,
    id: string,
    work: () => Promise<Result>,
  ): Promise<Result> {
    while (this.#exclusive !== undefined) await this.#exclusive
    const key = keyOf(service, id)
    const before = this.#writing.get(key)
    const mine = before === undefined ? work() : before.then(work, work)
    this.#writing.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#writing.get(key) === mine) this.#writing.delete(key)
    }
  }
}

interface Moved {
  readonly service: string
  readonly id: string
  readonly isTwin: boolean
}

function refuseMore(count: number): void {
  if (count < OVERRIDES_MAX) return
  throw new DiscoveryError(
    507,
    'ERR_DISCOVERY_OVERRIDES_FULL',
    `${count} instances have an override already (overridesMax). Clear some, also of instances that are gone.`,
  )
}

/** Two sources must not fight over one instance. */
function refuseOther(instance: InstanceRecord, source: string): void {
  if (instance.origin === 'followed') return
  if (instance.origin !== 'registered' || instance.source !== source) {
    throw instanceTakenError(instance)
  }
}
