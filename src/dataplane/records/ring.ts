import type { RequestRecord } from '../../contracts/snapshot.ts'
import { createRecord, type ExchangeRecord, tellRecord } from './record.ts'

/** Finished requests that a worker remembers. */
export const RECENT_REQUESTS_MAX = 4096

/** The newest finished requests of one worker. */
export interface RecordRing {
  /** Keeps `record` and gives back one that may be overwritten, so that nothing is copied or allocated. */
  keep(record: ExchangeRecord): ExchangeRecord
  /**
   * The inner calls of a request carry its id too: the call of the client is the one that is meant, and without it (it
   * is still under way, or another worker has it) the first of them.
   */
  find(requestId: string): RequestRecord | null
  /** Newest first. */
  recent(limit: number, onlyFailed: boolean): RequestRecord[]
}

export function createRecordRing(worker: number, size = RECENT_REQUESTS_MAX): RecordRing {
  const ring: (ExchangeRecord | undefined)[] = Array.from({ length: size }, () => undefined)
  let next = 0

  function* newestFirst(): Generator<ExchangeRecord> {
    for (let back = 1; back <= size; back++) {
      const record = ring[(next - back + size) % size]
      if (record === undefined) return
      yield record
    }
  }

  return {
    keep(record) {
      const old = ring[next]
      ring[next] = record
      next = (next + 1) % size
      return old ?? createRecord()
    },
    find(requestId) {
      let first: ExchangeRecord | undefined
      for (const record of newestFirst()) {
        if (record.requestId !== requestId) continue
        first = record
        if (record.caller === '') break
      }
      return first === undefined ? null : tellRecord(first, worker)
    },
    recent(limit, onlyFailed) {
      const found: RequestRecord[] = []
      for (const record of newestFirst()) {
        if (found.length >= limit) break
        if (onlyFailed && record.reason === '' && record.status < 500) continue
        found.push(tellRecord(record, worker))
      }
      return found
    },
  }
}
