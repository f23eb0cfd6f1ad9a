import type { Log } from '../../platform/capability.ts'
import { StorageError } from '../../platform/storage/errors.ts'
import type { BadRow, SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import {
  DiscoveryError,
  instanceTakenError,
  instanceUnknownError,
  registryFullError,
} from './errors.ts'
import type { Instance, StatusOverride } from './model.ts'
import type { Registration } from './registration.ts'
import type { Registry } from './registry.ts'
import { parseStoredOverride, parseStoredRegistration } from './stored.ts'

/** Overrides that are kept, also of instances that are gone for a while; beyond it a new one is refused. */
export const OVERRIDES_MAX = 10_000

/** Tables of discovery. What was released never changes; add to the end. */
export const discoveryMigrations: readonly string[] = [
  `CREATE TABLE discovery_registrations (
     service TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (service, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE discovery_overrides (
     service TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (service, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE discovery_index (only INTEGER PRIMARY KEY CHECK (only = 0), first INTEGER NOT NULL) STRICT;`,
]

/** More changes than one run can make, so that the indexes of two runs never meet, whatever the clock does. */
const INDEXES_OF_A_RUN = 1_000_000_000

/**
 * An index that is greater than every one handed out before: a watcher that has waited through a restart must not
 * take a new index for an old one. Microseconds of the clock, or far beyond the first index of the last run.
 */
export async function claimFirstIndex(storage: Storage, nowMs: number, log: Log): Promise<number> {
  // A number that no run can have stored would also be one that cannot be read.
  const [row] = await storage.read(
    'SELECT first FROM discovery_index WHERE first BETWEEN 0 AND 4503599627370496',
  )
  const last = row === undefined ? 0 : Number(row['first']) + INDEXES_OF_A_RUN
  const first = Math.max(Math.floor(nowMs * 1000), last, 1)
  try {
    await storage.write([
      {
        sql: 'INSERT OR REPLACE INTO discovery_index (only, first) VALUES (0, ?)',
        params: [first],
      },
    ])
  } catch (error) {
    // A full disk must not stop a start: as long as the clock does not go back, the next run begins above this one.
    if (!(error instanceof StorageError) || error.code !== 'ERR_STORAGE_FULL') throw error
    log('error', 'the first index of this run could not be stored', { error })
  }
  return first
}

/** Registrations and overrides that outlive a restart: in the registry after they are on disk. */
export class Registrations {
  readonly #registry: Registry
  readonly #storage: Storage
  readonly #setAside: SetAside
  readonly #overrides = new Map<string, StatusOverride>()
  /** Writes under way by instance: a lease that ends meanwhile must not delete what is being written. */
  readonly #writing = new Map<string, number>()
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
    await this.#readAll('discovery_overrides', 'status', (service, id, status) => {
      this.#overrides.set(keyOf(service, id), parseStoredOverride(service, id, status))
    })
    await this.#readAll('discovery_registrations', 'body', (service, id, body) => {
      this.#put(parseStoredRegistration(service, id, body))
    })
  }

  /** Resolves when it is stored and in the registry. Throws `DiscoveryError`, `StorageError`. */
  async register(registration: Registration): Promise<Instance> {
    const { service, id } = registration.spec
    const before = this.#registry.find(service, id)
    if (before !== undefined && before.source !== 'api') throw instanceTakenError(before)
    const isNew = before === undefined
    const count = this.#registry.instanceCount + this.#arriving
    if (isNew && count >= this.#instancesMax) throw registryFullError(count)
    this.#arriving += Number(isNew)
    try {
      await this.#write(service, id, {
        sql: 'INSERT OR REPLACE INTO discovery_registrations (service, id, body) VALUES (?, ?, ?)',
        params: [service, id, JSON.stringify(registration)],
      })
    } finally {
      this.#arriving -= Number(isNew)
    }
    try {
      return this.#put(registration)
    } catch (error) {
      // The file has taken the id meanwhile.
      await this.forget(service, id)
      throw error
    }
  }

  /** Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, and `ERR_DISCOVERY_INSTANCE_TAKEN` for one that is not a registration. */
  async deregister(service: string, id: string): Promise<void> {
    const instance = this.#registry.find(service, id)
    if (instance === undefined) throw instanceUnknownError(service, id)
    if (instance.source !== 'api') throw instanceTakenError(instance)
    await this.#write(
      service,
      id,
      {
        sql: 'DELETE FROM discovery_registrations WHERE service = ? AND id = ?',
        params: [service, id],
      },
      {
        sql: 'DELETE FROM discovery_overrides WHERE service = ? AND id = ?',
        params: [service, id],
      },
    )
    this.#overrides.delete(keyOf(service, id))
    this.#registry.removeInstance(service, id)
  }

  /** Undefined clears. Resolves when it is stored. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, `ERR_DISCOVERY_OVERRIDES_FULL`. */
  async setOverride(
    service: string,
    id: string,
    override: StatusOverride | undefined,
  ): Promise<void> {
    const key = keyOf(service, id)
    if (this.#registry.find(service, id) === undefined && !this.#overrides.has(key)) {
      throw instanceUnknownError(service, id)
    }
    if (
      override !== undefined &&
      !this.#overrides.has(key) &&
      this.#overrides.size >= OVERRIDES_MAX
    ) {
      throw new DiscoveryError(
        507,
        'ERR_DISCOVERY_OVERRIDES_FULL',
        `${this.#overrides.size} instances have an override already (overridesMax). Clear some, also of instances that are gone.`,
      )
    }
    await this.#write(
      service,
      id,
      override === undefined
        ? {
            sql: 'DELETE FROM discovery_overrides WHERE service = ? AND id = ?',
            params: [service, id],
          }
        : {
            sql: 'INSERT OR REPLACE INTO discovery_overrides (service, id, status) VALUES (?, ?, ?)',
            params: [service, id, override],
          },
    )
    if (override === undefined) this.#overrides.delete(key)
    else this.#overrides.set(key, override)
    const instance = this.#registry.find(service, id)
    if (instance !== undefined) this.#registry.setOverride(instance, override)
  }

  /** The override that waits for an instance, of any source. */
  overrideOf(service: string, id: string): StatusOverride | undefined {
    return this.#overrides.get(keyOf(service, id))
  }

  /** Deletes a registration whose lease has ended, or whose id the file has taken; an override stays. Rejects with `StorageError`. */
  async forget(service: string, id: string): Promise<void> {
    if (this.#writing.has(keyOf(service, id))) return
    await this.#storage.write([
      {
        sql: 'DELETE FROM discovery_registrations WHERE service = ? AND id = ?',
        params: [service, id],
      },
    ])
  }

  #put({ spec, checks, ttlMs }: Registration): Instance {
    const override = this.overrideOf(spec.service, spec.id)
    return this.#registry.putInstance(spec, {
      source: 'api',
      checks,
      lease: { ttlMs, atEnd: 'remove' },
      ...(override === undefined ? {} : { override }),
    })
  }

  async #write(
    service: string,
    id: string,
    ...statements: Parameters<Storage['write']>[0][number][]
  ): Promise<void> {
    const key = keyOf(service, id)
    this.#writing.set(key, (this.#writing.get(key) ?? 0) + 1)
    try {
      await this.#storage.write(statements)
    } finally {
      const left = (this.#writing.get(key) ?? 1) - 1
      if (left === 0) this.#writing.delete(key)
      else this.#writing.set(key, left)
    }
  }

  async #readAll(
    table: 'discovery_registrations' | 'discovery_overrides',
    column: 'body' | 'status',
    take: (service: string, id: string, value: string) => void,
  ): Promise<void> {
    const scan = {
      sql: `SELECT service, id, ${column} FROM ${table} WHERE (service, id) > (?, ?) ORDER BY service, id`,
      key: ['service', 'id'],
      after: ['', ''],
    }
    for await (const rows of this.#storage.scan(scan)) {
      const bad: BadRow[] = []
      for (const row of rows) {
        try {
          take(String(row['service']), String(row['id']), String(row[column]))
        } catch (error) {
          bad.push({ row, why: error instanceof Error ? error.message : String(error) })
        }
      }
      if (bad.length > 0) await this.#setAside.move(table, scan.key, bad)
    }
  }
}

function keyOf(service: string, id: string): string {
  return `${service} ${id}`
}
