import { formatLine } from '../../mechanisms/http1/answer.ts'
import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { LocalReply } from '../policies/policy.ts'
import type { ExchangeContext } from './context.ts'
import type { Exchange } from './exchange.ts'

/** Where a certificate authority asks (RFC 8555 section 8.3). */
const CHALLENGE_PATH = '/.well-known/acme-challenge/'
const HTTPS_PORT = 443

/** A certificate authority asks whether this host is ours: it is answered whatever routes say. */
export function answerChallenge(
  ctx: ExchangeContext,
  { method, client }: Exchange,
  head: RequestHead,
): LocalReply | undefined {
  if (ctx.challenges.size === 0 || !client.listener.isPublic) return undefined
  if ((method !== 'GET' && method !== 'HEAD') || !head.target.startsWith(CHALLENGE_PATH)) {
    return undefined
  }
  const token = head.target.slice(CHALLENGE_PATH.length)
  for (const challenge of ctx.challenges.values()) {
    if (challenge.kind !== 'http-01' || challenge.token !== token) continue
    const plain = { status: 200, contentType: 'application/octet-stream', body: challenge.body }
    return { code: '', detail: '', plain }
  }
  return undefined
}

/** A request in the clear, where the file says that there shall be none. */
export function sendToHttps(
  ctx: ExchangeContext,
  { client }: Exchange,
  head: RequestHead,
  bytes: Buffer,
): LocalReply | undefined {
  const { redirectPort, securePort } = ctx.https
  const port = redirectPort === 0 ? securePort : redirectPort
  if (port <= 0 || !client.listener.isPublic || client.peer.tls !== null) return undefined
  const { isTrusted } = client.peer
  // A proxy in front has made the handshake.
  if (isTrusted && headerValue(bytes, head, 'x-forwarded-proto')?.toLowerCase() === 'https') {
    return undefined
  }
  if (head.hostname === '') {
    const detail = 'the redirect to HTTPS needs the host of the request, and it has none'
    return { code: 'ERR_GATEWAY_REDIRECT_HOST', detail }
  }
  const host = port === HTTPS_PORT ? head.hostname : `${head.hostname}:${port}`
  const path = head.target.startsWith('/') ? head.target : '/'
  const location = `https://${host}${path}`
  return {
    code: '',
    detail: '',
    lines: formatLine('location', location),
    plain: { status: 308, contentType: 'text/plain; charset=utf-8', body: `${location}\n` },
  }
}
