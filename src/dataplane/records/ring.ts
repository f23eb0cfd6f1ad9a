import type { RequestRecord } from '../../contracts/snapshot.ts'
import { bytesOfRecord, createRecord, type ExchangeRecord, tellRecord } from './record.ts'

/** Finished requests that a worker remembers. */
export const RECENT_REQUESTS_MAX = 4096
/** What they may take in memory, in one worker: with long paths or many attempts fewer are remembered. */
export const RECENT_BYTES_MAX = 16 * 1024 * 1024

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
  /** What it takes now. */
  readonly bytes: number
}

export function createRecordRing(
  worker: number,
  size = RECENT_REQUESTS_MAX,
  bytesMax = RECENT_BYTES_MAX,
): RecordRing {
  const ring: (ExchangeRecord | undefined)[] = Array.from({ length: size }, () => undefined)
  let next = 0
  let count = 0
  let bytes = 0

  function dropOldest(): ExchangeRecord {
    const place = (next - count + size) % size
    const oldest = ring[place]!
    ring[place] = undefined
    count--
    bytes -= bytesOfRecord(oldest)
    return oldest
  }

  function* newestFirst(): Generator<ExchangeRecord> {
    for (let back = 1; back <= count; back++) yield ring[(next - back + size) % size]!
  }

  return {
    keep(record) {
      const more = bytesOfRecord(record)
      let spare: ExchangeRecord | undefined
      while (count === size || (count > 0 && bytes + more > bytesMax)) spare = dropOldest()
      ring[next] = record
      next = (next + 1) % size
      count++
      bytes += more
      return spare ?? createRecord()
    },
    find(requestId) {
      const wanted = Buffer.from(requestId)
      let first: ExchangeRecord | undefined
      for (const record of newestFirst()) {
        if (!isNamed(record, wanted)) continue
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
    get bytes() {
      return bytes
    },
  }
}

function isNamed(record: ExchangeRecord, wanted: Buffer): boolean {
  return (
    record.requestIdLength === wanted.length &&
    record.requestId.compare(wanted, 0, wanted.length, 0, wanted.length) === 0
  )
}
