const SLASH = 0x2f
const PERCENT = 0x25
const BACKSLASH = 0x5c
const SEMICOLON = 0x3b
const DOT = 0x2e

/**
 * The one spelling of a request's path that is both matched and sent upstream, so that no service can read a path that
 * no route decided on. Undecided spellings are null, to be answered with 400:
 * a path without a leading `/`; control characters, spaces, `#`, `?`, `\`; a `%` without two hexadecimal digits;
 * `%00`, `%2F` and `%5C` (some servers take them for the end or for a separator, some do not);
 * a segment `.` or `..`, in any encoding, also before `;` (clients resolve them before they send, RFC 3986 section 5.2.4).
 * Rewritten by RFC 3986 section 6.2.2: `%41` becomes `A` where the character is unreserved, hexadecimal digits
 * upper case, bytes beyond ASCII percent-encoded; and `//` becomes `/`, as nginx does.
 * A path that is in this form already, as nearly all are, is returned as it is, without allocating.
 * `path` is without query; each character is one byte.
 */
export function normalizePath(path: string): string | null {
  if (path.charCodeAt(0) !== SLASH) return null
  let previous = 0
  for (let i = 0; i < path.length; i++) {
    const char = path.charCodeAt(i)
    const kind = char < 128 ? KINDS[char]! : REWRITE
    if (kind === PLAIN) {
      previous = char
      continue
    }
    if (kind === FORBIDDEN) return null
    if (kind === REWRITE) return rewritePath(path)
    if (char === SLASH && previous === SLASH) return rewritePath(path)
    if (char === DOT && previous === SLASH && isDotSegment(path, i)) return null
    previous = char
  }
  return path
}

const PLAIN = 0
const FORBIDDEN = 1
const REWRITE = 2
const LOOK = 3

/** What to do with each ASCII character. */
const KINDS = Uint8Array.from({ length: 128 }, (_, char) => {
  if (char <= 0x20 || char === 0x7f || '#?\\'.includes(String.fromCharCode(char))) return FORBIDDEN
  if (char === PERCENT) return REWRITE
  return char === SLASH || char === DOT ? LOOK : PLAIN
})

/** Whether the segment that begins at `start` is `.` or `..`, with or without parameters behind `;`. */
function isDotSegment(path: string, start: number): boolean {
  let end = start
  while (path.charCodeAt(end) === DOT) end++
  if (end === start || end - start > 2) return false
  const after = path.charCodeAt(end)
  return end === path.length || after === SLASH || after === SEMICOLON
}

function rewritePath(path: string): string | null {
  let out = ''
  for (let i = 0; i < path.length; i++) {
    const char = path.charCodeAt(i)
    if (char === PERCENT) {
      const decoded = decodeAt(path, i + 1)
      if (decoded === null) return null
      out += decoded
      i += 2
    } else if (char > 127) {
      if (char > 255) return null
      out += percentEncode(char)
    } else if (KINDS[char] === FORBIDDEN) {
      return null
    } else if (char !== SLASH || out.charCodeAt(out.length - 1) !== SLASH) {
      out += path[i]!
    }
  }
  for (let at = out.indexOf('/.'); at >= 0; at = out.indexOf('/.', at + 1)) {
    if (isDotSegment(out, at + 1)) return null
  }
  return out
}

/** The two hexadecimal digits at `at`: as a character where it is unreserved, else as an upper-case triplet. */
function decodeAt(path: string, at: number): string | null {
  const digits = path.slice(at, at + 2)
  if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return null
  const char = Number.parseInt(digits, 16)
  if (char === 0 || char === SLASH || char === BACKSLASH) return null
  const text = String.fromCharCode(char)
  return /[A-Za-z0-9._~-]/.test(text) ? text : percentEncode(char)
}

function percentEncode(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
