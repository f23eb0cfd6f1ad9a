import type { AlertmanagerTarget } from '../../../contracts/alerts-state.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import type { RuleReport } from '../../metrics/rules/rule-ground.ts'
import type { AlertRecord } from '../alert-record.ts'
import { postJson } from './post-json.ts'
import { alertBody } from './webhook.ts'

/** Alerts of one request. */
const BATCH = 64
/** What has not changed is told again so often: an Alertmanager that was away, or that forgot, learns of it. Prometheus' `resend-delay`. */
const RESEND_MS = 60_000
/** How long what is told holds, in times of sending; Prometheus' factor. */
const VALID_TIMES = 4

/** How the last request to an Alertmanager went. */
export interface AlertmanagerHealth {
  readonly host: string
  /** '' where it went well. */
  readonly error: string
  readonly atMs: number
}

/** What ended, or of which no rule has said anything, is forgotten after so long. */
const FORGET_MS = 15 * 60_000

interface Resent {
  readonly record: AlertRecord
  /** When its rule said so. */
  readonly atMs: number
  readonly intervalMs: number
  sentAtMs: number
}

/** Tells real Alertmanagers (v2 API) of every alert, again and again, as Prometheus does: each request has the state, so that none need be kept. */
export class AlertmanagerSender {
  readonly #clock: Clock
  readonly #log: Log
  readonly #alerts = new Map<string, Resent>()
  readonly #health = new Map<string, AlertmanagerHealth>()
  #targets: readonly AlertmanagerTarget[] = []
  #externalUrl = ''
  /** Fingerprints of alerts that are to be told: as they are when their turn comes, so that one who answers late has no queue. */
  readonly #due = new Set<string>()
  #isSending = false

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  get health(): readonly AlertmanagerHealth[] {
    return [...this.#health.values()]
  }

  configure(targets: readonly AlertmanagerTarget[], externalUrl: string): void {
    this.#targets = targets
    this.#externalUrl = externalUrl
    this.#health.clear()
  }

  /** What rules say now, as records; sent where it is new, has ended, or was sent a while ago. */
  take(records: readonly AlertRecord[], { atMs, intervalMs }: RuleReport): void {
    if (this.#targets.length === 0) return
    for (const record of records) {
      const { fingerprint } = record
      const known = this.#alerts.get(fingerprint)
      const sentAtMs = known !== undefined && isSame(known.record, record) ? known.sentAtMs : 0
      this.#alerts.set(fingerprint, { record, atMs, intervalMs, sentAtMs })
      if (atMs - sentAtMs >= RESEND_MS) this.#due.add(fingerprint)
    }
    for (const [fingerprint, known] of this.#alerts) {
      const silentMs = Math.max(FORGET_MS, VALID_TIMES * known.intervalMs)
      const isOver = atMs - (known.record.endsAtMs ?? Infinity) > FORGET_MS
      if (isOver || atMs - known.atMs > silentMs) this.#alerts.delete(fingerprint)
    }
    if (this.#due.size > 0 && !this.#isSending) void this.#sendDue()
  }

  async #sendDue(): Promise<void> {
    this.#isSending = true
    try {
      while (this.#due.size > 0) {
        const fingerprints = [...this.#due].slice(0, BATCH)
        for (const fingerprint of fingerprints) this.#due.delete(fingerprint)
        await this.#send(fingerprints.flatMap((fingerprint) => this.#alerts.get(fingerprint) ?? []))
      }
    } finally {
      this.#isSending = false
    }
  }

  async #send(batch: readonly Resent[]): Promise<void> {
    const body = batch.map(({ record, atMs, intervalMs }) => ({
      ...alertBody(record, this.#externalUrl),
      endsAt: new Date(
        record.endsAtMs ?? atMs + VALID_TIMES * Math.max(intervalMs, RESEND_MS),
      ).toISOString(),
    }))
    const answers = await Promise.all(this.#targets.map((target) => this.#post(target, body)))
    // Where none of them has it, it is sent again at the next evaluation.
    if (!answers.some(Boolean)) return
    for (const { record, atMs } of batch) {
      const now = this.#alerts.get(record.fingerprint)
      if (now !== undefined && isSame(now.record, record)) now.sentAtMs = atMs
    }
  }

  async #post({ url, headers }: AlertmanagerTarget, body: unknown): Promise<boolean> {
    const { host } = new URL(url)
    const atMs = this.#clock.nowMs()
    try {
      await postJson({ url: `${url}/api/v2/alerts`, headers }, body, this.#clock)
      this.#health.set(host, { host, error: '', atMs })
      return true
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause)
      this.#health.set(host, { host, error, atMs })
      this.#log('warn', 'an Alertmanager cannot be told of alerts', { host, reason: error })
      return false
    }
  }
}

/** Whether both fire, or both have ended. */
function isSame(one: AlertRecord, other: AlertRecord): boolean {
  return (one.endsAtMs === undefined) === (other.endsAtMs === undefined)
}
