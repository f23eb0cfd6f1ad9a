/**
 * The codec once more, obvious and slow: strings, regular expressions and the sentences of RFC 9112, nothing shared with the fast one.
 * Tests compare the two.
 */

/** What a request is, as far as a proxy can see it. */
export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly minorVersion: number
  readonly host: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly contentLength: number
  readonly isChunked: boolean
  readonly keepAlive: boolean
  /** Length of the head in bytes. */
  readonly length: number
}

export type Verdict<Message> =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'message'; readonly message: Message }

const REFUSED = { kind: 'refused' } as const
const REQUEST_LINE = /^([A-Z_-]{1,32}) ([\x21\x22\x24-\x7e]+) HTTP\/1\.([01])$/
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/
const HOST = /^(?:[A-Za-z0-9\-._~]+|\[[0-9a-fA-F:.]{2,}\])(?::(\d{1,5}))?$/

/** Judges a request head at the beginning of Latin-1 text. */
export function readRequest(text: string): Verdict<ReadRequest> {
  const skipped = text.startsWith('\r\n') ? 2 : 0
  const end = text.indexOf('\r\n\r\n', skipped)
  if (end < 0) return { kind: 'incomplete' }
  const [first = '', ...lines] = text.slice(skipped, end).split('\r\n')
  const start = REQUEST_LINE.exec(first)
  const fields = readFields(lines)
  if (start === null || fields === null) return REFUSED
  const minorVersion = Number(start[3])
  const target = readTarget(start[1]!, start[2]!)
  const framing = readFraming(fields, minorVersion)
  if (target === null || framing === null || !isConnectionFine(fields) || start[1] === 'CONNECT')
    return REFUSED
  const host = readHost(fields, target, minorVersion)
  const expect = valuesOf(fields, 'expect')
  if (
    host === null ||
    expect.length > 1 ||
    expect.some((value) => value.toLowerCase() !== '100-continue')
  )
    return REFUSED
  const options = optionsOf(fields)
  const keepAlive =
    !options.includes('close') && (minorVersion === 1 || options.includes('keep-alive'))
  const message = {
    method: start[1]!,
    target: target.path,
    minorVersion,
    host,
    fields,
    ...framing,
    keepAlive,
    length: end + 4,
  }
  return { kind: 'message', message }
}

/** Field lines as pairs, or null if one is malformed. */
export function readFields(lines: readonly string[]): [string, string][] | null {
  const fields: [string, string][] = []
  for (const line of lines) {
    const match = FIELD_LINE.exec(line)
    if (match === null) return null
    fields.push([match[1]!, match[2]!])
  }
  return fields
}

type Fields = readonly (readonly [string, string])[]

/** All values of a field. */
export function valuesOf(fields: Fields, name: string): string[] {
  return fields.filter(([candidate]) => candidate.toLowerCase() === name).map(([, value]) => value)
}

function optionsOf(fields: Fields): string[] {
  return valuesOf(fields, 'connection').flatMap((value) =>
    value.split(',').map((option) => option.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase()),
  )
}

function isConnectionFine(fields: Fields): boolean {
  const options = optionsOf(fields)
  if (options.some((option) => !/^[!#$%&'*+\-.^_`|~0-9a-z]*$/.test(option))) return false
  return !options.some((option) => ['host', 'content-length', 'transfer-encoding'].includes(option))
}

function readFraming(
  fields: Fields,
  minorVersion: number,
): { contentLength: number; isChunked: boolean } | null {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  const isAlias = fields.some(([name]) =>
    /^(content[^a-z0-9-]length|transfer[^a-z0-9-]encoding)$/i.test(name),
  )
  if (isAlias || lengths.length + codings.length > 1) return null
  if (codings.length === 1) {
    const isFine = codings[0]!.toLowerCase() === 'chunked' && minorVersion === 1
    return isFine ? { contentLength: -1, isChunked: true } : null
  }
  if (lengths.length === 0) return { contentLength: -1, isChunked: false }
  const isLength = /^\d{1,16}$/.test(lengths[0]!) && Number.isSafeInteger(Number(lengths[0]))
  return isLength ? { contentLength: Number(lengths[0]), isChunked: false } : null
}

function readTarget(
  method: string,
  target: string,
): { path: string; authority: string; scheme: string } | null {
  if (target.startsWith('/')) return { path: target, authority: '', scheme: '' }
  if (target === '*') return method === 'OPTIONS' ? { path: '*', authority: '', scheme: '' } : null
  const match = /^(https?):\/\/([^/?]*)(.*)$/i.exec(target)
  if (match === null || !isHost(match[2]!)) return null
  const rest = match[3]!
  const path = rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`
  return { path, authority: match[2]!, scheme: match[1]!.toLowerCase() }
}

function isHost(value: string): boolean {
  const match = HOST.exec(value)
  return match !== null && Number(match[1] ?? 0) <= 65_535
}

function readHost(
  fields: Fields,
  target: { authority: string; scheme: string },
  minorVersion: number,
): string | null {
  const hosts = valuesOf(fields, 'host')
  if (hosts.length > 1 || (hosts.length === 0 && minorVersion === 1)) return null
  if (hosts.length === 0) return target.authority
  if (!isHost(hosts[0]!)) return null
  if (target.authority === '') return hosts[0]!
  const defaultPort = target.scheme === 'https' ? /:443$/ : /:80$/
  const isSame =
    hosts[0]!.toLowerCase().replace(defaultPort, '') ===
    target.authority.toLowerCase().replace(defaultPort, '')
  return isSame ? target.authority : null
}

/** A chunked body that is complete: its payload, its trailer fields, and how many bytes it took. */
export interface ReadBody {
  readonly payload: string
  readonly trailers: readonly (readonly [name: string, value: string])[]
  readonly length: number
}

const EXTENSIONS =
  /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t\x20-\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*$/

/** Judges a chunked body at the beginning of Latin-1 text (RFC 9112 section 7.1). */
export function readChunked(text: string): Verdict<ReadBody> {
  let payload = ''
  let at = 0
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return { kind: 'incomplete' }
    const match = /^([0-9a-fA-F]{1,13})(.*)$/s.exec(text.slice(at, lineEnd))
    if (match === null || !EXTENSIONS.test(match[2]!)) return REFUSED
    const size = Number.parseInt(match[1]!, 16)
    at = lineEnd + 2
    if (size === 0) return readTrailerSection(text, at, payload)
    if (text.length < at + size + 2) return { kind: 'incomplete' }
    if (text.slice(at + size, at + size + 2) !== '\r\n') return REFUSED
    payload += text.slice(at, at + size)
    at += size + 2
  }
}

function readTrailerSection(text: string, start: number, payload: string): Verdict<ReadBody> {
  if (text.startsWith('\r\n', start))
    return { kind: 'message', message: { payload, trailers: [], length: start + 2 } }
  const end = text.indexOf('\r\n\r\n', start)
  if (end < 0) return { kind: 'incomplete' }
  const trailers = readFields(text.slice(start, end).split('\r\n'))
  return trailers === null
    ? REFUSED
    : { kind: 'message', message: { payload, trailers, length: end + 4 } }
}
