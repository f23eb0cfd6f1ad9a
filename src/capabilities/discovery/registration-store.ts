import type { SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { CheckSpec } from './check-spec.ts'
import {
  checksFullError,
  DiscoveryError,
  instanceTakenError,
  instanceUnknownError,
  registryFullError,
} from './errors.ts'
import { LOCAL_NODE, type Instance, type StatusOverride } from './model.ts'
import { readStoredRows } from './read-rows.ts'
import type { InstanceRecord } from './records.ts'
import { REGISTRATION_LIMITS, refuseOversized, type Registration } from './registration.ts'
import type { Registry } from './registry.ts'
import { parseStoredOverride, parseStoredRegistration } from './stored.ts'
import { forgetTold } from './told-states.ts'

/** Overrides that are kept, also of instances that are gone for a while; beyond it a new one is refused. */
export const OVERRIDES_MAX = 10_000

type Statement = Parameters<Storage['write']>[0][number]

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
  readonly #instancesMax: number
  /** New instances whose write is under way: they count, or many at once would slip past the bound. */
  #arriving = 0

  constructor(registry: Registry, storage: Storage, setAside: SetAside, instancesMax: number) {
    this.#registry = registry
    this.#storage = storage
    this.#setAside = setAside
    this.#instancesMax = instancesMax
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
      this.#put(parseStoredRegistration(service, id, String(row['body'])))
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
      const instance = this.#registered(service, id)
      const specs = instance.checks.map(({ spec }) => spec)
      const checks = change(specs)
      if (checks.length > Math.max(specs.length, REGISTRATION_LIMITS.checksMax)) {
        throw checksFullError(`'${id}' of '${service}'`, specs.length)
      }
      await this.#storage.write([storeOf({ ...registrationOf(instance), checks })])
      const now = this.#registry.find(service, id)
      if (now?.origin === 'registered') this.#registry.replaceChecks(now, checks)
    })
  }

  /** Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, and `ERR_DISCOVERY_INSTANCE_TAKEN` for one that is not a registration. */
  async deregister(service: string, id: string): Promise<void> {
    await this.#inOrder(service, id, async () => {
      this.#registered(service, id)
      await this.#storage.write([
        deleteFrom('discovery_registrations', service, id),
        deleteFrom('discovery_overrides', service, id),
        forgetTold(service, id),
      ])
      this.#overrides.delete(keyOf(service, id))
      const now = this.#registry.find(service, id)
      if (now?.origin === 'registered') this.#registry.removeInstance(service, id)
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

  async #register(registration: Registration): Promise<Instance> {
    const { service, id, node = LOCAL_NODE, idOnNode } = registration.spec
    const before = this.#registry.find(service, id)
    if (before !== undefined) refuseOther(before, registration.source)
    const there =
      idOnNode === undefined ? undefined : this.#registry.nodes.get(node)?.instances.get(idOnNode)
    // The same id on the node under another service's name: it has moved.
    const moved = there === before || there?.isIdDerived === true ? undefined : there
    if (moved !== undefined) refuseOther(moved, registration.source)
    const isNew = before === undefined && moved === undefined
    const count = this.#registry.instanceCount + this.#arriving
    if (isNew && count >= this.#instancesMax) throw registryFullError(count)
    this.#arriving += Number(isNew)
    try {
      await this.#storage.write([
        storeOf(registration),
        ...(moved === undefined
          ? []
          : [
              deleteFrom('discovery_registrations', moved.service, moved.id),
              forgetTold(moved.service, moved.id),
            ]),
      ])
    } finally {
      this.#arriving -= Number(isNew)
    }
    try {
      if (moved !== undefined) this.#registry.removeInstance(moved.service, moved.id)
      return this.#put(registration)
    } catch (error) {
      // The file has taken the id meanwhile.
      await this.#storage.write([deleteFrom('discovery_registrations', service, id)])
      throw error
    }
  }

  #put({ spec, checks, ttlMs, source }: Registration): Instance {
    return this.#registry.putInstance(spec, {
      origin: 'registered',
      source,
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

/** What was registered, of an instance that was. */
function registrationOf(instance: InstanceRecord): Registration {
  const { service, id, host, port, tags, meta, taggedAddresses, document, priority } = instance
  return {
    spec: {
      service,
      id,
      host,
      port,
      node: instance.node,
      ...(instance.isIdDerived ? {} : { idOnNode: instance.idOnNode }),
      isHostOfNode: instance.isHostOfNode,
      weight: instance.weights,
      tags,
      meta,
      taggedAddresses,
      enableTagOverride: instance.enableTagOverride,
      priority,
      dirtyAtMs: instance.dirtyAtMs,
      ...(document === undefined ? {} : { document }),
    },
    checks: instance.checks.map(({ spec }) => spec),
    ttlMs: instance.lease?.ttlMs,
    source: instance.source,
  }
}

function storeOf(registration: Registration): Statement {
  const { service, id } = registration.spec
  return {
    sql: 'INSERT OR REPLACE INTO discovery_registrations (service, id, body) VALUES (?, ?, ?)',
    params: [service, id, JSON.stringify(registration)],
  }
}

function deleteFrom(
  table: 'discovery_registrations' | 'discovery_overrides',
  service: string,
  id: string,
): Statement {
  return { sql: `DELETE FROM ${table} WHERE service = ? AND id = ?`, params: [service, id] }
}

function keyOf(service: string, id: string): string {
  return `${service} ${id}`
}
