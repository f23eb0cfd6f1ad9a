import { type Choice, createChoice, explainChoice } from '../mechanisms/balancing/choice.ts'
import { VarintReader } from '../mechanisms/varint/varint.ts'
import {
  CHOICE_FLAG,
  CHOICE_RULES,
  RECORD_FLAG,
  RECORDS_HEADER_BYTES,
  RECORDS_MAGIC,
  RECORDS_VERSION,
} from './records.ts'
import type { AttemptRecord, PolicyRecord, RequestRecord } from './snapshot.ts'

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
/** Stands behind what was cut. */
const CUT = '...'

/** The batch is not one, or one of another version. */
export class RecordsError extends Error {
  readonly code = 'ERR_TELEMETRY_RECORDS'

  constructor(message: string) {
    super(message)
    this.name = 'RecordsError'
  }
}

/**
 * The records of one batch, in the order in which they ended.
 * @throws RecordsError for another version, VarintError for bytes that are not whole.
 */
export function readRecords(batch: Buffer, worker: number): RequestRecord[] {
  if (batch[0] !== RECORDS_MAGIC || batch[1] !== RECORDS_VERSION) {
    throw new RecordsError(
      `A batch of records begins with ${batch[0]}, ${batch[1]} in place of ${RECORDS_MAGIC}, ${RECORDS_VERSION}: the processes are of different versions; restart Backplane.`,
    )
  }
  const reader = new BatchReader(batch)
  const records: RequestRecord[] = []
  while (reader.hasMore) records.push(reader.record(worker))
  return records
}

class BatchReader {
  readonly #reader: VarintReader
  readonly #names: string[] = []

  constructor(batch: Buffer) {
    this.#reader = new VarintReader(batch, RECORDS_HEADER_BYTES, 'a batch of records')
  }

  get hasMore(): boolean {
    return this.#reader.hasMore
  }

  record(worker: number): RequestRecord {
    const reader = this.#reader
    const flags = reader.byte()
    const requestId = reader.bytes(reader.varint()).toString('latin1')
    const traceId = hexOf(reader.bytes(TRACE_ID_BYTES))
    const spanId = hexOf(reader.bytes(SPAN_ID_BYTES))
    const parentSpanId =
      (flags & RECORD_FLAG.hasParent) === 0 ? '' : hexOf(reader.bytes(SPAN_ID_BYTES))
    const hostLength = reader.varint()
    const pathLength = reader.varint()
    const detailLength = reader.varint()
    const host = reader.bytes(hostLength).toString('latin1')
    const path = reader.bytes(pathLength).toString('latin1')
    const detail = reader.bytes(detailLength).toString('utf8')
    return {
      requestId,
      traceId,
      spanId,
      parentSpanId,
      isSampled: (flags & RECORD_FLAG.isSampled) !== 0,
      worker,
      host: (flags & RECORD_FLAG.isHostCut) === 0 ? host : host + CUT,
      target: (flags & RECORD_FLAG.isPathCut) === 0 ? path : path + CUT,
      detail,
      startedAtMs: reader.float(),
      ...this.#readNames(),
      status: reader.varint(),
      version: reader.varint(),
      queueMs: reader.varint() / 1_000,
      durationMs: reader.varint() / 1_000,
      requestBytes: reader.varint(),
      responseBytes: reader.varint(),
      hasDefect: (flags & RECORD_FLAG.hasDefect) !== 0,
      attempts: this.#list(() => this.#attempt()),
      policies: this.#list(() => this.#policy()),
    }
  }

  #readNames(): Pick<
    RequestRecord,
    | 'listener'
    | 'caller'
    | 'client'
    | 'protocol'
    | 'method'
    | 'route'
    | 'routeSource'
    | 'service'
    | 'serviceSource'
    | 'algorithm'
    | 'reason'
    | 'tls'
  > {
    return {
      listener: this.#name(),
      caller: this.#name(),
      client: this.#name(),
      protocol: this.#name(),
      method: this.#name(),
      route: this.#name(),
      routeSource: this.#name(),
      service: this.#name(),
      serviceSource: this.#name(),
      algorithm: this.#name(),
      reason: this.#name(),
      tls: this.#name(),
    }
  }

  #attempt(): AttemptRecord {
    const reader = this.#reader
    const told = {
      instance: this.#name(),
      address: this.#name(),
      outcome: this.#name(),
      status: reader.varint(),
      candidates: reader.varint(),
      excluded: reader.varint(),
      startedMs: this.#moment(),
      connectedMs: this.#moment(),
      answeredMs: this.#moment(),
    }
    return { ...told, choice: explainChoice(this.#choice(told.instance)) }
  }

  #choice(instance: string): Choice {
    const reader = this.#reader
    const choice = createChoice()
    const rule = CHOICE_RULES[reader.byte()]
    if (rule === undefined) throw reader.error()
    const flags = reader.byte()
    choice.rule = rule
    choice.isPanic = (flags & CHOICE_FLAG.isPanic) !== 0
    choice.isUnstuck = (flags & CHOICE_FLAG.isUnstuck) !== 0
    choice.isBackup = (flags & CHOICE_FLAG.isBackup) !== 0
    choice.isSpilled = (flags & CHOICE_FLAG.isSpilled) !== 0
    choice.chosenId = instance
    choice.chosenEwmaMs = this.#ewma()
    choice.chosenInFlight = reader.varint()
    choice.chosenWeight = reader.varint()
    choice.otherId = this.#name()
    if (choice.otherId === '') return choice
    choice.otherEwmaMs = this.#ewma()
    choice.otherInFlight = reader.varint()
    choice.otherWeight = reader.varint()
    return choice
  }

  #policy(): PolicyRecord {
    return { policy: this.#name(), decision: this.#name(), value: this.#reader.float() }
  }

  /** Each entry takes some bytes, so that a count that is too large ends with the batch. */
  #list<Entry>(read: () => Entry): Entry[] {
    const entries: Entry[] = []
    for (let count = this.#reader.varint(); count > 0; count--) entries.push(read())
    return entries
  }

  #moment(): number {
    const told = this.#reader.varint()
    return told === 0 ? 0 : (told - 1) / 1_000
  }

  #ewma(): number {
    const told = this.#reader.varint()
    return told === 0 ? -1 : (told - 1) / 1_000
  }

  #name(): string {
    const number = this.#reader.varint()
    if (number === 0) {
      const name = this.#reader.string()
      this.#names.push(name)
      return name
    }
    const known = this.#names[number - 1]
    if (known === undefined) throw this.#reader.error()
    return known
  }
}

/** '' for an id that is not there. */
function hexOf(id: Buffer): string {
  return id.every((byte) => byte === 0) ? '' : id.toString('hex')
}
