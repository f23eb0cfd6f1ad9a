import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { ProblemError } from '../problem.ts'

/** Who may speak to an HTTP listener. */
export interface GuardOptions {
  /** Host names that the listener answers to, besides localhost and address literals. */
  readonly hosts: readonly string[]
  /** Bearer token, or password of HTTP Basic with any user; undefined: no credentials are asked for. */
  readonly token: string | undefined
  /** The section of the file that has both, for the sentences that refuse; default: admin. */
  readonly section?: string | undefined
}

/**
 * Throws a `ProblemError` where a request must not be served.
 * Host stops DNS rebinding: a page of a foreign name that resolves to this machine still sends its own name.
 * Origin and Sec-Fetch-Site stop requests that a foreign page makes with the user's browser.
 */
export function guardRequest(headers: IncomingHttpHeaders, options: GuardOptions): void {
  const { section = 'admin' } = options
  const host = hostnameOf(headers.host ?? '')
  if (!isKnownHost(host, options.hosts)) {
    throw new ProblemError(
      421,
      'ERR_HTTP_HOST_UNKNOWN',
      `This listener does not answer to the host name '${host}'. Use localhost or an address, or add the name to ${section}.hosts.`,
    )
  }
  const isForeign =
    headers.origin === undefined
      ? headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate'
      : originHost(headers.origin) !== (headers.host ?? '').toLowerCase()
  if (isForeign) {
    throw new ProblemError(
      403,
      'ERR_HTTP_ORIGIN_FOREIGN',
      `A page of another origin (${headers.origin ?? 'cross-site'}) may not use this listener.`,
    )
  }
  if (options.token !== undefined && !hasCredentials(headers.authorization, options.token)) {
    throw new ProblemError(
      401,
      'ERR_HTTP_CREDENTIALS',
      `This listener demands ${section}.token: Authorization: Bearer TOKEN, or HTTP Basic with the token as password.`,
    )
  }
}

/** Lower case, without port and brackets. */
function hostnameOf(host: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:]*))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase()
}

function isKnownHost(host: string, hosts: readonly string[]): boolean {
  return (
    host === 'localhost' || isIP(host) !== 0 || hosts.some((known) => known.toLowerCase() === host)
  )
}

function originHost(origin: string): string {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin)
  return (match?.[1] ?? '').toLowerCase()
}

/** Whether the field Authorization has the token: as Bearer, or as the password of HTTP Basic with any user. */
export function hasCredentials(authorization: string | undefined, token: string): boolean {
  const [scheme = '', value = ''] = (authorization ?? '').split(' ', 2)
  if (/^bearer$/i.test(scheme)) return isSameText(value, token)
  if (!/^basic$/i.test(scheme)) return false
  const pair = Buffer.from(value, 'base64').toString('utf8')
  return isSameText(pair.slice(pair.indexOf(':') + 1), token)
}

/** Constant time in the content and the length: both sides are hashed first. */
export function isSameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest()
  return timingSafeEqual(digest(a), digest(b))
}
