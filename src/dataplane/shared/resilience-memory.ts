import { BREAKER_BYTES } from '../../mechanisms/breaker/breaker.ts'
import { LIMIT_NUMBERS } from '../../mechanisms/concurrency-limit/limits.ts'
import { RETRY_BUDGET_BYTES } from '../../mechanisms/retry/retry.ts'
import { PLACES_MAX } from './counts.ts'

/**
 * Memory that all workers share for what is learnt of services and of instances: a record each, at the place at which they are counted, too. All zero is a new
 * one. Memory that was never used costs nothing; beyond `RECORDS_MAX` places each worker learns by itself.
 */
export const RECORDS_MAX = 32_768
/** The breaker of a service or of an instance, and behind it the retry budget and the concurrency limit of a service. */
const RECORD_BYTES = BREAKER_BYTES + RETRY_BUDGET_BYTES + LIMIT_NUMBERS * 8
/** Where the concurrency limit begins in a record. */
export const LIMIT_AT = BREAKER_BYTES + RETRY_BUDGET_BYTES
/** Where the retry budget begins in a record. */
export const BUDGET_AT = BREAKER_BYTES

/** Memory of one data plane; give it to each worker. */
export function createResilienceMemory(records = RECORDS_MAX): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.min(records, PLACES_MAX) * RECORD_BYTES)
}

/** Where something is learnt: memory, and where it begins. */
export interface MemoryPlace {
  readonly memory: ArrayBufferLike
  readonly start: number
}

/** The record of a place; one of this worker alone where the place has none. */
export function recordAt(memory: SharedArrayBuffer, place: number): MemoryPlace {
  const start = place * RECORD_BYTES
  const isShared = place >= 0 && start + RECORD_BYTES <= memory.byteLength
  return isShared ? { memory, start } : { memory: new ArrayBuffer(RECORD_BYTES), start: 0 }
}

/** Main thread: what the place stood for is gone in every worker, so the next one begins anew. */
export function forgetRecord(memory: SharedArrayBuffer, place: number): void {
  const start = place * RECORD_BYTES
  if (place < 0 || start + RECORD_BYTES > memory.byteLength) return
  new Uint8Array(memory, start, RECORD_BYTES).fill(0)
}
