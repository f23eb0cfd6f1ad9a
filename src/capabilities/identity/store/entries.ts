import type { SqlRow } from '../../../platform/storage/messages.ts'
import type { Ledger } from '../engines/ledger.ts'

/** Rows that one step of the cleaning takes at most, so that nobody waits behind it. */
export const SWEEP_ROWS_MAX = 500
/** How long a revocation is remembered: longer than anything lives that was on its way when it came. */
const REVOKED_MEMORY_MS = 60 * 60 * 1000

/** What is stored of a token, code, session or the like. Ids and index values are hashes: none of them can be presented. */
export interface Entry {
  /** `RefreshToken`, `Session`, ... */
  readonly kind: string
  readonly id: string
  /** JSON without the id. */
  readonly payload: string
  /** The hash of the grant that it hangs from. */
  readonly grantKey?: string | undefined
  readonly account?: string | undefined
  readonly client?: string | undefined
  readonly uid?: string | undefined
  readonly userCode?: string | undefined
  /** Undefined: it does not expire. */
  readonly expiresMs?: number | undefined
}

/** An entry with what became of it. */
export interface StoredEntry extends Entry {
  readonly consumedMs: number | undefined
  /** The hash of the token that took its place. */
  readonly successor: string | undefined
  readonly storedMs: number
}

/** `first`: this call has consumed it. `retry`: an answer was lost, and may be given again. */
export type Consumption = 'first' | 'retry' | 'used' | 'missing'

/** Single use that is single under concurrency, and revocations that nothing can overtake. Every method throws what the engine throws. */
export interface EntryStore {
  /** Stores it or replaces what is there; false where its grant or session was revoked: then nothing is stored. */
  put(entry: Entry): Promise<boolean>
  /** Like `put`; what is there already stays as it is. */
  putNew(entry: Entry): Promise<boolean>
  /** False where it is there already: somebody else was first. */
  claim(entry: Entry): Promise<boolean>
  find(kind: string, id: string): Promise<StoredEntry | undefined>
  findBy(kind: string, column: 'uid' | 'user_code', value: string): Promise<StoredEntry | undefined>
  /** Compare-and-set: of any number of callers one gets `first`. `retry` as `mayRetry` says. */
  consume(kind: string, id: string, retry?: RetryRule): Promise<Consumption>
  /** Whether the answer to a use that was first may be given once more. */
  mayRetry(entry: StoredEntry, graceMs: number): Promise<boolean>
  remove(kind: string, id: string): Promise<void>
  /** Removes what hangs from the grant; what is on its way to be stored is refused. */
  revokeGrant(grantKey: string): Promise<void>
  /** The same for a session, by the hash of its uid. */
  revokeSession(uid: string): Promise<void>
  /** Sessions or grants of an account, the newest first; or of all accounts. At most 1,000. */
  list(kind: 'Session' | 'Grant', account?: string): Promise<readonly StoredEntry[]>
  /** Removes up to `SWEEP_ROWS_MAX` expired rows; returns how many there were. */
  sweep(): Promise<number>
}

/** How a use is told from a retry of it. */
export interface RetryRule {
  /** The hash of what takes its place. */
  readonly successor: string
  readonly graceMs: number
}

/** Stands on either engine. */
export function createEntryStore(ledger: Ledger, nowMs: () => number): EntryStore {
  const store = {
    put: (entry: Entry) => putEntry(ledger, nowMs(), entry, REPLACE),
    putNew: (entry: Entry) => putEntry(ledger, nowMs(), entry, KEEP),
    claim: (entry: Entry) => claimEntry(ledger, nowMs(), entry),
    async find(kind: string, id: string) {
      const rows = await ledger.read(
        'SELECT * FROM identity_entries WHERE kind = ? AND id = ? AND (expires_ms IS NULL OR expires_ms > ?)',
        [kind, id, nowMs()],
      )
      return rows[0] === undefined ? undefined : entryOf(rows[0])
    },
    async findBy(kind: string, column: 'uid' | 'user_code', value: string) {
      const rows = await ledger.read(
        `SELECT * FROM identity_entries WHERE kind = ? AND ${column} = ? AND (expires_ms IS NULL OR expires_ms > ?)`,
        [kind, value, nowMs()],
      )
      return rows[0] === undefined ? undefined : entryOf(rows[0])
    },
    consume: (kind: string, id: string, retry?: RetryRule) =>
      consumeEntry(ledger, store, nowMs(), { kind, id, retry }),
    mayRetry: (entry: StoredEntry, graceMs: number) => mayRetry(ledger, entry, nowMs() - graceMs),
    async remove(kind: string, id: string) {
      await ledger.commit([
        { sql: 'DELETE FROM identity_entries WHERE kind = ? AND id = ?', params: [kind, id] },
      ])
    },
    revokeGrant: (grantKey: string) => revoke(ledger, nowMs(), 'grant_key', grantKey),
    revokeSession: (uid: string) => revoke(ledger, nowMs(), 'uid', uid),
    async list(kind: 'Session' | 'Grant', account?: string) {
      const rows = await ledger.read(
        `SELECT * FROM identity_entries WHERE kind = ? AND account IS NOT NULL AND (expires_ms IS NULL OR expires_ms > ?)${
          account === undefined ? '' : ' AND account = ?'
        } ORDER BY stored_ms DESC LIMIT 1000`,
        [kind, nowMs(), ...(account === undefined ? [] : [account])],
      )
      return rows.map(entryOf)
    },
    sweep: () => sweep(ledger, nowMs()),
  }
  return store
}

const COLUMNS =
  'kind, id, payload, grant_key, account, client, uid, user_code, expires_ms, stored_ms'
const INSERT = `INSERT INTO identity_entries (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
/** What was consumed stays consumed: only a use sets it. */
const REPLACE = `${INSERT} ON CONFLICT (kind, id) DO UPDATE SET payload = excluded.payload, grant_key = excluded.grant_key, account = excluded.account, client = excluded.client, uid = excluded.uid, user_code = excluded.user_code, expires_ms = excluded.expires_ms`
const KEEP = `${INSERT} ON CONFLICT (kind, id) DO NOTHING`

async function putEntry(
  ledger: Ledger,
  nowMs: number,
  entry: Entry,
  sql: string,
): Promise<boolean> {
  const keys = [entry.grantKey, entry.uid].filter((key) => key !== undefined)
  const guards = keys.map((key) => ({
    sql: 'SELECT 1 AS found FROM identity_revoked WHERE key = ?',
    params: [key],
    expects: 0,
  }))
  const outcome = await ledger.commit(
    [...guards, { sql, params: paramsOf(entry, nowMs) }],
    // A revocation takes the same lock: of the two, one sees the other.
    keys[0],
  )
  return outcome.outcome === 'committed'
}

async function claimEntry(ledger: Ledger, nowMs: number, entry: Entry): Promise<boolean> {
  const outcome = await ledger.commit([
    {
      // One that has expired and was not swept yet is no obstacle.
      sql: 'DELETE FROM identity_entries WHERE kind = ? AND id = ? AND expires_ms <= ?',
      params: [entry.kind, entry.id, nowMs],
    },
    { sql: INSERT, params: paramsOf(entry, nowMs), expects: 1 },
  ])
  return outcome.outcome === 'committed'
}

async function consumeEntry(
  ledger: Ledger,
  store: Pick<EntryStore, 'find'>,
  nowMs: number,
  use: { readonly kind: string; readonly id: string; readonly retry: RetryRule | undefined },
): Promise<Consumption> {
  const { kind, id, retry } = use
  const outcome = await ledger.commit([
    {
      sql: 'UPDATE identity_entries SET consumed_ms = ?, successor = ? WHERE kind = ? AND id = ? AND consumed_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)',
      params: [nowMs, retry?.successor ?? null, kind, id, nowMs],
      expects: 1,
    },
  ])
  if (outcome.outcome === 'committed') return 'first'
  const entry = await store.find(kind, id)
  if (entry === undefined) return 'missing'
  if (retry === undefined) return 'used'
  return (await mayRetry(ledger, entry, nowMs - retry.graceMs)) ? 'retry' : 'used'
}

/**
 * A use that has no successor yet was interrupted before anybody got an answer. One with a successor that was used itself was answered: whoever
 * comes with the old token then is not the one who got the new one.
 */
async function mayRetry(ledger: Ledger, entry: StoredEntry, sinceMs: number): Promise<boolean> {
  const { kind, successor, consumedMs } = entry
  if (successor === undefined || consumedMs === undefined) return false
  const [next] = await ledger.read(
    'SELECT consumed_ms FROM identity_entries WHERE kind = ? AND id = ?',
    [kind, successor],
  )
  if (next === undefined) return true
  return next['consumed_ms'] === null && consumedMs > sinceMs
}

async function revoke(
  ledger: Ledger,
  nowMs: number,
  column: 'grant_key' | 'uid',
  key: string,
): Promise<void> {
  await ledger.commit(
    [
      {
        sql: 'INSERT INTO identity_revoked (key, at_ms, expires_ms) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING',
        params: [key, nowMs, nowMs + REVOKED_MEMORY_MS],
      },
      { sql: `DELETE FROM identity_entries WHERE ${column} = ?`, params: [key] },
    ],
    key,
  )
}

async function sweep(ledger: Ledger, nowMs: number): Promise<number> {
  const outcome = await ledger.commit([
    {
      sql: `DELETE FROM identity_entries WHERE (kind, id) IN (SELECT kind, id FROM identity_entries WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ${SWEEP_ROWS_MAX})`,
      params: [nowMs],
    },
    {
      sql: `DELETE FROM identity_revoked WHERE key IN (SELECT key FROM identity_revoked WHERE expires_ms <= ? LIMIT ${SWEEP_ROWS_MAX})`,
      params: [nowMs],
    },
  ])
  if (outcome.outcome !== 'committed') return 0
  return outcome.results.reduce((sum, { changes }) => sum + changes, 0)
}

function paramsOf(entry: Entry, nowMs: number) {
  const { kind, id, payload, grantKey, account, client, uid, userCode, expiresMs } = entry
  const optional = [grantKey, account, client, uid, userCode, expiresMs]
  return [kind, id, payload, ...optional.map((value) => value ?? null), nowMs]
}

function entryOf(row: SqlRow): StoredEntry {
  const text = (value: unknown) => (value as string | null) ?? undefined
  const number = (value: unknown) => (value as number | null) ?? undefined
  return {
    kind: String(row['kind']),
    id: String(row['id']),
    payload: String(row['payload']),
    grantKey: text(row['grant_key']),
    account: text(row['account']),
    client: text(row['client']),
    uid: text(row['uid']),
    userCode: text(row['user_code']),
    consumedMs: number(row['consumed_ms']),
    successor: text(row['successor']),
    expiresMs: number(row['expires_ms']),
    storedMs: number(row['stored_ms']) ?? 0,
  }
}
