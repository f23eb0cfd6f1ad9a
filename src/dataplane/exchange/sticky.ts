import { formatLine } from '../../mechanisms/http1/answer.ts'
import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import { stickyValueOf } from '../../mechanisms/balancing/candidate.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Exchange } from './exchange.ts'

// Sticky sessions are no policy of a route: they belong to the service, whoever calls it, and only the balancer knows whether the
// instance of the cookie is there and has room. What stands here is what the cookie is on the wire.

/** On the way in: the instance that the client's cookie names, '' for none. */
export function readSticky(exchange: Exchange, head: RequestHead, bytes: Buffer): void {
  const { algorithm, cookie } = exchange.service!.spec.balance
  if (algorithm !== 'sticky-cookie') return
  exchange.sticky = cookieValue(headerValue(bytes, head, 'cookie') ?? '', cookie)
}

/** On the way out: the line that names the instance from now on, '' where the client's cookie does already. */
export function stickyLine({ setsSticky, service }: Exchange, instance: Instance): string {
  if (!setsSticky) return ''
  const { cookie } = service!.spec.balance
  const value = `${cookie}=${stickyValueOf(instance)}; Path=/; HttpOnly; SameSite=Lax`
  return formatLine('set-cookie', value)
}

/** Of a cookie in the field `cookie`: RFC 6265 section 4.2.1; '' where it is not there. */
export function cookieValue(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return ''
}
