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

interface Resent {
  readonly record: AlertRecord
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
  #sending: Promise<void> = Promise.resolve()

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
    const due: Resent[] = []
    for (const record of records) {
      const known = this.#alerts.get(record.fingerprint)
      const hasChanged =
        known === undefined ||
        (known.record.endsAtMs === undefined) !== (record.endsAtMs === undefined)
      const sentAtMs = hasChanged ? 0 : known.sentAtMs
      const next = { record, intervalMs, sentAtMs }
      this.#alerts.set(record.fingerprint, next)
      if (atMs - sentAtMs >= RESEND_MS) due.push(next)
    }
    for (const [fingerprint, { record }] of this.#alerts) {
      if (record.endsAtMs !== undefined && atMs - record.endsAtMs > 15 * 60_000) {
        this.#alerts.delete(fingerprint)
      }
    }
    if (due.length > 0) this.#sending = this.#sending.then(() => this.#send(due, atMs))
  }

  async #send(due: readonly Resent[], atMs: number): Promise<void> {
    for (let at = 0; at < due.length; at += BATCH) {
      const batch = due.slice(at, at + BATCH)
      const body = batch.map(({ record, intervalMs }) => ({
        ...alertBody(record, this.#externalUrl),
        endsAt: new Date(
          record.endsAtMs ?? atMs + VALID_TIMES * Math.max(intervalMs, RESEND_MS),
        ).toISOString(),
      }))
      const answers = await Promise.all(this.#targets.map((target) => this.#post(target, body)))
      // Where none of them has it, it is sent again at the next evaluation.
      if (answers.some(Boolean)) for (const one of batch) one.sentAtMs = atMs
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
