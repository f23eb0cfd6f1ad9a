import type { GuardedStatement } from '../messages.ts'
import type { Storage } from '../storage.ts'

/** A small table, the writes that a test makes to it, and the obvious way to know what must come of them. */
export type AccountOp =
  /** Whatever is there. */
  | { readonly op: 'put'; readonly key: number; readonly value: number }
  /** An error where it is there. */
  | { readonly op: 'insert'; readonly key: number; readonly value: number }
  /** A conflict where it is there. */
  | { readonly op: 'insert-if'; readonly key: number; readonly value: number }
  /** Compare and set, by version. */
  | {
      readonly op: 'set-if'
      readonly key: number
      readonly version: number
      readonly value: number
    }
  /** Two conditional changes, both or none. */
  | { readonly op: 'move'; readonly from: number; readonly to: number; readonly amount: number }
  /** Gives back what was there. */
  | { readonly op: 'take'; readonly key: number }

export type Accounts = Map<number, { readonly value: number; readonly version: number }>

export const accountTables = [
  'CREATE TABLE accounts (key INTEGER PRIMARY KEY, value INTEGER NOT NULL, version INTEGER NOT NULL) STRICT',
]

const keys = 6

/** The n-th operation of a sequence that a seed names. */
export function accountOpAt(seed: number, n: number): AccountOp {
  let state = (seed * 7_919 + n * 104_729 + 1) >>> 0
  const next = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  next(2)
  const [key, value] = [next(keys), next(20)]
  switch (next(6)) {
    case 0:
      return { op: 'put', key, value }
    case 1:
      return { op: 'insert', key, value }
    case 2:
      return { op: 'insert-if', key, value }
    case 3:
      return { op: 'set-if', key, version: next(4), value }
    case 4:
      return { op: 'move', from: key, to: next(keys), amount: next(10) }
    default:
      return { op: 'take', key }
  }
}

/** Changes the accounts as the storage must, and says what the outcome must be. */
export function applyOp(accounts: Accounts, op: AccountOp): string {
  switch (op.op) {
    case 'put':
      accounts.set(op.key, { value: op.value, version: 1 })
      return 'committed 1'
    case 'insert':
    case 'insert-if': {
      if (accounts.has(op.key))
        return op.op === 'insert' ? 'ERR_STORAGE_STATEMENT' : 'unique 1 at 1'
      accounts.set(op.key, { value: op.value, version: 1 })
      return 'committed 1'
    }
    case 'set-if': {
      const before = accounts.get(op.key)
      if (before?.version !== op.version) return 'count 0 at 0'
      accounts.set(op.key, { value: op.value, version: op.version + 1 })
      return 'committed 1'
    }
    case 'move': {
      const from = accounts.get(op.from)
      if (from === undefined || from.value < op.amount) return 'count 0 at 0'
      const after = new Map(accounts)
      after.set(op.from, { ...from, value: from.value - op.amount })
      const to = after.get(op.to)
      if (to === undefined) return 'count 0 at 1'
      after.set(op.to, { ...to, value: to.value + op.amount })
      for (const [key, account] of after) accounts.set(key, account)
      return 'committed 1 1'
    }
    case 'take': {
      const before = accounts.get(op.key)
      accounts.delete(op.key)
      return before === undefined ? 'committed 0' : `committed 1 gave ${before.value}`
    }
  }
}

/** Does it in the storage, and says what the outcome was. */
export async function writeOp(storage: Storage, op: AccountOp): Promise<string> {
  try {
    const statements = statementsOf(op)
    const isPlain = op.op === 'put' || op.op === 'insert' || op.op === 'take'
    const outcome = isPlain
      ? { outcome: 'committed' as const, results: await storage.write(statements) }
      : await storage.writeIf(statements)
    if (outcome.outcome === 'conflict') {
      return `${outcome.reason} ${outcome.count} at ${outcome.statement}`
    }
    const results = op.op === 'insert-if' ? outcome.results.slice(1, 2) : outcome.results
    const gave = results.flatMap(({ rows }) => rows.map((row) => ` gave ${String(row['value'])}`))
    return `committed ${results.map(({ changes }) => changes).join(' ')}${gave.join('')}`
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

const insertSql = 'INSERT INTO accounts VALUES (?, ?, 1)'

function statementsOf(op: AccountOp): readonly GuardedStatement[] {
  switch (op.op) {
    case 'put':
      return [{ sql: insertSql.replace('INSERT', 'INSERT OR REPLACE'), params: [op.key, op.value] }]
    case 'insert':
      return [{ sql: insertSql, params: [op.key, op.value] }]
    case 'insert-if':
      // The first one is undone with the second.
      return [
        { sql: 'UPDATE accounts SET value = value + 1000', params: [] },
        { sql: insertSql, params: [op.key, op.value] },
        { sql: 'UPDATE accounts SET value = value - 1000 WHERE key <> ?', params: [op.key] },
      ]
        .slice(0, 2)
        .concat({
          sql: 'UPDATE accounts SET value = value - 1000 WHERE key <> ?',
          params: [op.key],
        })
    case 'set-if':
      return [
        {
          sql: 'UPDATE accounts SET value = ?, version = version + 1 WHERE key = ? AND version = ?',
          params: [op.value, op.key, op.version],
          expects: 1,
        },
      ]
    case 'move':
      return [
        {
          sql: 'UPDATE accounts SET value = value - ?2 WHERE key = ?1 AND value >= ?2',
          params: [op.from, op.amount],
          expects: 1,
        },
        {
          sql: 'UPDATE accounts SET value = value + ?2 WHERE key = ?1',
          params: [op.to, op.amount],
          expects: 1,
        },
      ]
    case 'take':
      return [{ sql: 'DELETE FROM accounts WHERE key = ? RETURNING value', params: [op.key] }]
  }
}

/** What is stored. */
export async function readAccounts(storage: Storage): Promise<Accounts> {
  const rows = await storage.read('SELECT key, value, version FROM accounts')
  return new Map(
    rows.map((row) => [
      Number(row['key']),
      { value: Number(row['value']), version: Number(row['version']) },
    ]),
  )
}
