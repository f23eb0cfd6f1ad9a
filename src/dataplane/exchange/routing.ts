import { PRIORITY, type Priority } from '../../mechanisms/bulkhead-queue/bulkhead-queue.ts'
import { fieldValue, findField } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import { normalizePath } from '../../mechanisms/routing/normalize-path.ts'
import {
  allowedMethods,
  matchRoute,
  ROUTE_METHOD_NOT_ALLOWED,
} from '../../mechanisms/routing/routing.ts'
import { type CompiledPolicies, ranOf, verdictOf } from '../policies/compile.ts'
import { VERDICT } from '../policies/policy.ts'
import { notePolicy } from '../records/record.ts'
import type { EdgeCounters } from '../totals/counters.ts'
import type { ExchangeContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { readHashKey, readSubset } from './hash-key.ts'
import { mayRepeatCall, takeCallTimeout } from './calls.ts'
import { answerLocally } from './local-reply.ts'
import { judgeClient } from './client-demand.ts'
import { chooseTarget, type Route } from './routes.ts'
import { readSticky } from './sticky.ts'

/** Where routing has led. */
export const ROUTED = {
  /** To a service. */
  go: 0,
  /** The exchange is answered. */
  answered: 1,
  /** A policy decides later. */
  pending: 2,
} as const
export type Routed = (typeof ROUTED)[keyof typeof ROUTED]

/**
 * Decides service, deadline and the target that goes to the instance, and runs the policies of the route. At an outbound
 * listener the service is fixed and the target goes on as it came.
 */
export function routeRequest(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): Routed {
  const { client } = exchange
  const { listener } = client
  ctx.requestRewrite.target = ''
  if (listener.service !== '') {
    return enterService(ctx, exchange, head, bytes, listener.service, listener.edge!, 0)
  }
  const path = normalizePath(head.path)
  if (path === null) {
    const detail = 'the path has dot segments, encoded slashes or bytes that a path cannot have'
    answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_PATH_AMBIGUOUS', detail })
    return ROUTED.answered
  }
  const fields = ctx.headFields.of(head, bytes)
  const index = matchRoute(ctx.routes.table, head.hostname, path, head.method, fields)
  if (index < 0) return refuseRoute(ctx, exchange, head, path, index)
  return followRoute(ctx, exchange, head, bytes, ctx.routes.list[index]!, path)
}

function followRoute(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  route: Route,
  path: string,
): Routed {
  const { spec, policies } = route
  exchange.route = route
  exchange.record.route = spec.id
  exchange.record.routeSource = spec.source
  const { tls } = exchange.client.peer
  if (spec.clientCertificate !== undefined || (tls !== null && tls.clientCertificate !== null)) {
    const refused = judgeClient(exchange, spec.clientCertificate)
    if (refused !== undefined) {
      answerLocally(ctx, exchange, refused)
      return ROUTED.answered
    }
  }
  if (policies?.hasRequest === true) {
    const routed = runPolicies(ctx, exchange, head, bytes, policies, path, 0)
    if (routed !== ROUTED.go) return routed
  }
  return enterTarget(ctx, exchange, head, bytes, route, path)
}

/** The policies from the `from`-th on. */
function runPolicies(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  policies: CompiledPolicies,
  path: string,
  from: number,
): Routed {
  const view = ctx.policyView.of(exchange, head, bytes, path)
  const step = policies.run(view, from)
  exchange.policiesRan = ranOf(step)
  const verdict = verdictOf(step)
  if (verdict === VERDICT.go) return ROUTED.go
  if (verdict === VERDICT.pending) return ROUTED.pending
  if (view.answer === undefined) {
    throw new TypeError(`the policy ${view.policy} answers, and says nothing`)
  }
  answerLocally(ctx, exchange, view.answer)
  return ROUTED.answered
}

/** A pending policy has let the request pass: those behind it, and the service. `head` and `bytes` are the exchange's own. */
export function routeOn(
  ctx: ExchangeContext,
  exchange: Exchange,
  route: Route,
  head: RequestHead,
  bytes: Buffer,
): Routed {
  const path = normalizePath(head.path) ?? ''
  ctx.requestRewrite.target = ''
  if (route.policies !== null) {
    const from = exchange.policiesRan
    const routed = runPolicies(ctx, exchange, head, bytes, route.policies, path, from)
    if (routed !== ROUTED.go) return routed
  }
  return enterTarget(ctx, exchange, head, bytes, route, path)
}

function enterTarget(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  route: Route,
  path: string,
): Routed {
  const { spec } = route
  const { rewrittenPath, rewrittenQuery } = exchange
  const upstreamPath = rewrittenPath === '' ? stripPrefix(path, spec.stripPrefix) : rewrittenPath
  const isKept =
    rewrittenQuery === undefined &&
    upstreamPath.length === head.pathEnd &&
    head.form !== 'absolute' &&
    head.target.startsWith(upstreamPath)
  if (!isKept)
    ctx.requestRewrite.target = upstreamPath + (rewrittenQuery ?? head.target.slice(head.pathEnd))
  const target = chooseTarget(route, ctx.pick.random)
  if (target === undefined) {
    return refuseService(ctx, exchange, 'no service of the split has a weight')
  }
  if (target.draw !== '') notePolicy(exchange.record, 'split', target.draw, target.weight)
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
): Routed {
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
  if (!takeDeadline(exchange, head, bytes) || !takeCallTimeout(exchange, head, bytes)) {
    const detail = 'nobody waits any more: the deadline that it says had passed when it came'
    answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_TIMEOUT', detail })
    return ROUTED.answered
  }
  exchange.fallback = spec.fallback ?? null
  exchange.stale = service.stale
  exchange.priority = readPriority(exchange, head, bytes)
  exchange.cameAs = readTries(head, bytes)
  // Who called has tried again already: trying again here too would multiply.
  exchange.retriesLeft = exchange.cameAs > 1 ? 0 : spec.retry.attempts
  if (exchange.isIdempotent || mayRepeatCall(exchange)) service.retries.deposit(exchange.startedMs)
  readSticky(exchange, head, bytes)
  exchange.hash = readHashKey(exchange, head, bytes, ctx.keyHash)
  if (spec.balance.subset !== undefined) exchange.subset = readSubset(spec.balance, head, bytes)
  return ROUTED.go
}

/** A caller's own deadline can only shorten ours. False: it has passed. What is no Unix time in milliseconds says nothing. */
function takeDeadline(exchange: Exchange, head: RequestHead, bytes: Buffer): boolean {
  const field = findField(head.fields, FIELD.xRequestDeadline)
  if (field < 0) return true
  const value = fieldValue(bytes, head.fields, field)
  if (!/^[1-9]\d{12}$/.test(value)) return true
  const leftMs = Number(value) - exchange.record.startedAtMs
  if (leftMs < exchange.timeoutMs) exchange.timeoutMs = Math.max(0, leftMs)
  return leftMs > 0
}

/** What a trusted caller says, else the route's, else normal: a stranger may not push others aside. */
function readPriority({ client, route }: Exchange, head: RequestHead, bytes: Buffer): Priority {
  const field = client.peer.isTrusted ? findField(head.fields, FIELD.xRequestPriority) : -1
  const said = field < 0 ? undefined : fieldValue(bytes, head.fields, field)
  const name = said === 'critical' || said === 'normal' || said === 'batch' ? said : undefined
  return PRIORITY[name ?? route?.spec.priority ?? 'normal']
}

/** How often the request was tried by those before us: 1 where they say nothing. */
function readTries(head: RequestHead, bytes: Buffer): number {
  const field = findField(head.fields, FIELD.xRequestAttempt)
  if (field < 0) return 1
  const value = fieldValue(bytes, head.fields, field)
  return /^\d{1,3}$/.test(value) ? Math.max(1, Number(value)) : 1
}

function refuseService(ctx: ExchangeContext, exchange: Exchange, detail: string): Routed {
  answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_SERVICE_UNKNOWN', detail })
  return ROUTED.answered
}

function refuseRoute(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  path: string,
  result: number,
): Routed {
  if (result === ROUTE_METHOD_NOT_ALLOWED) {
    const allowed = allowedMethods(ctx.routes.table, head.hostname, path, ctx.headFields).join(', ')
    answerLocally(ctx, exchange, {
      code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED',
      detail: `${path} takes ${allowed}, not ${head.method}`,
      lines: `allow: ${allowed}\r\n`,
    })
    return ROUTED.answered
  }
  const host = head.hostname === '' ? 'a request without host' : head.hostname
  answerLocally(ctx, exchange, {
    code: 'ERR_GATEWAY_ROUTE_NOT_FOUND',
    detail: `no route for ${path} of ${host}`,
  })
  return ROUTED.answered
}
