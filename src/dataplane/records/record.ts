import { type Choice, createChoice, explainChoice } from '../../mechanisms/balancing/choice.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { RequestRecord, AttemptRecord } from '../../contracts/snapshot.ts'

/** Attempts of one request that are remembered; configuration allows eleven, and a stale connection adds one. */
export const ATTEMPTS_MAX = 16
/** Decisions of policies that are remembered; a route has fewer. */
export const POLICY_NOTES_MAX = 16
/** Bytes of a request id; a longer one from outside is not taken over. */
export const REQUEST_ID_BYTES_MAX = 128
/** What is kept of a host: a name of 253 bytes (RFC 1035 section 2.3.4) and a port. */
export const HOST_BYTES_MAX = 261
/** What is kept of a path. */
export const PATH_BYTES_MAX = 1_024
/** What is kept of the sentence that says why the gateway answered itself; it may quote the path. */
export const DETAIL_BYTES_MAX = 512
/** A record's own bytes: they begin with room for most requests, and grow to what the three bounds above add up to. */
export const TEXT_BYTES_MIN = 256
export const TEXT_BYTES_MAX = HOST_BYTES_MAX + PATH_BYTES_MAX + DETAIL_BYTES_MAX

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8

/** One attempt as it happened; the sentence of the choice is built when somebody asks. Times are monotonic milliseconds. */
export interface AttemptEntry {
  instance: string
  address: string
  candidates: number
  excluded: number
  readonly choice: Choice
  startedMs: number
  connectedMs: number
  answeredMs: number
  outcome: string
  status: number
}

/** What one policy decided. Both are constants or names of the configuration, so that a note pins nothing of a request. */
export interface PolicyNote {
  policy: string
  decision: string
  /** What the decision was about, such as what is left of a limit. */
  value: number
}

/**
 * One request as it happened. The path of the request writes it and never reads it. Pooled and reused, always of one shape, and bounded
 * in bytes: what a client can make long is copied into bytes of its own, and nothing points into a request. Strings in it are constants
 * or names of the configuration, but for the client's address.
 */
export interface ExchangeRecord {
  readonly requestId: Buffer
  requestIdLength: number
  /** W3C Trace Context: the trace, our span, and the span that called us, all zeros where there was none. */
  readonly traceId: Buffer
  readonly spanId: Buffer
  readonly parentSpanId: Buffer
  isSampled: boolean
  /** Host, path and detail, one behind the other: read it by the three lengths. */
  text: Buffer
  hostLength: number
  isHostCut: boolean
  pathLength: number
  isPathCut: boolean
  detailLength: number
  startedAtMs: number
  startedMs: number
  listener: string
  caller: string
  client: string
  /** `http/1.1`, `http/1.0`, `tcp`, ... */
  protocol: string
  /** `TLSv1.3`, or `TLSv1.3 resumed`; '' in the clear. */
  tls: string
  method: string
  route: string
  routeSource: string
  service: string
  serviceSource: string
  algorithm: string
  status: number
  reason: string
  version: number
  /** Milliseconds that it waited for a connection. */
  queueMs: number
  durationMs: number
  requestBytes: number
  responseBytes: number
  /** Something of ours threw; the request was given up for it. */
  hasDefect: boolean
  attemptCount: number
  readonly attempts: AttemptEntry[]
  policyCount: number
  readonly policies: PolicyNote[]
}

/** An empty record. */
export function createRecord(): ExchangeRecord {
  const ids = Buffer.alloc(REQUEST_ID_BYTES_MAX + TRACE_ID_BYTES + 2 * SPAN_ID_BYTES)
  const spanAt = REQUEST_ID_BYTES_MAX + TRACE_ID_BYTES
  return {
    requestId: ids.subarray(0, REQUEST_ID_BYTES_MAX),
    requestIdLength: 0,
    traceId: ids.subarray(REQUEST_ID_BYTES_MAX, spanAt),
    spanId: ids.subarray(spanAt, spanAt + SPAN_ID_BYTES),
    parentSpanId: ids.subarray(spanAt + SPAN_ID_BYTES, spanAt + 2 * SPAN_ID_BYTES),
    isSampled: false,
    text: Buffer.allocUnsafeSlow(TEXT_BYTES_MIN),
    hostLength: 0,
    isHostCut: false,
    pathLength: 0,
    isPathCut: false,
    detailLength: 0,
    startedAtMs: 0,
    startedMs: 0,
    listener: '',
    caller: '',
    client: '',
    protocol: '',
    tls: '',
    method: '',
    route: '',
    routeSource: '',
    service: '',
    serviceSource: '',
    algorithm: '',
    status: 0,
    reason: '',
    version: 0,
    queueMs: 0,
    durationMs: 0,
    requestBytes: 0,
    responseBytes: 0,
    hasDefect: false,
    attemptCount: 0,
    attempts: [],
    policyCount: 0,
    policies: [],
  }
}

/** Forgets what the last request left in it; whoever names the request writes all of its ids anew. */
export function clearRecord(record: ExchangeRecord): void {
  record.requestIdLength = 0
  record.isSampled = false
  record.hostLength = 0
  record.isHostCut = false
  record.pathLength = 0
  record.isPathCut = false
  record.detailLength = 0
  record.protocol = ''
  record.tls = ''
  record.method = ''
  record.route = ''
  record.routeSource = ''
  record.service = ''
  record.serviceSource = ''
  record.algorithm = ''
  record.status = 0
  record.reason = ''
  record.queueMs = 0
  record.durationMs = 0
  record.requestBytes = 0
  record.responseBytes = 0
  record.hasDefect = false
  record.attemptCount = 0
  record.policyCount = 0
}

/** Copies method, host, path (without query) and protocol of a head that was parsed from `bytes`. Once, and before `noteReason`. */
export function noteRequestLine(record: ExchangeRecord, head: RequestHead, bytes: Buffer): void {
  const { host, pathEnd } = head
  const hostLength = Math.min(host.length, HOST_BYTES_MAX)
  const pathLength = Math.min(pathEnd, PATH_BYTES_MAX)
  if (record.text.length < hostLength + pathLength) growText(record, hostLength + pathLength)
  const { text } = record
  record.method = head.method
  record.protocol = head.minorVersion === 1 ? 'http/1.1' : 'http/1.0'
  record.hostLength = hostLength
  record.isHostCut = hostLength < host.length
  record.pathLength = pathLength
  record.isPathCut = pathLength < pathEnd
  record.detailLength = 0
  text.write(host, 0, hostLength, 'latin1')
  // An absolute target has its authority in front of the path; its path may even be one that was added.
  if (head.form === 'absolute') text.write(head.target, hostLength, pathLength, 'latin1')
  else bytes.copy(text, hostLength, head.targetStart, head.targetStart + pathLength)
}

/** Notes the request's name; of a longer one than `REQUEST_ID_BYTES_MAX` the beginning. */
export function noteRequestId(record: ExchangeRecord, requestId: string): void {
  record.requestIdLength = record.requestId.write(requestId, 0, 'latin1')
}

/** Notes the `traceparent` that goes to the instance, and the valid one that came; both in the form of W3C Trace Context, section 3.2. */
export function noteTrace(record: ExchangeRecord, sent: string, received: string | null): void {
  record.traceId.write(sent.slice(3, 35), 'hex')
  record.spanId.write(sent.slice(36, 52), 'hex')
  record.isSampled = (Number.parseInt(sent.slice(53, 55), 16) & 1) === 1
  if (received === null) record.parentSpanId.fill(0)
  else record.parentSpanId.write(received.slice(36, 52), 'hex')
}

/** Notes why the gateway answered itself. */
export function noteReason(record: ExchangeRecord, code: string, detail: string): void {
  record.reason = code
  const at = record.hostLength + record.pathLength
  if (record.text.length < at + DETAIL_BYTES_MAX) growText(record, at + DETAIL_BYTES_MAX)
  record.detailLength = record.text.write(detail, at, DETAIL_BYTES_MAX)
}

/** Notes what a policy decided; beyond `POLICY_NOTES_MAX` the last note is overwritten. Strings: constants or names of the configuration. */
export function notePolicy(
  record: ExchangeRecord,
  policy: string,
  decision: string,
  value: number,
): void {
  if (record.policyCount < POLICY_NOTES_MAX) record.policyCount++
  const index = record.policyCount - 1
  const note = (record.policies[index] ??= { policy, decision, value })
  note.policy = policy
  note.decision = decision
  note.value = value
}

/** Doubles, so that a record is grown few times in its long life. */
function growText(record: ExchangeRecord, needed: number): void {
  const size = Math.min(TEXT_BYTES_MAX, Math.max(needed, record.text.length * 2))
  const larger = Buffer.allocUnsafeSlow(size)
  record.text.copy(larger, 0, 0, record.hostLength + record.pathLength)
  record.text = larger
}

/** The record of the next attempt; beyond `ATTEMPTS_MAX` the last one is overwritten. */
export function addAttempt(record: ExchangeRecord, nowMs: number): AttemptEntry {
  if (record.attemptCount < ATTEMPTS_MAX) record.attemptCount++
  const index = record.attemptCount - 1
  const told = (record.attempts[index] ??= createAttemptEntry())
  told.startedMs = nowMs
  told.connectedMs = 0
  told.answeredMs = 0
  told.outcome = ''
  told.status = 0
  return told
}

/** An entry that no attempt has used yet. */
export function createAttemptEntry(): AttemptEntry {
  return {
    instance: '',
    address: '',
    candidates: 0,
    excluded: 0,
    choice: createChoice(),
    startedMs: 0,
    connectedMs: 0,
    answeredMs: 0,
    outcome: '',
    status: 0,
  }
}

/** The request's name as text. */
export function requestIdOf(record: ExchangeRecord): string {
  return record.requestId.toString('latin1', 0, record.requestIdLength)
}

/** What control is told: plain values, times relative to the start. */
export function tellRecord(record: ExchangeRecord, worker: number): RequestRecord {
  const { text, hostLength } = record
  const pathEnd = hostLength + record.pathLength
  return {
    requestId: requestIdOf(record),
    traceId: tellId(record.traceId),
    spanId: tellId(record.spanId),
    parentSpanId: tellId(record.parentSpanId),
    isSampled: record.isSampled,
    startedAtMs: record.startedAtMs,
    worker,
    listener: record.listener,
    caller: record.caller,
    client: record.client,
    protocol: record.protocol,
    tls: record.tls,
    method: record.method,
    host: text.toString('latin1', 0, hostLength) + (record.isHostCut ? CUT : ''),
    target: text.toString('latin1', hostLength, pathEnd) + (record.isPathCut ? CUT : ''),
    route: record.route,
    routeSource: record.routeSource,
    service: record.service,
    serviceSource: record.serviceSource,
    algorithm: record.algorithm,
    status: record.status,
    reason: record.reason,
    detail: text.toString('utf8', pathEnd, pathEnd + record.detailLength),
    version: record.version,
    queueMs: round(record.queueMs),
    durationMs: round(record.durationMs),
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    hasDefect: record.hasDefect,
    policies: record.policies.slice(0, record.policyCount).map((note) => ({ ...note })),
    attempts: record.attempts
      .slice(0, record.attemptCount)
      .map((told) => tellAttempt(told, record.startedMs)),
  }
}

/** Stands behind what was cut. */
const CUT = '...'

/** Hexadecimal digits; '' for an id that is not there. */
function tellId(id: Buffer): string {
  return id.every((byte) => byte === 0) ? '' : id.toString('hex')
}

function tellAttempt(told: AttemptEntry, originMs: number): AttemptRecord {
  const since = (atMs: number): number => (atMs === 0 ? 0 : round(atMs - originMs))
  return {
    instance: told.instance,
    address: told.address,
    candidates: told.candidates,
    excluded: told.excluded,
    choice: explainChoice(told.choice),
    startedMs: since(told.startedMs),
    connectedMs: since(told.connectedMs),
    answeredMs: since(told.answeredMs),
    outcome: told.outcome,
    status: told.status,
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
