import { type Choice, createChoice, explainChoice } from '../../mechanisms/balancing/choice.ts'
import type { RequestRecord, AttemptRecord } from '../../contracts/snapshot.ts'

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

/** One request as it happened. Preallocated and reused: filled in place while the request lives, kept in the ring afterwards. */
export interface ExchangeRecord {
  requestId: string
  startedAtMs: number
  startedMs: number
  listener: string
  caller: string
  client: string
  method: string
  host: string
  path: string
  route: string
  routeSource: string
  service: string
  serviceSource: string
  algorithm: string
  status: number
  reason: string
  detail: string
  version: number
  durationMs: number
  requestBytes: number
  responseBytes: number
  attemptCount: number
  readonly attempts: AttemptEntry[]
}

/** Attempts of one request that are remembered; configuration allows eleven, and a stale connection adds one. */
export const ATTEMPTS_MAX = 16

/** An empty record. */
export function createRecord(): ExchangeRecord {
  return {
    requestId: '',
    startedAtMs: 0,
    startedMs: 0,
    listener: '',
    caller: '',
    client: '',
    method: '',
    host: '',
    path: '',
    route: '',
    routeSource: '',
    service: '',
    serviceSource: '',
    algorithm: '',
    status: 0,
    reason: '',
    detail: '',
    version: 0,
    durationMs: 0,
    requestBytes: 0,
    responseBytes: 0,
    attemptCount: 0,
    attempts: [],
  }
}

/** Forgets what the last request left in it. */
export function clearRecord(record: ExchangeRecord): void {
  record.route = ''
  record.routeSource = ''
  record.service = ''
  record.serviceSource = ''
  record.algorithm = ''
  record.status = 0
  record.reason = ''
  record.detail = ''
  record.durationMs = 0
  record.requestBytes = 0
  record.responseBytes = 0
  record.attemptCount = 0
}

/** The record of the next attempt; beyond `ATTEMPTS_MAX` the last one is overwritten. */
export function addAttempt(record: ExchangeRecord, nowMs: number): AttemptEntry {
  if (record.attemptCount < ATTEMPTS_MAX) record.attemptCount++
  const index = record.attemptCount - 1
  const told = (record.attempts[index] ??= createAttempt())
  told.startedMs = nowMs
  told.connectedMs = 0
  told.answeredMs = 0
  told.outcome = ''
  told.status = 0
  return told
}

function createAttempt(): AttemptEntry {
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

/** What control is told: plain values, times relative to the start. */
export function tellRecord(record: ExchangeRecord, worker: number): RequestRecord {
  return {
    requestId: record.requestId,
    startedAtMs: record.startedAtMs,
    worker,
    listener: record.listener,
    caller: record.caller,
    client: record.client,
    method: record.method,
    host: record.host,
    target: record.path,
    route: record.route,
    routeSource: record.routeSource,
    service: record.service,
    serviceSource: record.serviceSource,
    algorithm: record.algorithm,
    status: record.status,
    reason: record.reason,
    detail: record.detail,
    version: record.version,
    durationMs: round(record.durationMs),
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    attempts: record.attempts
      .slice(0, record.attemptCount)
      .map((told) => tellAttempt(told, record.startedMs)),
  }
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
