import type { Entry, KvOp, OpOutcome, Session, SessionSpec, TransactionOutcome } from './model.ts'
import type { Guest } from './state.ts'
import type { Watchable } from './watchers.ts'

/**
 * Keys, sessions and locks. Reads are synchronous and see everything that was acknowledged and nothing else; writes resolve when they are on disk.
 * Together they are linearizable.
 */
export interface Kv {
  entry(key: string): Entry | undefined
  /** In order of the keys. */
  list(prefix: string): Iterable<Entry>
  /** To wait for a change of one key. */
  key(key: string): Watchable
  /** To wait for a change of any key that begins so. */
  prefix(prefix: string): Watchable
  /** Rejects with `ProblemError` (`ERR_KV_SESSION_INVALID`, `ERR_KV_FULL`, `ERR_KV_BUSY`) and `StorageError`. */
  run(op: KvOp): Promise<OpOutcome>
  /**
   * All or none. `decide` says what somebody else stores in the same transaction, at the moment at which the operations are decided; where it refuses, nothing is
   * done. Rejects with `ProblemError` (`ERR_KV_FULL`, `ERR_KV_BUSY`), `StorageError` and what `decide` throws.
   */
  transact(ops: readonly KvOp[], decide?: () => Guest | 'refused'): Promise<TransactionOutcome>

  session(id: string): Session | undefined
  sessions(): Iterable<Session>
  /** To wait for a change of any session. */
  watchSessions(): Watchable
  /** Rejects with `ProblemError`. */
  createSession(spec: SessionSpec): Promise<Session>
  /** False: it was not there. */
  destroySession(id: string): Promise<boolean>
  /** A sign of life; undefined: it is not there any more. */
  renewSession(id: string): Promise<Session | undefined>
  /** Milliseconds until it ends without a sign of life; Infinity where it has no TTL. */
  sessionEndsInMs(id: string): number
  counts(): {
    readonly keys: number
    readonly bytes: number
    readonly sessions: number
    readonly watchers: number
  }
}

/** What a session may hang on. */
export interface NodeHealth {
  hasNode(node: string): boolean
  /** Undefined: there is no such check. */
  statusOf(node: string, check: string): 'passing' | 'warning' | 'critical' | 'unknown' | undefined
  /** Calls back after changes of nodes and checks. Returns the end of it. */
  subscribe(changed: () => void): () => void
}
