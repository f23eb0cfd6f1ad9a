/** One key. Records never change: a write makes a new one. */
export interface Entry {
  readonly key: string
  readonly value: Buffer
  /** 64 bits that mean something to clients. */
  readonly flags: bigint
  readonly createIndex: number
  readonly modifyIndex: number
  /** How often it was acquired: rises as long as the key lives, so it can fence off an old holder. */
  readonly lockIndex: number
  /** Id of the session that holds it; '' for none. */
  readonly session: string
}

/** What becomes of the keys that a session holds when it ends. */
export type Behavior = 'release' | 'delete'

/** What a client asks of a new session. */
export interface SessionSpec {
  readonly name: string
  readonly node: string
  readonly lockDelayMs: number
  readonly behavior: Behavior
  /** 0: it has none, and lives until it is destroyed. */
  readonly ttlMs: number
  /** Ids of checks of the node; when one of them is critical or gone the session ends. */
  readonly nodeChecks: readonly string[]
  /** Ids of checks of services of the node. */
  readonly serviceChecks: readonly string[]
}

/** Who holds locks. */
export interface Session extends SessionSpec {
  readonly id: string
  readonly createIndex: number
}

/** One operation on keys, as clients name them. */
export type KvOp =
  | { readonly verb: 'set'; readonly key: string; readonly value: Buffer; readonly flags: bigint }
  | {
      readonly verb: 'cas'
      readonly key: string
      readonly value: Buffer
      readonly flags: bigint
      /** 0: only where there is no such key. */
      readonly index: number
    }
  | {
      readonly verb: 'lock' | 'unlock'
      readonly key: string
      readonly value: Buffer
      readonly flags: bigint
      readonly session: string
    }
  | { readonly verb: 'delete-cas' | 'check-index'; readonly key: string; readonly index: number }
  | { readonly verb: 'check-session'; readonly key: string; readonly session: string }
  | {
      readonly verb:
        | 'delete'
        | 'delete-tree'
        | 'get'
        | 'get-or-empty'
        | 'get-tree'
        | 'check-not-exists'
      readonly key: string
    }

/** What one operation has done. */
export type OpOutcome =
  | { readonly isDone: true; readonly entries: readonly Entry[] }
  /** Nothing was changed; `why` in Consul's words. */
  | { readonly isDone: false; readonly why: string }

/** What several operations have done: all of them, or nothing. */
export type TransactionOutcome =
  | { readonly isDone: true; readonly outcomes: readonly (readonly Entry[])[] }
  | {
      readonly isDone: false
      readonly errors: readonly { readonly opIndex: number; readonly why: string }[]
    }
