const LF = 10
const SPACE = 32

/** Where the next message of a stream stands; undefined: it has not come whole. */
export interface SyslogFrame {
  readonly start: number
  readonly end: number
  /** Behind what ends it. */
  readonly next: number
}

/**
 * Finds the next message of a TCP stream (RFC 6587): by octet counting (`123 <13>...`) where it begins with digits and a space, else up to the next line
 * feed. Both may stand in one stream. 'too-long': no message is so long, the connection is lost.
 */
export function nextSyslogFrame(
  bytes: Buffer,
  at: number,
  bytesMax: number,
): SyslogFrame | 'too-long' | undefined {
  const counted = countAt(bytes, at)
  if (counted === undefined) return undefined
  if (counted !== 0) {
    const { length, start } = counted
    if (length > bytesMax) return 'too-long'
    if (bytes.length < start + length) return undefined
    return { start, end: start + length, next: start + length }
  }
  const end = bytes.indexOf(LF, at)
  if (end >= 0) return { start: at, end, next: end + 1 }
  return bytes.length - at > bytesMax ? 'too-long' : undefined
}

/** 0: it is not counted; undefined: it cannot be said yet. */
function countAt(bytes: Buffer, at: number): { length: number; start: number } | 0 | undefined {
  let next = at
  let length = 0
  while (next < bytes.length && next - at < 9) {
    const digit = bytes[next]! - 48
    if (digit < 0 || digit > 9) break
    length = length * 10 + digit
    next++
  }
  if (next === at) return next < bytes.length ? 0 : undefined
  if (next === bytes.length) return undefined
  return bytes[next] === SPACE && bytes[at] !== 48 ? { length, start: next + 1 } : 0
}
