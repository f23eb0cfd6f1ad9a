import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import { headerValue } from '../../mechanisms/http1/request-head.ts'
import { normalizePath } from '../../mechanisms/routing/normalize-path.ts'
import {
  allowedMethods,
  matchRoute,
  ROUTE_METHOD_NOT_ALLOWED,
} from '../../mechanisms/routing/routing.ts'
import type { EdgeCounters } from '../totals/counters.ts'
import type { ExchangeContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { checkHost, type HostRefusal } from './host-check.ts'
import { answerLocally } from './local-reply.ts'
import { chooseTarget, type Route } from './routes.ts'

/** Methods that the gateway forwards, for `OPTIONS *` (RFC 9110 section 9.3.7). */
const FORWARDED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/**
 * Decides service, deadline and the target that goes to the instance. False: there is none, and the exchange is answered. At an outbound
 * listener the service is fixed and the target goes on as it came.
 */
export function routeRequest(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): boolean {
  const { client } = exchange
  const { listener } = client
  ctx.requestRewrite.target = ''
  const refusal = checkHost(ctx.hosts, client, head, bytes)
  if (refusal !== undefined) return refuseHost(ctx, exchange, head, refusal)
  if (head.method === 'TRACE') return refuseTrace(ctx, exchange)
  if (head.target === '*') return answerOptions(ctx, exchange)
  if (listener.service !== '') {
    return enterService(ctx, exchange, head, bytes, listener.service, listener.edge!, 0)
  }
  const path = normalizePath(pathOf(head))
  if (path === null) {
    const detail = 'the path has dot segments, encoded slashes or bytes that a path cannot have'
    answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_PATH_AMBIGUOUS', detail })
    return false
  }
  const fields = ctx.headFields.of(head, bytes)
  const index = matchRoute(ctx.routes.table, head.hostname, path, head.method, fields)
  if (index < 0) return refuseRoute(ctx, exchange, head, path, index)
  return followRoute(ctx, exchange, head, bytes, ctx.routes.list[index]!, path)
}

/** Path of the target, without query. */
function pathOf(head: RequestHead): string {
  return head.pathEnd === head.target.length ? head.target : head.target.slice(0, head.pathEnd)
}

function followRoute(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  route: Route,
  path: string,
): boolean {
  const { spec } = route
  const { record } = exchange
  exchange.route = route
  record.route = spec.id
  record.routeSource = spec.source
  const upstreamPath = stripPrefix(path, spec.stripPrefix)
  const isKept =
    upstreamPath.length === head.pathEnd &&
    head.form !== 'absolute' &&
    head.target.startsWith(upstreamPath)
  if (!isKept) ctx.requestRewrite.target = upstreamPath + head.target.slice(head.pathEnd)
  const target = chooseTarget(route, ctx.pick.random)
  if (target === undefined) {
    return refuseService(ctx, exchange, 'no service of the split has a weight')
  }
  return enterService(ctx, exchange, head, bytes, target.service, target.edge, spec.timeoutMs)
}

/** Whole segments only: `/api` is removed from `/api/x` and `/api`, not from `/apis`. */
function stripPrefix(path: string, prefix: string): string {
  if (prefix === '' || prefix === '/' || !path.startsWith(prefix)) return path
  if (prefix.endsWith('/')) return path.slice(prefix.length - 1)
  const rest = path.slice(prefix.length)
  if (rest === '') return '/'
  return rest.startsWith('/') ? rest : path
}

function enterService(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  name: string,
  edge: EdgeCounters,
  timeoutMs: number,
): boolean {
  const service = ctx.services.get(name)
  const { record } = exchange
  record.service = name
  exchange.edge = edge
  edge.inFlight++
  ctx.totals.touchEdge(edge)
  if (service === undefined) {
    return refuseService(ctx, exchange, `there is no service named ${name}`)
  }
  const { spec } = service
  record.serviceSource = spec.source
  record.algorithm = spec.balance.algorithm
  exchange.service = service
  exchange.timeoutMs = timeoutMs === 0 ? spec.timeoutMs : timeoutMs
  exchange.retriesLeft = spec.retry.attempts
  if (exchange.isIdempotent) service.retries.deposit(exchange.startedMs)
  if (spec.balance.algorithm === 'sticky-cookie') {
    exchange.sticky = cookieValue(headerValue(bytes, head, 'cookie') ?? '', spec.balance.cookie)
  }
  return true
}

function refuseHost(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  code: HostRefusal,
): false {
  const known = exchange.client.listener.isPublic
    ? "name it in a route's host or in gateway.hosts, or name the proxy in front in gateway.trustedProxies"
    : 'call it by 127.0.0.1, localhost or the name of its service'
  const detail =
    code === 'ERR_GATEWAY_ORIGIN_FOREIGN'
      ? 'this listener is for services, and a page in a browser asked'
      : `this listener is on loopback and does not answer to '${head.hostname}': ${known}`
  answerLocally(ctx, exchange, { code, detail })
  return false
}

/** TRACE shows what a proxy has added to whoever asks; nobody needs it through a gateway (RFC 9110 section 9.3.8). */
function refuseTrace(ctx: ExchangeContext, exchange: Exchange): false {
  answerLocally(ctx, exchange, {
    code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED',
    detail: 'TRACE is not passed on',
    lines: `allow: ${FORWARDED_METHODS}\r\n`,
  })
  return false
}

/** OPTIONS for the server as a whole is for us (RFC 9110 section 9.3.7). */
function answerOptions(ctx: ExchangeContext, exchange: Exchange): false {
  answerLocally(ctx, exchange, {
    code: '',
    detail: '',
    lines: `allow: ${FORWARDED_METHODS}\r\n`,
    plain: { status: 204, contentType: '', body: '' },
  })
  return false
}

function refuseService(ctx: ExchangeContext, exchange: Exchange, detail: string): false {
  answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_SERVICE_UNKNOWN', detail })
  return false
}

function refuseRoute(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  path: string,
  result: number,
): false {
  if (result === ROUTE_METHOD_NOT_ALLOWED) {
    const allowed = allowedMethods(ctx.routes.table, head.hostname, path, ctx.headFields).join(', ')
    answerLocally(ctx, exchange, {
      code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED',
      detail: `${path} takes ${allowed}, not ${head.method}`,
      lines: `allow: ${allowed}\r\n`,
    })
    return false
  }
  const host = head.hostname === '' ? 'a request without host' : head.hostname
  answerLocally(ctx, exchange, {
    code: 'ERR_GATEWAY_ROUTE_NOT_FOUND',
    detail: `no route for ${path} of ${host}`,
  })
  return false
}

/** RFC 6265 section 4.2.1; '' where the cookie is not there. */
export function cookieValue(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return ''
}
