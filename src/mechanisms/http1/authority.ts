import { COLON, HOST_NAME, IP_LITERAL } from './bytes.ts'
import { HEAD_ERROR } from './errors.ts'

const BRACKET_OPEN = 91
const BRACKET_CLOSE = 93
const PORT_DIGITS_MAX = 5
const PORT_MAX = 65_535

/**
 * Checks `uri-host [":" port]` (RFC 9110 section 7.2) and returns the position where the host ends: `end`, or that of the port's colon.
 * An empty host, user information, percent-encoding and an empty port are refused with HEAD_ERROR.host.
 */
export function parseAuthority(bytes: Uint8Array, start: number, end: number): number {
  const hostEnd =
    bytes[start] === BRACKET_OPEN ? skipLiteral(bytes, start, end) : skipName(bytes, start, end)
  if (hostEnd <= start) return HEAD_ERROR.host
  if (hostEnd === end) return end
  return bytes[hostEnd] === COLON && isPort(bytes, hostEnd + 1, end) ? hostEnd : HEAD_ERROR.host
}

function skipName(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && HOST_NAME[bytes[at]!] === 1) at++
  return at
}

function skipLiteral(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1
  while (at < end && IP_LITERAL[bytes[at]!] === 1) at++
  return at < end && bytes[at] === BRACKET_CLOSE && at > start + 2 ? at + 1 : -1
}

function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || end - start > PORT_DIGITS_MAX) return false
  let port = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 48
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port <= PORT_MAX
}

/** The host of a checked authority as it is compared with routes: lower-case, without port and without the root's dot. */
export function hostnameOf(authority: string, hostLength: number): string {
  const name = authority.slice(0, hostLength).toLowerCase()
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name
}

/** An authority as two of them are compared: lower-case, without the scheme's default port (RFC 9110 section 4.2.3). */
export function comparableAuthority(authority: string, isHttps: boolean): string {
  const lower = authority.toLowerCase()
  const defaultPort = isHttps ? ':443' : ':80'
  return lower.endsWith(defaultPort) ? lower.slice(0, -defaultPort.length) : lower
}
