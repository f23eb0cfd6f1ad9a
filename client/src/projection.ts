import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as after } from 'node:timers/promises'
import type { EventsClient, EventsPage, RecordedEvent } from './events-client.ts'

/** How long one question waits for events. */
const WAIT_MS = 20_000
/** After an error; the store may be restarting. */
const RETRY_MS = 500

/** A read model as functions over a database. */
export interface ProjectionOptions {
  readonly client: EventsClient
  readonly database: DatabaseSync
  /** Letters, digits and underlines. */
  readonly name: string
  /** Another number is another table: it fills beside the live one, and is live when it has caught up. */
  readonly version: number
  /** `order` of `order-17`; undefined: all events. */
  readonly category?: string
  /** Makes the table, whose name has the version in it. */
  readonly create: (database: DatabaseSync, table: string) => void
  /** Puts a fact into the table. Runs in one transaction with the place of the projection: each event once, whatever happens. */
  readonly apply: (database: DatabaseSync, table: string, event: RecordedEvent) => void
  /** Told of errors; it tries again. Default: they are thrown away. */
  readonly failed?: (error: unknown) => void
}

/** A read model that follows its events. */
export interface Projection {
  /** Its table. */
  readonly table: string
  /** Everything before this position is in the table. */
  position(): number
  /** Resolves when the table has what was appended at this position: read your own writes. Throws after `timeoutMs` (default 5000). */
  waitFor(position: number, timeoutMs?: number): Promise<void>
  /** Ends it; what it has stays. */
  stop(): Promise<void>
}

/** The version of a projection that reads should use; 0: none has caught up yet. Its table is `NAME_vVERSION`. */
export function liveVersion(database: DatabaseSync, name: string): number {
  prepare(database)
  const row = database.prepare('SELECT version FROM projections_live WHERE name = ?').get(name)
  return Number(row?.['version'] ?? 0)
}

/** Starts to follow where it stopped. Throws where the name is none. */
export function startProjection(options: ProjectionOptions): Projection {
  const { client, database, name, version, category, create, failed } = options
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new TypeError(`'${name}' is no name of a projection`)
  const table = `${name}_v${version}`
  prepare(database)
  let next = openAt(database, table, create)
  let isStopped = false
  let poke = new AbortController()
  const waiting = new Set<() => void>()
  const following = follow()

  async function follow(): Promise<void> {
    let waitMs = 0
    while (!isStopped) {
      poke = new AbortController()
      try {
        const of = category === undefined ? {} : { category }
        const page = await client.readAll({ from: next, waitMs, signal: poke.signal, ...of })
        next = applyPage(options, table, page, next)
        waitMs = page.isEnd ? WAIT_MS : 0
        for (const look of waiting) look()
      } catch (error) {
        // Somebody waits for a position: ask at once.
        waitMs = 0
        if (poke.signal.aborted) continue
        failed?.(error)
        await after(RETRY_MS)
      }
    }
  }

  return {
    table,
    position: () => next,
    async waitFor(position, timeoutMs = 5_000) {
      if (next > position) return
      const reached = Promise.withResolvers<void>()
      const look = (): void => {
        if (next > position) reached.resolve()
      }
      const timer = setTimeout(
        () => reached.reject(new Error(`${name} has not reached ${position} in ${timeoutMs} ms`)),
        timeoutMs,
      )
      waiting.add(look)
      poke.abort()
      try {
        await reached.promise
      } finally {
        clearTimeout(timer)
        waiting.delete(look)
      }
    },
    async stop() {
      isStopped = true
      poke.abort()
      await following
    },
  }
}

function prepare(database: DatabaseSync): void {
  database.exec(
    `CREATE TABLE IF NOT EXISTS projections (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
     CREATE TABLE IF NOT EXISTS projections_live (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT`,
  )
}

/** Makes the table where it is new. Where it goes on. */
function openAt(
  database: DatabaseSync,
  table: string,
  create: ProjectionOptions['create'],
): number {
  const known = database.prepare('SELECT next FROM projections WHERE name = ?').get(table)
  if (known !== undefined) return Number(known['next'])
  return inTransaction(database, () => {
    create(database, table)
    database.prepare('INSERT INTO projections VALUES (?, 0)').run(table)
    return 0
  })
}

/** All of the page and the place behind it, or nothing. */
function applyPage(
  { database, name, version, apply }: ProjectionOptions,
  table: string,
  { events, next, isEnd, end }: EventsPage,
  before: number,
): number {
  const place = Math.max(before, next, isEnd ? end : 0)
  if (place === before && !isEnd) return before
  return inTransaction(database, () => {
    for (const event of events) apply(database, table, event)
    database.prepare('UPDATE projections SET next = ? WHERE name = ?').run(place, table)
    // Whoever has caught up is live, and no older one after it.
    if (isEnd) {
      database
        .prepare(
          'INSERT INTO projections_live VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = max(version, excluded.version)',
        )
        .run(name, version)
    }
    return place
  })
}

function inTransaction<Result>(database: DatabaseSync, run: () => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = run()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
