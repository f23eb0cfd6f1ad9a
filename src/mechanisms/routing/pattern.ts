import { normalizePath } from './normalize-path.ts'

/** Segments of the longest path pattern. */
export const PATTERN_SEGMENTS_MAX = 64

/** One segment of a path pattern. */
export type PathSegment =
  | { readonly kind: 'literal'; readonly text: string }
  /** `*` or `{param}`: exactly one segment that is not empty. */
  | { readonly kind: 'one' }
  /** `**`: any rest, also none. Only at the end. */
  | { readonly kind: 'rest' }

export type HostPattern =
  | { readonly kind: 'exact'; readonly host: string }
  /** `*.example.com`: one or more labels before `suffix` (`.example.com`). */
  | { readonly kind: 'suffix'; readonly suffix: string }

/** A path or host in the configuration that cannot be a pattern. */
export class RoutePatternError extends Error {
  override readonly name = 'RoutePatternError'
  readonly code: 'ERR_ROUTING_PATH' | 'ERR_ROUTING_HOST'
  readonly pattern: string

  constructor(code: 'ERR_ROUTING_PATH' | 'ERR_ROUTING_HOST', pattern: string, message: string) {
    super(message)
    this.code = code
    this.pattern = pattern
  }
}

/**
 * The segments of a path pattern. A trailing slash does not count, here and in requests. Literal segments are compared
 * in normal form (`normalizePath`), case-sensitive. Throws `RoutePatternError` (ERR_ROUTING_PATH).
 */
export function parsePathPattern(pattern: string): readonly PathSegment[] {
  if (!pattern.startsWith('/')) throw pathError(pattern, 'does not begin with /')
  const texts = pattern.slice(1).split('/')
  if (texts.at(-1) === '') texts.pop()
  if (texts.length > PATTERN_SEGMENTS_MAX) {
    throw pathError(
      pattern,
      `has ${texts.length} segments, and ${PATTERN_SEGMENTS_MAX} are allowed`,
    )
  }
  return texts.map((text, i) => parseSegment(pattern, text, i === texts.length - 1))
}

/** The usual segment, which is its own normal form. Thousands of routes are compiled at each change. */
const UNRESERVED = /^[A-Za-z0-9_~-][A-Za-z0-9_.~-]*$/

function parseSegment(pattern: string, text: string, isLast: boolean): PathSegment {
  if (UNRESERVED.test(text)) return { kind: 'literal', text }
  if (text === '**') {
    if (!isLast) throw pathError(pattern, 'has ** before its end; ** can only be the last segment')
    return { kind: 'rest' }
  }
  if (text === '*' || /^\{[A-Za-z_][A-Za-z0-9_-]*\}$/.test(text)) return { kind: 'one' }
  if (text === '') throw pathError(pattern, 'has an empty segment (//)')
  if (/[*{}]/.test(text)) {
    throw pathError(
      pattern,
      `has the segment ${text}: *, ** and {name} stand for a whole segment; encode a literal * as %2A`,
    )
  }
  const literal = normalizePath(`/${utf8Latin1(text)}`)
  if (literal === null) {
    throw pathError(
      pattern,
      `has the segment ${text}, which no request can have: requests with dot segments, encoded slashes or a bad % are answered 400`,
    )
  }
  return { kind: 'literal', text: literal.slice(1) }
}

/** The UTF-8 bytes as characters, as a path has them on the wire. */
function utf8Latin1(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
}

function pathError(pattern: string, what: string): RoutePatternError {
  return new RoutePatternError('ERR_ROUTING_PATH', pattern, `the path \`${pattern}\` ${what}`)
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)

/**
 * A host of a route: a name or address without port, in any case, or `*.` and a name. An IPv6 address is in brackets.
 * Throws `RoutePatternError` (ERR_ROUTING_HOST).
 */
export function parseHostPattern(pattern: string): HostPattern {
  const host = pattern.toLowerCase()
  const isSuffix = host.startsWith('*.')
  const name = isSuffix ? host.slice(2) : host
  if (!isSuffix && /^\[[0-9a-f:.]{2,45}\]$/.test(host)) return { kind: 'exact', host }
  if (name.length > 253 || !HOST_NAME.test(name)) {
    throw new RoutePatternError(
      'ERR_ROUTING_HOST',
      pattern,
      `the host \`${pattern}\` is not a host name; write shop.example.com or *.example.com, without port, or leave host out for any`,
    )
  }
  return isSuffix ? { kind: 'suffix', suffix: name } : { kind: 'exact', host }
}
