import type { Scope } from '../../platform/capability.ts'
import type { SqlRow, SqlStatement } from '../../platform/storage/messages.ts'
import { createSetAside, type BadRow, type SetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Entry, Session } from './model.ts'
import { LOCK_DELAY_MS_MAX } from './operations.ts'
import type { Changes } from './state.ts'

/** Tables of keys and sessions. What was released never changes; add to the end. */
const migrations: readonly string[] = [
  `CREATE TABLE kv_entries (
     key TEXT PRIMARY KEY, value BLOB NOT NULL, flags TEXT NOT NULL, create_index INTEGER NOT NULL,
     modify_index INTEGER NOT NULL, lock_index INTEGER NOT NULL, session TEXT NOT NULL
   ) STRICT;
   CREATE TABLE kv_sessions (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE kv_lock_delays (key TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE kv_index (only INTEGER PRIMARY KEY CHECK (only = 0), newest INTEGER NOT NULL) STRICT;`,
]

/** Everything as it was stored. */
export interface Loaded extends Changes {
  readonly index: number
}

/** Keys and sessions on disk. */
export interface KvStore {
  /** Rows that cannot be read are set aside. */
  load(): Promise<Loaded>
  /** All of it in one transaction. Rejects with `StorageError`: then nothing was stored. */
  write(changes: Changes, index: number): Promise<void>
  readonly setAside: SetAside
}

/** Creates the tables. */
export async function openKvStore(
  storage: Storage,
  scope: Pick<Scope, 'clock' | 'log'>,
): Promise<KvStore> {
  await storage.migrate('kv', migrations)
  const setAside = createSetAside(storage, 'kv', scope)
  return {
    setAside,
    async write(changes, index) {
      await storage.write([...statementsOf(changes), indexStatement(index)])
    },
    async load() {
      const entries = new Map<string, Entry>()
      const sessions = new Map<string, Session>()
      const delays = new Map<string, number>()
      const capMs = scope.clock.nowMs() + LOCK_DELAY_MS_MAX
      const read = readInto(storage, setAside)
      await read('kv_sessions', 'id', 'id, body', (row) => {
        const session = parseSession(row)
        sessions.set(session.id, session)
      })
      await read(
        'kv_entries',
        'key',
        'key, value, flags, CAST(create_index AS TEXT) AS created, CAST(modify_index AS TEXT) AS modified, CAST(lock_index AS TEXT) AS locked, session',
        (row) => {
          const entry = parseEntry(row)
          // A session that could not be read must not hold its keys for ever.
          const isHeld = sessions.has(entry.session)
          entries.set(entry.key, isHeld ? entry : { ...entry, session: '' })
        },
      )
      await read('kv_lock_delays', 'key', 'key, CAST(until_ms AS TEXT) AS until', (row) => {
        // A clock that was set back must not lock a key for years.
        delays.set(textOf(row, 'key'), Math.min(numberOf(row, 'until'), capMs))
      })
      const [newest] = await storage.read('SELECT CAST(newest AS TEXT) AS newest FROM kv_index')
      const stored = newest === undefined ? 0 : numberOf(newest, 'newest')
      const index = entries.values().reduce((most, one) => Math.max(most, one.modifyIndex), stored)
      return { entries, sessions, delays, guests: [], index }
    },
  }
}

function readInto(storage: Storage, setAside: SetAside) {
  return async (
    table: string,
    key: string,
    columns: string,
    take: (row: SqlRow) => void,
  ): Promise<void> => {
    const scan = {
      sql: `SELECT ${columns} FROM ${table} WHERE ${key} > ? ORDER BY ${key}`,
      key: [key],
      // Before every text, also the empty one: numbers sort before texts.
      after: [0],
    }
    for await (const rows of storage.scan(scan)) {
      const bad: BadRow[] = []
      for (const row of rows) {
        try {
          take(row)
        } catch (error) {
          bad.push({ row, why: error instanceof Error ? error.message : String(error) })
        }
      }
      if (bad.length > 0) await setAside.move(table, [key], bad)
    }
  }
}

function* statementsOf({ entries, sessions, delays, guests }: Changes): Generator<SqlStatement> {
  for (const [key, entry] of entries) {
    if (entry === undefined) {
      yield { sql: 'DELETE FROM kv_entries WHERE key = ?', params: [key] }
      continue
    }
    const { value, flags, createIndex, modifyIndex, lockIndex, session } = entry
    yield {
      sql: 'INSERT OR REPLACE INTO kv_entries (key, value, flags, create_index, modify_index, lock_index, session) VALUES (?, ?, ?, ?, ?, ?, ?)',
      params: [key, value, String(flags), createIndex, modifyIndex, lockIndex, session],
    }
  }
  for (const guest of guests) yield* guest.statements
  for (const [id, session] of sessions) {
    yield session === undefined
      ? { sql: 'DELETE FROM kv_sessions WHERE id = ?', params: [id] }
      : {
          sql: 'INSERT OR REPLACE INTO kv_sessions (id, body) VALUES (?, ?)',
          params: [id, JSON.stringify(session)],
        }
  }
  for (const [key, untilMs] of delays) {
    yield untilMs === 0
      ? { sql: 'DELETE FROM kv_lock_delays WHERE key = ?', params: [key] }
      : {
          sql: 'INSERT OR REPLACE INTO kv_lock_delays (key, until_ms) VALUES (?, ?)',
          params: [key, Math.ceil(untilMs)],
        }
  }
}

function indexStatement(index: number): SqlStatement {
  return { sql: 'INSERT OR REPLACE INTO kv_index (only, newest) VALUES (0, ?)', params: [index] }
}

function parseEntry(row: SqlRow): Entry {
  const { value } = row
  if (!(value instanceof Uint8Array)) throw new TypeError('the value is not bytes')
  return {
    key: textOf(row, 'key'),
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    flags: BigInt.asUintN(64, BigInt(textOf(row, 'flags'))),
    createIndex: numberOf(row, 'created'),
    modifyIndex: numberOf(row, 'modified'),
    lockIndex: numberOf(row, 'locked'),
    session: textOf(row, 'session'),
  }
}

function parseSession(row: SqlRow): Session {
  const body = JSON.parse(textOf(row, 'body')) as Partial<Session>
  const { id, name, node, lockDelayMs, behavior, ttlMs, nodeChecks, serviceChecks } = body
  const isRead =
    id === row['id'] &&
    [name, node].every((one) => typeof one === 'string') &&
    [lockDelayMs, ttlMs, body.createIndex].every((one) => Number.isFinite(one)) &&
    (behavior === 'release' || behavior === 'delete') &&
    [nodeChecks, serviceChecks].every((one) => Array.isArray(one))
  if (!isRead) throw new TypeError('it is not a session')
  return body as Session
}

function textOf(row: SqlRow, column: string): string {
  const value = valueOf(row, column)
  if (typeof value !== 'string') throw new TypeError(`${column} is not text`)
  return value
}

function numberOf(row: SqlRow, column: string): number {
  const value = Number(valueOf(row, column))
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${column} is not a number`)
  return value
}

function valueOf(row: SqlRow, column: string): unknown {
  return Object.hasOwn(row, column) ? row[column] : undefined
}
