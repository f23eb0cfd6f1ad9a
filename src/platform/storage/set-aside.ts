import type { Problem, Scope } from '../capability.ts'
import type { SqlRow, SqlStatement, SqlValue } from './messages.ts'
import type { Storage } from './storage.ts'

/** Rows of one table that are named in the log, one by one. */
const NAMED_MAX = 20

const migrations = [
  `CREATE TABLE storage_set_aside (
     owner TEXT NOT NULL, source TEXT NOT NULL, row TEXT NOT NULL, why TEXT NOT NULL, at_ms INTEGER NOT NULL
   ) STRICT`,
]

/** A stored row that its owner cannot read. */
export interface BadRow {
  readonly row: SqlRow
  /** One sentence. */
  readonly why: string
}

/** Where rows go that cannot be read, so that none of them stops a start, and none is lost. */
export interface SetAside {
  /**
   * Moves the rows from `table` into the table `storage_set_aside`, found again by their columns `key`, and names them in the log. Never
   * throws: rows that cannot be moved stay, and are met again by the next start.
   */
  move(table: string, key: readonly string[], rows: readonly BadRow[]): Promise<void>
  /** One for each table that rows were moved from since the start. */
  problems(): Iterable<Problem>
}

/** Touches the file only when there is a bad row. */
export function createSetAside(
  storage: Storage,
  owner: string,
  { clock, log }: Pick<Scope, 'clock' | 'log'>,
): SetAside {
  const moved = new Map<string, { count: number; readonly first: string }>()
  return {
    async move(table, key, rows) {
      for (const { row, why } of rows) {
        const name = key.map((column) => String(valueOf(row, column))).join('/')
        const known = moved.get(table) ?? { count: 0, first: `${name}: ${why}` }
        moved.set(table, known)
        known.count++
        if (known.count > NAMED_MAX) continue
        const fields = { code: 'ERR_STORAGE_ROW_SET_ASIDE', table, row: name, why }
        log('error', 'a stored row cannot be read and is set aside', fields)
      }
      try {
        await storage.migrate('set-aside', migrations)
        const atMs = Math.trunc(clock.nowMs())
        await storage.write(rows.flatMap((bad) => moveOf(owner, table, key, bad, atMs)))
      } catch (error) {
        log('error', 'rows that cannot be read stay where they are', { table, error })
      }
    },
    *problems() {
      for (const [table, { count, first }] of moved) {
        yield {
          severity: 'error',
          code: 'ERR_STORAGE_ROW_SET_ASIDE',
          service: '',
          instance: '',
          key: table,
          text: `${count} stored row${count === 1 ? '' : 's'} of ${table} cannot be read and ${count === 1 ? 'was' : 'were'} set aside (${first}). Set again what is missing; the table storage_set_aside of the state file has what was stored.`,
        }
      }
    },
  }
}

function moveOf(
  owner: string,
  source: string,
  key: readonly string[],
  { row, why }: BadRow,
  atMs: number,
): readonly SqlStatement[] {
  return [
    {
      sql: 'INSERT INTO storage_set_aside (owner, source, row, why, at_ms) VALUES (?, ?, ?, ?, ?)',
      params: [owner, source, JSON.stringify(row), why, atMs],
    },
    {
      sql: `DELETE FROM ${source} WHERE ${key.map((column) => `${column} = ?`).join(' AND ')}`,
      params: key.map((column) => valueOf(row, column)),
    },
  ]
}

/** Null for a column that the row does not have. */
function valueOf(row: SqlRow, column: string): SqlValue {
  return Object.hasOwn(row, column) ? (row[column] ?? null) : null
}
