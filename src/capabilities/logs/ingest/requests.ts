import type { RequestRecord } from '../../../contracts/snapshot.ts'
import type { SpanRecord } from '../../../contracts/signals.ts'
import { readRecords } from '../../../contracts/records-reader.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import type { Ingest } from './ingest.ts'
import { AttributeText } from '../../../mechanisms/log-line/attribute-text.ts'

/**
 * Records that are read a second: what is beyond is thrown away unread, batch by batch, since reading them all would cost as much as a tenth of the requests
 * themselves (measured). Of a gateway that is busier, failures are kept in part.
 */
const READ_PER_SECOND = 5_000

/** Finished requests of the gateway as spans and access records: there even where no service is instrumented. */
export class RequestSpans {
  readonly #ingest: Ingest
  readonly #clock: Clock
  readonly #log: Log
  #perSecond = 0
  #second = 0
  #kept = 0
  #keptFailed = 0
  #read = 0
  /** Of the batches that were read, to tell about how many are in one that is not. */
  #bytesEach = 200

  constructor(ingest: Ingest, clock: Clock, log: Log) {
    this.#ingest = ingest
    this.#clock = clock
    this.#log = log
  }

  /** Requests a second that are kept, and failed ones in addition. */
  setRate(perSecond: number): void {
    this.#perSecond = perSecond
  }

  /** Takes a batch as data sends it. */
  take(worker: number, batch: Buffer): void {
    if (this.#perSecond === 0) return
    this.#keepUp()
    if (this.#read >= READ_PER_SECOND) {
      this.#ingest.health.of('gateway', '').shed += Math.round(batch.length / this.#bytesEach)
      return
    }
    let records: readonly RequestRecord[]
    try {
      records = readRecords(batch, worker)
    } catch (error) {
      this.#log('error', 'a batch of records cannot be read', { error })
      return
    }
    this.#read += records.length
    if (records.length > 0) this.#bytesEach = batch.length / records.length
    const observed = this.#clock.nowMs() * 1_000
    const kept = records.filter((record) => this.#mayKeep(record))
    const left = records.length - kept.length
    if (left > 0) this.#ingest.health.of('gateway', '').shed += left
    const spans = kept.map((record) => spanOf(record, observed))
    // Nobody can be told: what cannot be taken is counted as shed.
    void this.#ingest.takeSpans(spans, 'forgets').catch((error: unknown) => {
      this.#log('error', 'spans of the gateway are lost', { error })
    })
  }

  #keepUp(): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000)
    if (second === this.#second) return
    this.#second = second
    this.#kept = 0
    this.#keptFailed = 0
    this.#read = 0
  }

  /** A busy gateway would fill the disk: what goes well is kept up to a rate, what fails up to the same rate again. */
  #mayKeep(record: RequestRecord): boolean {
    if (isFailed(record)) return ++this.#keptFailed <= this.#perSecond
    return ++this.#kept <= this.#perSecond
  }
}

function isFailed({ status, reason }: RequestRecord): boolean {
  return status >= 500 || reason !== ''
}

/** A request with each of its attempts as an event. */
function spanOf(record: RequestRecord, observed: number): SpanRecord {
  const attributes = new AttributeText()
  const add = (name: string, value: string): void => {
    if (value !== '') attributes.addText(name, value)
  }
  add('http.request.method', record.method)
  add('url.path', record.target)
  attributes.addPlain('http.response.status_code', record.status)
  add('http.route', record.route)
  add('server.address', record.host)
  add('client.address', record.client)
  add('network.protocol', record.protocol)
  add('peer.service', record.service)
  add('backplane.caller', record.caller)
  add('backplane.listener', record.listener)
  add('backplane.reason', record.reason)
  add('backplane.request_id', record.requestId)
  add('backplane.detail', record.detail)
  add('backplane.instance', record.attempts.at(-1)?.instance ?? '')
  attributes.addPlain('http.request.size', record.requestBytes)
  attributes.addPlain('http.response.size', record.responseBytes)
  attributes.addPlain('backplane.attempts', record.attempts.length)
  if (record.queueMs > 0) attributes.addPlain('backplane.queue_ms', record.queueMs)
  const startedMs = record.startedAtMs
  return {
    time: Math.round(startedMs * 1_000),
    observed,
    duration: Math.round(record.durationMs * 1_000_000),
    service: 'gateway',
    instance: `worker-${record.worker}`,
    source: 'gateway',
    trace: record.traceId,
    span: record.spanId,
    parent: record.parentSpanId,
    name: `${record.method} ${record.route === '' ? record.target : record.route}`,
    kind: 'server',
    status: isFailed(record) ? 'error' : 'unset',
    message: record.reason,
    events: JSON.stringify(record.attempts.map((attempt) => attemptEvent(attempt, startedMs))),
    attributes: attributes.finish(),
  }
}

function attemptEvent(
  {
    instance,
    address,
    outcome,
    status,
    startedMs,
    connectedMs,
    answeredMs,
  }: RequestRecord['attempts'][number],
  requestStartedMs: number,
): object {
  return {
    time: Math.round((requestStartedMs + startedMs) * 1_000),
    name: 'attempt',
    attributes: {
      instance,
      address,
      outcome,
      status,
      'connected.ms': connectedMs,
      'answered.ms': answeredMs,
    },
  }
}
