import { parseRules } from '../../../mechanisms/acl-rules/parse-rules.ts'
import type { Scope } from '../../../platform/capability.ts'
import type { SqlStatement } from '../../../platform/storage/messages.ts'
import { createSetAside, type BadRow, type SetAside } from '../../../platform/storage/set-aside.ts'
import type { Storage } from '../../../platform/storage/storage.ts'
import type { AclBook } from './book.ts'
import type { Policy, Token } from './model.ts'

const migrations: readonly string[] = [
  `CREATE TABLE consul_acl_policies (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE consul_acl_tokens (accessor TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE consul_acl_state (only INTEGER PRIMARY KEY CHECK (only = 0), newest INTEGER NOT NULL, bootstraps INTEGER NOT NULL) STRICT;`,
]

/** One change of tokens or policies. */
export type AclChange =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'policy-gone'; readonly id: string }
  | { readonly kind: 'token'; readonly token: Token }
  | { readonly kind: 'token-gone'; readonly accessor: string }
  /** The first token was given away. */
  | { readonly kind: 'bootstrapped' }

/** Tokens and policies on disk; what is in force follows them. */
export interface AclStore {
  readonly setAside: SetAside
  /** How often the first token was given away: 0 or 1. */
  readonly bootstraps: number
  /**
   * Stores what `change` makes of the next number, then puts it into force. One after the other: what `change` looks at is all that was before.
   * Rejects with what it throws, and with `StorageError`.
   */
  write<Result>(
    change: (index: number) => { readonly changes: readonly AclChange[]; readonly result: Result },
  ): Promise<Result>
}

/** Creates the tables and puts what is stored into the book. */
export async function openAclStore(
  storage: Storage,
  book: AclBook,
  scope: Pick<Scope, 'clock' | 'log'>,
): Promise<AclStore> {
  await storage.migrate('consul-acl', migrations)
  const setAside = createSetAside(storage, 'consul-acl', scope)
  const load = loader(storage, setAside)
  await load('consul_acl_policies', 'id', (id, body) => book.putPolicy(parsePolicy(id, body)))
  await load('consul_acl_tokens', 'accessor', (id, body) => book.putToken(parseToken(id, body)))
  const [state] = await storage.read('SELECT newest, bootstraps FROM consul_acl_state')
  let newest = Number(state?.['newest'] ?? 1)
  let bootstraps = Number(state?.['bootstraps'] ?? 0)
  let last: Promise<unknown> = Promise.resolve()
  return {
    setAside,
    get bootstraps() {
      return bootstraps
    },
    write(change) {
      const written = last.then(async () => {
        const { changes, result } = change(newest + 1)
        if (changes.length === 0) return result
        const isFirst = changes.some(({ kind }) => kind === 'bootstrapped')
        const after = bootstraps + Number(isFirst)
        await storage.write([
          ...changes.flatMap(statementOf),
          {
            sql: 'INSERT OR REPLACE INTO consul_acl_state (only, newest, bootstraps) VALUES (0, ?, ?)',
            params: [newest + 1, after],
          },
        ])
        newest++
        bootstraps = after
        for (const one of changes) apply(book, one)
        return result
      })
      last = written.catch(() => {})
      return written
    },
  }
}

function apply(book: AclBook, change: AclChange): void {
  switch (change.kind) {
    case 'policy':
      return book.putPolicy(change.policy)
    case 'policy-gone':
      return book.deletePolicy(change.id)
    case 'token':
      return book.putToken(change.token)
    case 'token-gone':
      return book.deleteToken(change.accessor)
    case 'bootstrapped':
      return
  }
}

function statementOf(change: AclChange): readonly SqlStatement[] {
  switch (change.kind) {
    case 'policy': {
      const { rules: _parsed, ...body } = change.policy
      const params = [body.id, JSON.stringify(body)]
      return [{ sql: 'INSERT OR REPLACE INTO consul_acl_policies VALUES (?, ?)', params }]
    }
    case 'policy-gone':
      return [{ sql: 'DELETE FROM consul_acl_policies WHERE id = ?', params: [change.id] }]
    case 'token': {
      const params = [change.token.accessor, JSON.stringify(change.token)]
      return [{ sql: 'INSERT OR REPLACE INTO consul_acl_tokens VALUES (?, ?)', params }]
    }
    case 'token-gone':
      return [
        { sql: 'DELETE FROM consul_acl_tokens WHERE accessor = ?', params: [change.accessor] },
      ]
    case 'bootstrapped':
      return []
  }
}

/** A token that cannot be read lets nobody in; its owner makes a new one. */
function loader(storage: Storage, setAside: SetAside) {
  return async (
    table: string,
    key: string,
    take: (id: string, body: unknown) => void,
  ): Promise<void> => {
    const sql = `SELECT ${key}, body FROM ${table} WHERE ${key} > ? ORDER BY ${key}`
    for await (const rows of storage.scan({ sql, key: [key], after: [''] })) {
      const bad: BadRow[] = []
      for (const row of rows) {
        const [id, body] = Object.values(row)
        try {
          take(String(id), JSON.parse(String(body)))
        } catch (error) {
          bad.push({ row, why: error instanceof Error ? error.message : String(error) })
        }
      }
      if (bad.length > 0) await setAside.move(table, [key], bad)
    }
  }
}

function parsePolicy(id: string, body: unknown): Policy {
  const policy = body as Partial<Policy>
  const isRead = policy.id === id && [policy.name, policy.description, policy.text].every(isText)
  if (!isRead) throw new TypeError('it is not a policy')
  return { ...(policy as Policy), rules: parseRules(policy.text ?? '') }
}

function parseToken(id: string, body: unknown): Token {
  const token = body as Partial<Token>
  const isRead =
    token.accessor === id &&
    [token.secretHash, token.description].every(isText) &&
    [token.createdAtMs, token.expiresAtMs, token.createIndex].every((one) =>
      Number.isFinite(one),
    ) &&
    Array.isArray(token.policies) &&
    token.policies.every(isText)
  if (!isRead) throw new TypeError('it is not a token')
  return token as Token
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
