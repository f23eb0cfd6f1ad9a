/** One message as the upstream must get it. */
export interface UpstreamMessage {
  readonly method: string
  readonly target: string
  readonly host: string
  /** Payload, Latin-1, without framing. */
  readonly body: string
  /** Fields that must be there, lower-case name and value. */
  readonly present?: readonly (readonly [name: string, value: string])[]
  /** Lower-case names of fields that must not be there. */
  readonly absent?: readonly string[]
  /** Lower-case names of exactly the trailer fields that may arrive; a proxy may drop them too. */
  readonly trailers?: readonly string[]
}

export interface Refusal {
  readonly status: number
  /** The codec's code. */
  readonly code: string
  /** Found behind a head that was fine: a streaming proxy may have sent a part of that message, and must then break it off. */
  readonly isInBody?: boolean
}

/** Bytes of one client connection, and what a strict proxy makes of them: messages in order, then perhaps a refusal. */
export interface SmugglingVector {
  /** Stable, unique, kebab-case. */
  readonly id: string
  readonly class: string
  /** Latin-1. */
  readonly bytes: string
  readonly messages: readonly UpstreamMessage[]
  readonly refusal?: Refusal
  /** The status with which a proxy under test answers by itself, where the codec would forward; set by suites, not here. */
  readonly ownAnswer?: number
}

/** Statuses of the codes that are not 400. */
const STATUSES: Readonly<Record<string, number>> = {
  METHOD_UNSUPPORTED: 501,
  TRANSFER_CODING_UNSUPPORTED: 501,
  VERSION_UNSUPPORTED: 505,
  EXPECTATION: 417,
  HEAD_TOO_LARGE: 431,
  TRAILER_TOO_LARGE: 431,
  TARGET_TOO_LONG: 414,
}

function refusalOf(code: string): Refusal {
  return { status: STATUSES[code] ?? 400, code: `ERR_HTTP1_${code}` }
}

/** All of it is refused with the first message. */
export function refused(kind: string, id: string, code: string, bytes: string): SmugglingVector {
  return { id, class: kind, bytes, messages: [], refusal: refusalOf(code) }
}

/** The head is fine, the body is refused: no upstream may see a complete message. */
export function refusedInBody(
  kind: string,
  id: string,
  code: string,
  bytes: string,
): SmugglingVector {
  return { id, class: kind, bytes, messages: [], refusal: { ...refusalOf(code), isInBody: true } }
}

/** Exactly one message. */
export function one(
  kind: string,
  id: string,
  bytes: string,
  message: Partial<UpstreamMessage>,
): SmugglingVector {
  return { id, class: kind, bytes, messages: [expected(message)] }
}

/** Messages, and then bytes that are refused. */
export function thenRefused(
  kind: string,
  id: string,
  bytes: string,
  message: Partial<UpstreamMessage>,
  code: string,
): SmugglingVector {
  return { id, class: kind, bytes, messages: [expected(message)], refusal: refusalOf(code) }
}

/** POST / to a.example without body, where nothing else is said. */
export function expected(message: Partial<UpstreamMessage>): UpstreamMessage {
  return { method: 'POST', target: '/', host: 'a.example', body: '', ...message }
}

/** A POST head with these lines, and a body. */
export function post(lines: readonly string[], body = ''): string {
  return `POST / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`
}

/** A GET head with these lines, and a body. */
export function get(lines: readonly string[], body = ''): string {
  return `GET / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`
}

/** A chunked POST with this body. */
export function chunked(body: string): string {
  return post(['Transfer-Encoding: chunked'], body)
}

/** What an attacker would like a second parser to see. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n'
