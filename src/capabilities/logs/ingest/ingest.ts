import type { LogRecord, SpanRecord } from '../../../contracts/signals.ts'
import type { Clock } from '../../../platform/capability.ts'
import type { SignalsStore } from '../store/store.ts'
import { SegmentWriteError } from '../store/segment-log.ts'
import { IngestBusyError } from './busy.ts'
import { cleanLog, cleanSpan, type CleanRules } from './clean.ts'
import { IngestHealth } from './health.ts'
import { LiveTail } from './live-tail.ts'

/** A sender that met a limit comes again after so long. */
const RETRY_AFTER_SECONDS = 2

/** Whether a sender keeps what is refused. */
export type Sender = 'retries' | 'forgets'

/** The one path of everything: cleaned, bounded, stored, shown to those who watch. */
export class Ingest {
  readonly health = new IngestHealth()
  readonly tail = new LiveTail()
  readonly #store: SignalsStore
  readonly #clock: Clock
  #rules: CleanRules = { redacts: true, rules: [] }

  constructor(store: SignalsStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** What is cleaned from now on. */
  setRules(rules: CleanRules): void {
    this.#rules = rules
  }

  /**
   * Resolves when the records are on the disk. A sender that tries again is refused as a whole: throws `IngestBusyError`. Of one that cannot, what is least
   * severe is thrown away and counted.
   */
  async takeLogs(records: readonly LogRecord[], sender: Sender): Promise<void> {
    if (records.length === 0) return
    const taken = sender === 'retries' ? this.#all(records) : this.#shed(records)
    const clean = taken.map((record) => cleanLog(record, this.#rules))
    await this.#stored(this.#store.writeLogs(clean), sender)
    this.#count(clean)
    this.tail.push(clean)
  }

  /** The same of spans: failed ones count as errors, all others as info. */
  async takeSpans(records: readonly SpanRecord[], sender: Sender): Promise<void> {
    if (records.length === 0) return
    // A span that says of no trace or has no id cannot be found or joined to anything.
    const whole = records.filter(({ trace, span }) => trace !== '' && span !== '')
    const taken = sender === 'retries' ? this.#all(whole) : this.#shed(whole)
    const clean = taken.map((record) => cleanSpan(record, this.#rules))
    await this.#stored(this.#store.writeSpans(clean), sender)
    this.#count(clean)
  }

  #all<One extends LogRecord | SpanRecord>(records: readonly One[]): readonly One[] {
    let highest = 0
    for (const record of records) highest = Math.max(highest, severityOf(record))
    if (this.#store.takes(highest)) return records
    for (const { source, service } of records) this.health.of(source, service).refused++
    throw this.#busy()
  }

  #shed<One extends LogRecord | SpanRecord>(records: readonly One[]): readonly One[] {
    return records.filter((record) => {
      if (this.#store.takes(severityOf(record))) return true
      this.health.of(record.source, record.service).shed++
      return false
    })
  }

  async #stored(written: Promise<void>, sender: Sender): Promise<void> {
    try {
      await written
    } catch (error) {
      if (!(error instanceof SegmentWriteError)) throw error
      // What waits is written when the disk takes it; nobody can be told more than that.
      if (sender === 'retries') throw this.#busy()
    }
  }

  #busy(): IngestBusyError {
    const { failure } = this.#store
    return failure === undefined
      ? new IngestBusyError(429, RETRY_AFTER_SECONDS, 'too much waits for the disk')
      : new IngestBusyError(503, RETRY_AFTER_SECONDS, failure.message)
  }

  #count(records: readonly (LogRecord | SpanRecord)[]): void {
    const nowMs = this.#clock.nowMs()
    for (const { source, service, time } of records) {
      this.health.took(source, service, nowMs, Math.max(0, nowMs - time / 1_000))
    }
  }
}

function severityOf(record: LogRecord | SpanRecord): number {
  if ('severity' in record) return record.severity
  return record.status === 'error' ? 17 : 9
}
