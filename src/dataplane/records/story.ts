import { type Choice, createChoice, explainChoice } from '../../mechanisms/balancing/choice.ts'
import type { RequestRecord, TryRecord } from '../../platform/snapshot/messages.ts'

/** One try as it happened; the sentence of the choice is built when somebody asks. Times are monotonic milliseconds. */
export interface TryStory {
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
export interface Story {
  requestId: string
  startedAtMs: number
  startedMs: number
  door: string
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
  tryCount: number
  readonly tries: TryStory[]
}

/** Tries of one request that are remembered; configuration allows eleven, and a stale connection adds one. */
export const TRIES_MAX = 16

export function createStory(): Story {
  return {
    requestId: '',
    startedAtMs: 0,
    startedMs: 0,
    door: '',
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
    tryCount: 0,
    tries: [],
  }
}

/** Forgets what the last request left in it. */
export function clearStory(story: Story): void {
  story.route = ''
  story.routeSource = ''
  story.service = ''
  story.serviceSource = ''
  story.algorithm = ''
  story.status = 0
  story.reason = ''
  story.detail = ''
  story.durationMs = 0
  story.requestBytes = 0
  story.responseBytes = 0
  story.tryCount = 0
}

/** The record of the next try; beyond `TRIES_MAX` the last one is overwritten. */
export function addTry(story: Story, nowMs: number): TryStory {
  if (story.tryCount < TRIES_MAX) story.tryCount++
  const index = story.tryCount - 1
  const told = (story.tries[index] ??= createTry())
  told.startedMs = nowMs
  told.connectedMs = 0
  told.answeredMs = 0
  told.outcome = ''
  told.status = 0
  return told
}

function createTry(): TryStory {
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
export function tellStory(story: Story, worker: number): RequestRecord {
  return {
    requestId: story.requestId,
    startedAtMs: story.startedAtMs,
    worker,
    door: story.door,
    caller: story.caller,
    client: story.client,
    method: story.method,
    host: story.host,
    target: story.path,
    route: story.route,
    routeSource: story.routeSource,
    service: story.service,
    serviceSource: story.serviceSource,
    algorithm: story.algorithm,
    status: story.status,
    reason: story.reason,
    detail: story.detail,
    version: story.version,
    durationMs: round(story.durationMs),
    requestBytes: story.requestBytes,
    responseBytes: story.responseBytes,
    tries: story.tries.slice(0, story.tryCount).map((told) => tellTry(told, story.startedMs)),
  }
}

function tellTry(told: TryStory, originMs: number): TryRecord {
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
