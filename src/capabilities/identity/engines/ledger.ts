import type {
  GuardedStatement,
  SqlRow,
  SqlValue,
  WriteOutcome,
} from '../../../platform/storage/messages.ts'

/**
 * Durable rows of identity in one of two engines. Both speak the same small SQL (`?` for parameters, `ON CONFLICT`, `RETURNING`), so that what is
 * single on one of them is single on the other: one contract suite runs against each (`ledger.contract.ts`).
 */
export interface Ledger {
  /** `sqlite` or `postgres`, for people. */
  readonly engine: 'sqlite' | 'postgres'
  /** Brings the tables to the newest version; side by side with other nodes that do the same. Throws the engine's error. */
  migrate(migrations: readonly string[]): Promise<void>
  /**
   * All statements or none, each `expects` as it says; durable when it resolves with `committed`. Commits that name one `lock` follow each other:
   * what the first has written, the second sees. Throws the engine's error for everything that is no conflict.
   */
  commit(statements: readonly GuardedStatement[], lock?: string): Promise<WriteOutcome>
  /** Sees every commit that was acknowledged before the call. */
  read(sql: string, params?: readonly SqlValue[]): Promise<readonly SqlRow[]>
  close(): Promise<void>
}
