/** What a quota has counted. Counts only rise within a period, so the larger of two is the newer: telling one twice changes nothing. */
export interface QuotaRow {
  /** Whose quota: see LimitSpec. */
  readonly scope: string
  /** Hash of who is counted: no key of a client is stored. */
  readonly key: string
  /** Number of the period since the beginning of 1970 (UTC). */
  readonly period: number
  readonly used: number
}

export type QuotaPeriod = 'hour' | 'day' | 'month'

/** Data to control, every second: what has changed. */
export interface QuotaMessage {
  readonly type: 'quotas'
  readonly rows: readonly QuotaRow[]
}

/** Control to data, when data has forgotten: what was counted before. */
export interface QuotaOp {
  readonly op: 'quotas'
  readonly rows: readonly QuotaRow[]
}

/** Rows that are kept, and sent at a time. */
export const QUOTA_ROWS_MAX = 65_536
