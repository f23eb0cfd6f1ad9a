import { join } from 'node:path'
import type { LogRecord, SpanRecord } from '../../../contracts/signals.ts'
import { SIGNALS, type Signal } from '../../../contracts/signals.ts'
import { SEVERITY } from '../../../mechanisms/log-query/severity.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import { Engine } from '../engine/engine.ts'
import { encodeLog, encodeSpan } from './encode.ts'
import { diskFiles, type SegmentFiles } from './segment-files.ts'
import type { SegmentWriteError } from './segment-log.ts'
import { SignalStore, type Keeping } from './signal-store.ts'

/** Sealing may use so much memory. */
const SEALER_MEMORY_BYTES_MAX = 256 * 1024 * 1024
const SPILL_BYTES_MAX = 4 * 1024 * 1024 * 1024
/** Numbers of records of one millisecond: the number of a record rises over restarts, too. */
const SEQ_PER_MS = 1_024

/** How things are kept. */
export interface StoreKeeping {
  readonly logs: Keeping
  readonly spans: Keeping
  /** Bytes of everything; 0: no limit. */
  readonly bytesMax: number
}

export interface StoreOptions {
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  /** Characters that may wait for the disk. */
  readonly pendingMax: number
  readonly files?: SegmentFiles
}

/** Shares of what may wait, from which records of a severity are not taken any more: the lowest are shed first. */
const SHARES: readonly (readonly [below: number, share: number])[] = [
  [SEVERITY.info, 0.5],
  [SEVERITY.warn, 0.7],
  [SEVERITY.error, 0.85],
]

/** Logs and spans: taken when they are on the disk, read by files. */
export class SignalsStore {
  readonly logs: SignalStore
  readonly spans: SignalStore
  readonly #options: StoreOptions
  readonly #sealer: Engine
  #seq: number

  /** Opens both; what a kill has left is mended. */
  static async open(options: StoreOptions): Promise<SignalsStore> {
    const { folder, clock, log, files = diskFiles } = options
    const sealer = new Engine(
      {
        folder,
        spillFolder: join(folder, 'spill', 'seal'),
        memoryBytesMax: SEALER_MEMORY_BYTES_MAX,
        spillBytesMax: SPILL_BYTES_MAX,
        threads: 1,
      },
      clock,
      log,
    )
    const ground = { folder, engine: sealer, files, clock, log }
    const [logs, spans] = await Promise.all(
      SIGNALS.map((signal) => SignalStore.open(signal, ground)),
    )
    if (logs === undefined || spans === undefined) throw new TypeError('a signal without a store')
    return new SignalsStore(options, sealer, logs, spans)
  }

  constructor(options: StoreOptions, sealer: Engine, logs: SignalStore, spans: SignalStore) {
    this.#options = options
    this.#sealer = sealer
    this.logs = logs
    this.spans = spans
    this.#seq = options.clock.nowMs() * SEQ_PER_MS
  }

  /** One of the two. */
  of(signal: Signal): SignalStore {
    return signal === 'logs' ? this.logs : this.spans
  }

  /** Characters that wait for the disk. */
  get pending(): number {
    return this.logs.segments.pending + this.spans.segments.pending
  }

  /** Why the disk takes nothing now. */
  get failure(): SegmentWriteError | undefined {
    return this.logs.segments.failure ?? this.spans.segments.failure
  }

  /** Whether a record of this severity is taken now; 0 counts as info. */
  takes(severity: number): boolean {
    if (this.failure !== undefined) return false
    const counted = severity === 0 ? SEVERITY.info : severity
    const share = SHARES.find(([below]) => counted < below)?.[1] ?? 1
    return this.pending < this.#options.pendingMax * share
  }

  /** Resolves when they are on the disk. Throws `SegmentWriteError`. */
  writeLogs(records: readonly LogRecord[]): Promise<void> {
    return this.#write(this.logs, records, encodeLog)
  }

  /** The same of spans. */
  writeSpans(records: readonly SpanRecord[]): Promise<void> {
    return this.#write(this.spans, records, encodeSpan)
  }

  /** Seals and removes what is due. */
  async maintain(keeping: StoreKeeping): Promise<void> {
    await this.logs.maintain(keeping.logs)
    await this.spans.maintain(keeping.spans)
    if (keeping.bytesMax === 0) return
    while (this.logs.bytes + this.spans.bytes > keeping.bytesMax) {
      if (!(await this.#oldest().removeOldestHour())) return
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.logs.close(), this.spans.close()])
    await this.#sealer.close()
  }

  #oldest(): SignalStore {
    const { logs, spans } = this
    if (logs.oldestHour === '') return spans
    return spans.oldestHour !== '' && spans.oldestHour < logs.oldestHour ? spans : logs
  }

  #write<One extends { readonly time: number }>(
    store: SignalStore,
    records: readonly One[],
    encode: (record: One, seq: number) => string,
  ): Promise<void> {
    if (records.length === 0) return Promise.resolve()
    let lines = ''
    let from = Number.MAX_SAFE_INTEGER
    let to = 0
    for (const record of records) {
      lines += encode(record, ++this.#seq)
      if (record.time < from) from = record.time
      if (record.time > to) to = record.time
    }
    return store.segments.append(lines, { rows: records.length, from, to })
  }
}
