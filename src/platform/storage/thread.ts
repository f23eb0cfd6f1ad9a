/** The storage thread: the only code of its process that touches the state file. Nothing of it runs on the main thread. */
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { FromThread, ThreadFailure, ToThread } from './messages.ts'
import { createDatabase, type Database } from './database.ts'
import { failureOf, textOf } from './statements.ts'

/**
 * Pages (of 4 KiB) in the write-ahead log before they are copied into the file. Rows by their names are spread over the whole file, so a group of 1,000 writes
 * nearly as many pages: with SQLite's default of 1,000 each group would be followed by a copy and two more fsyncs.
 */
const WAL_PAGES_MAX = 8_000

/** What `startStorage` hands to the thread. */
export interface ThreadData {
  readonly file: string
}

function openDatabase(file: string): Database | ThreadFailure {
  try {
    // SQLite gives its -wal and -shm files the mode of the main file, and the state may hold secrets.
    if (file !== ':memory:') closeSync(openSync(file, 'a', 0o600))
    const sqlite = new DatabaseSync(file, { timeout: 5_000 })
    sqlite.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = ${WAL_PAGES_MAX};`,
    )
    return createDatabase(sqlite)
  } catch (error) {
    return {
      code: 'ERR_STORAGE_OPEN',
      message: `The state file ${file} cannot be opened (${textOf(error)}). Check that its folder exists, is writable and has space; a damaged file must be replaced from a backup.`,
    }
  }
}

function answer(database: Database, message: ToThread): FromThread {
  const { ask } = message
  switch (message.type) {
    case 'commit':
      return { type: 'committed', ask, answers: database.commit(message.writes) }
    case 'read':
      return { type: 'rows', ask, ...database.read(message.statement, message.bounds) }
    case 'migrate':
      database.migrate(message.owner, message.migrations)
      return { type: 'done', ask }
    case 'close':
      database.close()
      return { type: 'done', ask }
  }
}

function serve(port: NonNullable<typeof parentPort>, data: ThreadData): void {
  const say = (message: FromThread) => port.postMessage(message)
  const database = openDatabase(data.file)
  if ('code' in database) {
    say({ type: 'not-open', failure: database })
    return
  }
  port.on('message', (message: ToThread) => {
    try {
      say(answer(database, message))
    } catch (error) {
      const sql = message.type === 'read' ? message.statement.sql : ''
      say({ type: 'failed', ask: message.ask, failure: failureOf(error, sql) })
    }
    if (message.type === 'close') port.close()
  })
  say({ type: 'open' })
}

if (parentPort !== null) serve(parentPort, workerData as ThreadData)
