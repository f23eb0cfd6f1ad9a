import { crc32 } from 'node:zlib'

/** What is known of records that lie together. Times are Unix microseconds. */
export interface Extent {
  readonly rows: number
  readonly from: number
  readonly to: number
}

/** Of no records: joined to another extent it changes nothing. */
export const NO_EXTENT: Extent = { rows: 0, from: Number.MAX_SAFE_INTEGER, to: 0 }

/** Both together. */
export function joinExtents(a: Extent, b: Extent): Extent {
  return { rows: a.rows + b.rows, from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }
}

const NEWLINE = 10
const COMMIT = Buffer.from('{"commit":')

/**
 * A group of a segment: its records, one JSON object a line, and a line that says how many they are and what they sum up to. A group without
 * that line, or with another sum, was never acknowledged. Readers that know no groups see a line without fields.
 */
export function encodeGroup(lines: string, extent: Extent): Buffer {
  const records = Buffer.from(lines)
  const sum = crc32(records)
  const { rows, from, to } = extent
  const commit = `{"commit":{"rows":${rows},"from":${from},"to":${to},"sum":${sum}}}\n`
  return Buffer.concat([records, Buffer.from(commit)])
}

/** What of a segment is whole: bytes up to the end of its last good group, and what these hold. */
export function checkGroups(bytes: Buffer): { readonly bytes: number; readonly extent: Extent } {
  let good = 0
  let extent = NO_EXTENT
  let at = 0
  while (at < bytes.length) {
    const end = bytes.indexOf(NEWLINE, at)
    if (end < 0) break
    if (bytes.compare(COMMIT, 0, COMMIT.length, at, at + COMMIT.length) === 0) {
      const told = parseCommit(bytes.toString('utf8', at, end))
      if (told === undefined || told.sum !== crc32(bytes.subarray(good, at))) break
      good = end + 1
      extent = joinExtents(extent, told)
    }
    at = end + 1
  }
  return { bytes: good, extent }
}

function parseCommit(line: string): (Extent & { readonly sum: number }) | undefined {
  const numbers = /^\{"commit":\{"rows":(\d+),"from":(-?\d+),"to":(-?\d+),"sum":(\d+)\}\}$/.exec(
    line,
  )
  if (numbers === null) return undefined
  const [, rows, from, to, sum] = numbers
  return { rows: Number(rows), from: Number(from), to: Number(to), sum: Number(sum) }
}
