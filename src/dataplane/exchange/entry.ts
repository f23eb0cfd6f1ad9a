import { beginBody, requestFraming } from '../../mechanisms/http1/body.ts'
import { FRAMING } from '../../mechanisms/http1/response-head.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { LocalReply } from '../policies/policy.ts'
import { notePolicy } from '../records/record.ts'
import type { ExchangeContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { checkHost } from './host-check.ts'
import { answerChallenge, sendToHttps } from './https-entry.ts'
import { answerLocally } from './local-reply.ts'

/** Methods that the gateway forwards, for `OPTIONS *` (RFC 9110 section 9.3.7). */
const FORWARDED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** As `why` names them. */
export type EntryKind = 'body' | 'requests' | 'challenge' | 'host' | 'https' | 'method'

/**
 * A policy that stands before all routes, so it has no specification and sees the head itself: whether a request may be looked at at
 * all. It answers, or says nothing.
 */
interface EntryPolicy {
  readonly kind: EntryKind
  readonly request: (
    ctx: ExchangeContext,
    exchange: Exchange,
    head: RequestHead,
    bytes: Buffer,
  ) => LocalReply | undefined
}

/**
 * In the order in which they run, before the policies of the route (docs/guides/policies.md): where the body ends must be known whatever
 * the answer is; a full gateway spends nothing more on a request; an authority asks for names that may be new; a foreign page learns nothing of methods and routes.
 */
export const ENTRY_POLICIES: readonly EntryPolicy[] = [
  { kind: 'body', request: limitBody },
  { kind: 'requests', request: limitRequests },
  { kind: 'challenge', request: answerChallenge },
  { kind: 'host', request: requireHost },
  { kind: 'https', request: sendToHttps },
  { kind: 'method', request: answerMethod },
]

/** Runs them. The kind of the one that has answered the exchange; undefined: the request goes on. */
export function runEntry(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): EntryKind | undefined {
  for (let at = 0; at < ENTRY_POLICIES.length; at++) {
    const policy = ENTRY_POLICIES[at]!
    const answer = policy.request(ctx, exchange, head, bytes)
    if (answer === undefined) continue
    notePolicy(exchange.record, policy.kind, answer.code === '' ? 'answered' : 'refused', 0)
    answerLocally(ctx, exchange, answer)
    return policy.kind
  }
  return undefined
}

function limitBody(
  ctx: ExchangeContext,
  { client }: Exchange,
  head: RequestHead,
): LocalReply | undefined {
  const { bodyBytesMax } = ctx.limits
  const isFramed = head.isChunked && client.isFramedBelow === true
  const framing = isFramed ? FRAMING.frames : requestFraming(head)
  const over = beginBody(client.body, framing, head.contentLength, bodyBytesMax)
  return over < 0 ? refuseLargeBody(ctx, client) : undefined
}

/** Too long to be read away: what follows on the connection is lost. Also for a body whose length shows late. */
export function refuseLargeBody(ctx: ExchangeContext, client: Exchange['client']): LocalReply {
  client.closeAfterwards()
  ctx.totals.countLimited('body')
  return {
    code: 'ERR_GATEWAY_BODY_TOO_LARGE',
    detail: `the body is larger than ${ctx.limits.bodyBytesMax} bytes: gateway.limits.body`,
  }
}

function limitRequests(ctx: ExchangeContext, { isAdmitted }: Exchange): LocalReply | undefined {
  if (isAdmitted) return undefined
  ctx.totals.countLimited('requests')
  return {
    code: 'ERR_GATEWAY_REQUESTS_FULL',
    detail: `${ctx.limits.requestsInFlightMax} requests are in flight: gateway.limits.requests`,
  }
}

function requireHost(
  ctx: ExchangeContext,
  { client }: Exchange,
  head: RequestHead,
  bytes: Buffer,
): LocalReply | undefined {
  const code = checkHost(ctx.hosts, client, head, bytes)
  if (code === undefined) return undefined
  const known = client.listener.isPublic
    ? "name it in a route's host or in gateway.hosts, or name the proxy in front in gateway.trustedProxies"
    : 'call it by 127.0.0.1, localhost or the name of its service'
  const detail =
    code === 'ERR_GATEWAY_ORIGIN_FOREIGN'
      ? 'this listener is for services, and a page in a browser asked'
      : `this listener is on loopback and does not answer to '${head.hostname}': ${known}`
  return { code, detail }
}

/**
 * TRACE shows whoever asks what a proxy has added; nobody needs it through a gateway (RFC 9110 section 9.3.8). OPTIONS for the server
 * as a whole is for us (section 9.3.7).
 */
function answerMethod(
  _ctx: ExchangeContext,
  _exchange: Exchange,
  head: RequestHead,
): LocalReply | undefined {
  if (head.method === 'TRACE') {
    return {
      code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED',
      detail: 'TRACE is not passed on',
      lines: `allow: ${FORWARDED_METHODS}\r\n`,
    }
  }
  if (head.target !== '*') return undefined
  return {
    code: '',
    detail: '',
    lines: `allow: ${FORWARDED_METHODS}\r\n`,
    plain: { status: 204, contentType: '', body: '' },
  }
}
