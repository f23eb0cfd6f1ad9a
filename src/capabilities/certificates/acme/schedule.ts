import type { Random } from '../../../platform/capability.ts'
import type { HostMemory } from './host-memory.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Without a word of the authority a certificate is renewed when this share of its life is over. */
const RENEW_AT = 2 / 3
/** So many certificates that were got together are not renewed together. */
const JITTER_SHARE = 1 / 30
/** However late an authority suggests it, this share of the life is left for failures. */
const LEFT_SHARE = 1 / 10
/** First wait after a failure; each further one is three times as long. With Let's Encrypt five failures of one host within an hour are too many. */
const FIRST_WAIT_MS = 2 * MINUTE_MS
const WAIT_FACTOR = 3
const WAIT_MS_MAX = DAY_MS
const WAIT_JITTER = 0.2
/** An authority is asked for its suggestion no more often, and no less (RFC 9773 section 4.3). */
const ASK_MS_MIN = MINUTE_MS
const ASK_MS_MAX = DAY_MS
/** Where it does not say when to ask again, or does not answer. */
const ASK_MS = 6 * HOUR_MS

/** From when until when a certificate is good. Unix milliseconds. */
export interface Life {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** When a certificate is renewed that nobody has suggested a time for. */
export function renewalOf({ notBeforeMs, notAfterMs }: Life, random: Random): number {
  const lifeMs = notAfterMs - notBeforeMs
  return Math.round(notBeforeMs + lifeMs * (RENEW_AT + (random() * 2 - 1) * JITTER_SHARE))
}

/**
 * When a certificate is renewed within the window that its authority suggests: a time of it by chance (RFC 9773 section 4.2), which may be in the past. A window
 * that leaves no time for failures is left early.
 */
export function renewalWithin(
  window: { readonly startMs: number; readonly endMs: number },
  { notBeforeMs, notAfterMs }: Life,
  random: Random,
): number {
  const { startMs, endMs } = window
  const drawn = startMs + Math.max(0, endMs - startMs) * random()
  return Math.round(Math.min(drawn, notAfterMs - (notAfterMs - notBeforeMs) * LEFT_SHARE))
}

/** How long nothing is tried after the `failures`-th failure in a row. */
export function waitAfter(failures: number, random: Random): number {
  const plain = Math.min(FIRST_WAIT_MS * WAIT_FACTOR ** (failures - 1), WAIT_MS_MAX)
  return Math.round(plain * (1 + (random() * 2 - 1) * WAIT_JITTER))
}

/** When an authority is asked for its suggestion again. `retryAtMs` is what it said itself, 0 for nothing. */
export function nextAsk(nowMs: number, retryAtMs: number): number {
  if (retryAtMs === 0) return nowMs + ASK_MS
  return Math.min(Math.max(retryAtMs, nowMs + ASK_MS_MIN), nowMs + ASK_MS_MAX)
}

/**
 * When something is to be done for a host: at once where it has no certificate, or has begun to get one. What another authority said does not count.
 */
export function dueAt(memory: HostMemory, directory: string): number {
  if (memory.directory !== directory) return 0
  const isAtOnce = memory.certificate === undefined || memory.order !== undefined
  return isAtOnce ? memory.tryAtMs : Math.max(memory.tryAtMs, memory.renewAtMs)
}

/** Before when no order may begin, where there may be `perHour` within an hour; 0: one may. `begunMs` are those of the last hour, the oldest first. */
export function roomForOrder(begunMs: readonly number[], perHour: number, nowMs: number): number {
  const within = begunMs.filter((atMs) => atMs > nowMs - HOUR_MS && atMs <= nowMs)
  return within.length < perHour ? 0 : within[within.length - perHour]! + HOUR_MS
}

/** Those that still count. A clock that was put back forgets what is in its future. */
export function ordersThatCount(begunMs: readonly number[], nowMs: number): readonly number[] {
  return begunMs.filter((atMs) => atMs > nowMs - HOUR_MS && atMs <= nowMs)
}
