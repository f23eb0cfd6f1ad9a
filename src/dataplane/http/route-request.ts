import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import { normalizePath } from '../../mechanisms/routing/normalize-path.ts'
import type { RequestFields } from '../../mechanisms/routing/conditions.ts'
import type { WorkerContext } from '../worker/context.ts'
import type { EdgeCounters } from '../totals/counters.ts'
import type { Exchange } from './exchange.ts'
import { checkHost } from './host-check.ts'
import { answerOwn } from './own-answer.ts'
import {
  allowedMethods,
  chooseTarget,
  matchRoute,
  ROUTE_METHOD_NOT_ALLOWED,
  type Route,
} from './routes.ts'

/** Path of the target, without query. */
function pathOf(head: RequestHead): string {
  return head.pathEnd === head.target.length ? head.target : head.target.slice(0, head.pathEnd)
}

/** The head of the request that is being routed, as conditions of routes ask for it. One a process: routing is synchronous. */
class HeadFields implements RequestFields {
  head: RequestHead | null = null
  bytes: Buffer | null = null

  header(lowerName: string): string | undefined {
    return headerValue(this.bytes!, this.head!, lowerName)
  }

  get query(): string {
    const { target, pathEnd } = this.head!
    return target.slice(pathEnd + 1)
  }
}
const fields = new HeadFields()

/**
 * Decides service, deadline and the target that goes upstream. False: there is none, and the exchange is answered. At an outbound listener the
 * service is fixed and the target goes on as it came.
 */
export function routeRequest(
  ctx: WorkerContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): boolean {
  const { listener } = exchange.client!
  ctx.requestRewrite.target = ''
  const wrong = checkHost(ctx, exchange.client!, head, bytes)
  if (wrong !== undefined) return refuseHost(ctx, exchange, head, wrong)
  if (listener.service !== '')
    return enterService(ctx, exchange, head, bytes, listener.service, listener.edge!, 0)
  const path = head.form === 'asterisk' ? null : normalizePath(pathOf(head))
  if (path === null) {
    const detail = 'the path has dot segments, encoded slashes or bytes that a path cannot have'
    answerOwn(ctx, exchange, { code: 'ERR_GATEWAY_PATH_AMBIGUOUS', detail })
    return false
  }
  fields.head = head
  fields.bytes = bytes
  const index = matchRoute(ctx.routes.table, head.hostname, path, head.method, fields)
  if (index < 0) return refuseRoute(ctx, exchange, head, path, index)
  const route = ctx.routes.list[index]!
  return followRoute(ctx, exchange, head, bytes, route, path)
}

function followRoute(
  ctx: WorkerContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  route: Route,
  path: string,
): boolean {
  const { spec } = route
  exchange.record.route = spec.id
  exchange.record.routeSource = spec.source
  const upstreamPath = stripPrefix(path, spec.stripPrefix)
  if (upstreamPath !== pathOf(head) || head.form === 'absolute') {
    ctx.requestRewrite.target = upstreamPath + head.target.slice(head.pathEnd)
  }
  const target = chooseTarget(route, ctx.pick.random)
  if (target === undefined)
    return refuseService(ctx, exchange, 'no service of the split has a weight')
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
  ctx: WorkerContext,
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
  if (service === undefined)
    return refuseService(ctx, exchange, `there is no service named ${name}`)
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
  ctx: WorkerContext,
  exchange: Exchange,
  head: RequestHead,
  code: 'ERR_GATEWAY_HOST_UNKNOWN' | 'ERR_GATEWAY_ORIGIN_FOREIGN',
): false {
  const known = exchange.client!.listener.isOutside
    ? "name it in a route's host or in gateway.hosts, or name the proxy in front in gateway.trustedProxies"
    : 'call it by 127.0.0.1, localhost or the name of its service'
  const detail =
    code === 'ERR_GATEWAY_ORIGIN_FOREIGN'
      ? 'this listener is for services, and a page in a browser asked'
      : `this listener is on loopback and does not answer to '${head.hostname}': ${known}`
  answerOwn(ctx, exchange, { code, detail })
  return false
}

function refuseService(ctx: WorkerContext, exchange: Exchange, detail: string): false {
  answerOwn(ctx, exchange, { code: 'ERR_GATEWAY_SERVICE_UNKNOWN', detail })
  return false
}

function refuseRoute(
  ctx: WorkerContext,
  exchange: Exchange,
  head: RequestHead,
  path: string,
  result: number,
): false {
  if (result === ROUTE_METHOD_NOT_ALLOWED) {
    const allowed = allowedMethods(ctx.routes.table, head.hostname, path, fields).join(', ')
    answerOwn(ctx, exchange, {
      code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED',
      detail: `${path} takes ${allowed}, not ${head.method}`,
      lines: `allow: ${allowed}\r\n`,
    })
    return false
  }
  const host = head.hostname === '' ? 'a request without host' : head.hostname
  answerOwn(ctx, exchange, {
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
