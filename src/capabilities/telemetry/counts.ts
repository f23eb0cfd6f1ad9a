import { addCounts } from '../../mechanisms/histogram/histogram.ts'
import { type VarintReader, writeVarint } from '../../mechanisms/varint/varint.ts'
import { LATENCY_BOUNDS_MS } from '../../contracts/snapshot.ts'

const BUCKETS = LATENCY_BOUNDS_MS.length + 1
const STATUS_CLASSES = 6

/** What happened in some time on an edge or at an instance. Two of them are added, never averaged. */
export interface Counts {
  /** By status class; index 0 is "no status was sent". */
  readonly statuses: number[]
  /** Retries of an edge; failed attempts of an instance. */
  failures: number
  requestBytes: number
  responseBytes: number
  latencySumMs: number
  readonly latencyCounts: number[]
  /** Requests in flight at the end. */
  inFlight: number
}

/** Nothing happened. */
export function createCounts(): Counts {
  return {
    statuses: Array.from({ length: STATUS_CLASSES }, () => 0),
    failures: 0,
    requestBytes: 0,
    responseBytes: 0,
    latencySumMs: 0,
    latencyCounts: Array.from({ length: BUCKETS }, () => 0),
    inFlight: 0,
  }
}

/** Adds what happened beside it, or later. `isLater`: what is in flight is that of `more`, else it adds up. */
export function addToCounts(into: Counts, more: Readonly<Counts>, isLater: boolean): void {
  addCounts(into.statuses, more.statuses)
  addCounts(into.latencyCounts, more.latencyCounts)
  into.failures += more.failures
  into.requestBytes += more.requestBytes
  into.responseBytes += more.responseBytes
  into.latencySumMs += more.latencySumMs
  into.inFlight = isLater ? more.inFlight : into.inFlight + more.inFlight
}

/** Requests, whatever their end. */
export function requestsOf({ statuses }: Readonly<Counts>): number {
  return statuses.reduce((sum, count) => sum + count, 0)
}

/** 5xx, and requests without an answer. */
export function errorsOf({ statuses }: Readonly<Counts>): number {
  return statuses[0]! + statuses[5]!
}

/** More than one row of a frame takes. */
export const COUNTS_BYTES_MAX = 8 * (6 + STATUS_CLASSES) + BUCKETS * 9

/** Writes one row: zeros cost a bit, and buckets that nothing fell into nothing. */
export function writeCounts(into: Buffer, at: number, counts: Readonly<Counts>): number {
  let mask = 0
  counts.statuses.forEach((count, index) => (mask |= count > 0 ? 1 << index : 0))
  into[at] = mask
  let end = at + 1
  for (const count of counts.statuses) if (count > 0) end = writeVarint(into, end, count)
  end = writeVarint(into, end, counts.failures)
  end = writeVarint(into, end, counts.requestBytes)
  end = writeVarint(into, end, counts.responseBytes)
  end = writeVarint(into, end, Math.round(counts.latencySumMs * 1_000))
  end = writeVarint(into, end, counts.inFlight)
  const place = end++
  let filled = 0
  counts.latencyCounts.forEach((count, bucket) => {
    if (count === 0) return
    into[end] = bucket
    end = writeVarint(into, end + 1, count)
    filled++
  })
  into[place] = filled
  return end
}

/** Reads one row into `counts`, over whatever was there. */
export function readCounts(reader: VarintReader, counts: Counts): void {
  const mask = reader.byte()
  for (let index = 0; index < STATUS_CLASSES; index++) {
    counts.statuses[index] = (mask & (1 << index)) === 0 ? 0 : reader.varint()
  }
  counts.failures = reader.varint()
  counts.requestBytes = reader.varint()
  counts.responseBytes = reader.varint()
  counts.latencySumMs = reader.varint() / 1_000
  counts.inFlight = reader.varint()
  counts.latencyCounts.fill(0)
  for (let filled = reader.byte(); filled > 0; filled--) {
    const bucket = reader.byte()
    counts.latencyCounts[bucket] = reader.varint()
  }
}
