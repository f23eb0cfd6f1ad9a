import type { Log } from '../../platform/capability.ts'
import type { SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { CheckStatus } from './check-spec.ts'
import { readStoredRows } from './read-rows.ts'
import { InstanceRecord, type CheckRecord } from './records.ts'
import type { Registry } from './registry.ts'

/** Changes that are written in one statement group. */
const WRITTEN_AT_ONCE_MAX = 500

const statuses = new Set<string>(['passing', 'warning', 'critical', 'unknown'])

/**
 * How TTL and reported checks of registrations and nodes stood, over a restart: a service that was well is routed at once, one that was not stays out.
 * Each change of status is written soon after it; heartbeats that change nothing are not.
 */
export class ToldStates {
  readonly #storage: Storage
  readonly #setAside: SetAside
  readonly #log: Log
  readonly #changed = new Set<CheckRecord>()
  #writing: Promise<void> | undefined = undefined

  constructor(storage: Storage, setAside: SetAside, log: Log) {
    this.#storage = storage
    this.#setAside = setAside
    this.#log = log
  }

  /** After nodes and registrations: each check that is still there stands again as it did, with a whole TTL before it. */
  async restore(registry: Registry): Promise<void> {
    const from = { storage: this.#storage, setAside: this.#setAside }
    const key = ['service', 'id', 'check_id']
    const gone: Parameters<Storage['write']>[0][number][] = []
    await readStoredRows(from, 'discovery_told', key, (row) => {
      const [service, id, checkId] = [row['service'], row['id'], row['check_id']].map(String)
      if (service === undefined || id === undefined || checkId === undefined) return
      const status = String(row['status'])
      if (!statuses.has(status)) throw new TypeError(`'${status}' is not a status`)
      const owner = service === '' ? registry.nodes.get(id) : registry.find(service, id)
      const check = owner?.checks.find((one) => one.id === checkId)
      if (check === undefined || !isTold(check)) {
        const sql = 'DELETE FROM discovery_told WHERE service = ? AND id = ? AND check_id = ?'
        gone.push({ sql, params: [service, id, checkId] })
        return
      }
      const output = String(row['output'])
      registry.checks.report(check, { status: status as CheckStatus, output, durationMs: 0 })
    })
    if (gone.length > 0) await this.#storage.write(gone)
  }

  /** Its status is another one now. */
  note(check: CheckRecord): void {
    if (!isTold(check) || !isStored(check)) return
    this.#changed.add(check)
    this.#writing ??= this.#writeAll()
  }

  /** Resolves when what was noted is written. */
  async settled(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    // One turn later, so that what changes together is written together.
    await Promise.resolve()
    while (this.#changed.size > 0) {
      const some = this.#changed.values().take(WRITTEN_AT_ONCE_MAX).toArray()
      for (const check of some) this.#changed.delete(check)
      try {
        await this.#storage.write(some.filter(isThere).map(storeOf))
      } catch (error) {
        this.#log('warn', 'how checks stand could not be stored', { count: some.length, error })
      }
    }
    this.#writing = undefined
  }
}

/** Statement that forgets how the checks of an instance stood. */
export function forgetTold(service: string, id: string): Parameters<Storage['write']>[0][number] {
  return { sql: 'DELETE FROM discovery_told WHERE service = ? AND id = ?', params: [service, id] }
}

function isTold({ kind }: CheckRecord): boolean {
  return kind === 'ttl' || kind === 'reported'
}

function isStored({ owner, id }: CheckRecord): boolean {
  if (!(owner instanceof InstanceRecord)) return true
  return owner.origin === 'registered' || twinOf(owner, id) !== undefined
}

/** The twin that a check is of. */
function twinOf(owner: InstanceRecord, id: string): InstanceRecord['twins'][number] | undefined {
  return owner.twins.find(({ checks }) => checks.some((spec) => (spec.id ?? spec.kind) === id))
}

/** Deregistered meanwhile: its row is deleted already. */
function isThere(check: CheckRecord): boolean {
  return check.owner.checks.includes(check) && !check.owner.isGone
}

function storeOf(check: CheckRecord): Parameters<Storage['write']>[0][number] {
  const { owner, id, status, output } = check
  const [service, ownerId] =
    owner instanceof InstanceRecord
      ? [owner.service, twinOf(owner, id)?.spec.id ?? owner.id]
      : ['', owner.name]
  return {
    sql: 'INSERT OR REPLACE INTO discovery_told (service, id, check_id, status, output) VALUES (?, ?, ?, ?, ?)',
    params: [service, ownerId, id, status, output],
  }
}
