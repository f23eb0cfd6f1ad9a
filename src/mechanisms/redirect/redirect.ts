import { parsePathPattern } from '../routing/pattern.ts'

/** A piece of a redirect's target. */
export type TargetPart =
  | { readonly kind: 'text'; readonly text: string }
  /** Host name of the request, without port. */
  | { readonly kind: 'host' }
  /** Path of the request, with its first slash. */
  | { readonly kind: 'path' }
  /** Query of the request with its '?', or nothing. */
  | { readonly kind: 'query' }
  /** The segment of the path at which a parameter of the route stands. */
  | { readonly kind: 'segment'; readonly index: number }
  /** What `**` at the end of the route's path stands for, without a slash before it. */
  | { readonly kind: 'rest'; readonly index: number }

/** A target that cannot be used. The message goes behind the setting's name. */
export class RedirectTargetError extends Error {
  override readonly name = 'RedirectTargetError'
  readonly code = 'ERR_REDIRECT_TARGET'
}

/**
 * The pieces of a target such as `https://{host}{path}{query}` or `/v2/orders/{id}`. `pathPattern` is the route's path, whose parameters may stand in
 * braces. What comes from a request can never choose another host: in front of the path only `{host}` is allowed.
 * @throws RedirectTargetError
 */
export function parseRedirectTarget(to: string, pathPattern: string): readonly TargetPart[] {
  if (/[^\x21-\x7e]|["<>\\^`|]/.test(to))
    throw new RedirectTargetError('has a character that no URL has; percent-encode it')
  const authority = /^https?:\/\/((?!\{path\}|\{query\})[^/?#])*/.exec(to)
  if (authority === null && !/^\/(?!\/)/.test(to) && !to.startsWith('{path}'))
    throw new RedirectTargetError(
      'must begin with https://, http://, / (and no second /) or {path}',
    )
  const places = parameterPlaces(pathPattern)
  const parts = to
    .split(/(\{[^{}]*\})/)
    .filter((text) => text !== '')
    .map((text) => parsePart(text, places))
  if (authority !== null) checkAuthority(authority[0].replace(/^https?:\/\//, ''))
  checkSlashes(parts)
  return parts
}

function checkAuthority(authority: string): void {
  const fixed = authority.replaceAll('{host}', 'host')
  if (fixed.includes('{'))
    throw new RedirectTargetError(
      'may have {host} in its host, and nothing else that a client chooses; put a / before it, or write the host out',
    )
  if (!URL.canParse(`http://${fixed}/`) || fixed.includes('@'))
    throw new RedirectTargetError('has no valid host behind ://')
}

/** `{path}` begins with a slash itself: a second one would make the next word a host. */
function checkSlashes(parts: readonly TargetPart[]): void {
  for (const [at, part] of parts.entries()) {
    const before = parts[at - 1]
    if (part.kind === 'path' && before?.kind === 'text' && before.text.endsWith('/'))
      throw new RedirectTargetError('has a / before {path}, which begins with one; leave it out')
  }
}

function parsePart(text: string, places: ReadonlyMap<string, TargetPart>): TargetPart {
  if (!text.startsWith('{') || !text.endsWith('}')) {
    if (/[{}]/.test(text)) throw new RedirectTargetError('has a brace without its other half')
    return { kind: 'text', text }
  }
  const known = places.get(text.slice(1, -1))
  if (known !== undefined) return known
  const names = [...places.keys()].map((name) => `{${name}}`).join(', ')
  throw new RedirectTargetError(`has ${text}, which the route does not have; known are ${names}`)
}

function parameterPlaces(pathPattern: string): ReadonlyMap<string, TargetPart> {
  const places = new Map<string, TargetPart>()
  const texts = pathPattern.slice(1).split('/')
  for (const [index, { kind }] of parsePathPattern(pathPattern).entries()) {
    const name = /^\{(.*)\}$/.exec(texts[index]!)?.[1]
    if (kind === 'one' && name !== undefined) places.set(name, { kind: 'segment', index })
    if (kind === 'rest') places.set('rest', { kind: 'rest', index })
  }
  return places
    .set('host', { kind: 'host' })
    .set('path', { kind: 'path' })
    .set('query', { kind: 'query' })
}

/** What a target takes from a request: a normalised path (see normalizePath), a query with its '?'. */
export interface RedirectRequest {
  readonly hostname: string
  readonly path: string
  readonly query: string
}

/** The value of Location. Visible ASCII only, and never `//host` where a path was written. */
export function formatRedirect(parts: readonly TargetPart[], request: RedirectRequest): string {
  let target = ''
  for (const part of parts) target += valueOf(part, request)
  target = target.replaceAll(UNSAFE, percentEncode)
  return target.startsWith('/') ? target.replace(/^\/+/, '/') : target
}

/** What no URL has as it is, control bytes and what a browser would take for a slash among it (WHATWG URL, section 4.4). */
const UNSAFE = /[^\x21-\x7e]|["<>\\^`{|}]/g

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function valueOf(part: TargetPart, request: RedirectRequest): string {
  switch (part.kind) {
    case 'text':
      return part.text
    case 'host':
      return request.hostname
    case 'path':
      return request.path
    case 'query':
      return request.query
    case 'segment': {
      const start = segmentStart(request.path, part.index)
      const end = request.path.indexOf('/', start)
      return request.path.slice(start, end < 0 ? request.path.length : end)
    }
    case 'rest':
      return request.path.slice(segmentStart(request.path, part.index))
    default:
      return part satisfies never
  }
}

/** Where the segment begins; the length of the path if it has fewer. */
function segmentStart(path: string, index: number): number {
  let start = 1
  for (let i = 0; i < index; i++) {
    const slash = path.indexOf('/', start)
    if (slash < 0) return path.length
    start = slash + 1
  }
  return start
}
