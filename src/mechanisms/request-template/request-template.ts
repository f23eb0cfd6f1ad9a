import { parsePathPattern } from '../routing/pattern.ts'

/** A piece of a template. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'host' | 'path' | 'query' | 'address' | 'scheme' | 'method' | 'subject' }
  | { readonly kind: 'segment'; readonly index: number }
  | { readonly kind: 'rest'; readonly index: number }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: string }

/** A template that cannot be used. The message goes behind the setting's name. */
export class RequestTemplateError extends Error {
  override readonly name = 'RequestTemplateError'
  readonly code = 'ERR_REQUEST_TEMPLATE'
}

/** What a template takes from a request. */
export interface TemplateRequest {
  readonly hostname: string
  /** Normalised. */
  readonly path: string
  /** With its '?', '' for none. */
  readonly query: string
  readonly address: string
  readonly scheme: string
  readonly method: string
  /** '' for nobody. */
  readonly subject: string
  header(lowerName: string): string | undefined
  /** In the form of a header's value; '' for none. */
  claim(path: string): string
}

const PLAIN = ['host', 'path', 'query', 'address', 'scheme', 'method', 'subject'] as const

/**
 * The pieces of `{claim.tenant}-{id}`: in braces stand host, path, query, address, scheme, method, subject, `header.NAME`, `claim.PATH`, and the parameters of the
 * route's path (`rest` for `**`).
 * @throws RequestTemplateError
 */
export function parseRequestTemplate(text: string, pathPattern: string): readonly TemplatePart[] {
  const parameters = parametersOf(pathPattern)
  return text
    .split(/(\{[^{}]*\})/)
    .filter((piece) => piece !== '')
    .map((piece) => parsePiece(piece, parameters))
}

function parsePiece(text: string, parameters: ReadonlyMap<string, TemplatePart>): TemplatePart {
  if (!/^\{.*\}$/.test(text)) {
    if (/[{}]/.test(text)) throw new RequestTemplateError('has a brace without its other half')
    return { kind: 'text', text }
  }
  const name = text.slice(1, -1)
  const parameter = parameters.get(name)
  if (parameter !== undefined) return parameter
  const plain = PLAIN.find((each) => each === name)
  if (plain !== undefined) return { kind: plain }
  const header = /^header\.([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/.exec(name)?.[1]
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase() }
  const claim = /^claim\.(.+)$/.exec(name)?.[1]
  if (claim !== undefined) return { kind: 'claim', path: claim }
  const known = [...parameters.keys(), ...PLAIN, 'header.NAME', 'claim.NAME']
  const list = known.map((each) => `{${each}}`).join(', ')
  throw new RequestTemplateError(`has ${text}, which no request has; known are ${list}`)
}

function parametersOf(pathPattern: string): ReadonlyMap<string, TemplatePart> {
  const places = new Map<string, TemplatePart>()
  const texts = pathPattern.slice(1).split('/')
  for (const [index, { kind }] of parsePathPattern(pathPattern).entries()) {
    const name = /^\{(.*)\}$/.exec(texts[index]!)?.[1]
    if (kind === 'one' && name !== undefined) places.set(name, { kind: 'segment', index })
    if (kind === 'rest') places.set('rest', { kind: 'rest', index })
  }
  return places
}

/** The text for one request. What comes from it is put through `encode`, which must leave nothing that could mean something where the text goes. */
export function formatRequestTemplate(
  parts: readonly TemplatePart[],
  request: TemplateRequest,
  encode: (value: string) => string,
): string {
  let text = ''
  for (const part of parts)
    text += part.kind === 'text' ? part.text : encode(valueOf(part, request))
  return text
}

function valueOf(part: Exclude<TemplatePart, { kind: 'text' }>, request: TemplateRequest): string {
  switch (part.kind) {
    case 'host':
      return request.hostname
    case 'header':
      return request.header(part.name) ?? ''
    case 'claim':
      return request.claim(part.path)
    case 'segment': {
      const start = segmentStart(request.path, part.index)
      const end = request.path.indexOf('/', start)
      return request.path.slice(start, end < 0 ? request.path.length : end)
    }
    case 'rest':
      return request.path.slice(segmentStart(request.path, part.index))
    case 'path':
    case 'query':
    case 'address':
    case 'scheme':
    case 'method':
    case 'subject':
      return request[part.kind]
    default:
      return part satisfies never
  }
}

/** Where the segment begins; the length of the path if it has fewer. */
function segmentStart(path: string, index: number): number {
  let start = 1
  for (let at = 0; at < index; at++) {
    const slash = path.indexOf('/', start)
    if (slash < 0) return path.length
    start = slash + 1
  }
  return start
}

/** For a field's value: visible ASCII and single spaces between as they are, all else percent-encoded from UTF-8 (RFC 9110 section 5.5 has no line ends). */
export function encodeForField(value: string): string {
  return value.replaceAll(/[^\x21-\x7e]/gu, encodeCharacter)
}

/** For one name or value in a query, in which `&`, `=`, `+` and `#` would mean something. */
export function encodeForQuery(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9._~-]/gu, encodeCharacter)
}

/** For a part of a path: what is in a normalised path stays, also its slashes; nothing that would begin a query or be another character's escape is made. */
export function encodeForPath(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9._~!$&'()*+,;=:@%/-]/gu, encodeCharacter)
}

function encodeCharacter(character: string): string {
  let text = ''
  for (const byte of new TextEncoder().encode(character))
    text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return text
}

/** A query without the parameters of these names, however they are spelled; with its '?', '' where nothing is left. */
export function withoutParameters(query: string, names: ReadonlySet<string>): string {
  if (query.length < 2 || names.size === 0) return query
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => !names.has(decodeName(pair)))
  return kept.length === 0 || (kept.length === 1 && kept[0] === '') ? '' : `?${kept.join('&')}`
}

/** As a form is decoded: `+` is a space, and what is no escape stays. */
function decodeName(pair: string): string {
  const equals = pair.indexOf('=')
  const name = (equals < 0 ? pair : pair.slice(0, equals)).replaceAll('+', ' ')
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
