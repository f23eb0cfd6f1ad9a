import { isIP } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errors } from 'oidc-provider'
import { isLoopbackHost } from '../../../platform/config/addresses.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { html } from '../pages/html.ts'
import { lookStyle, STYLE } from '../pages/layout.ts'
import { PASSKEY_SCRIPT } from '../pages/passkey-script.ts'
import { answerAccount } from './account.ts'
import { sendPage, type Exchange, type WebGround } from './exchange.ts'
import { answerSignIn } from './sign-in.ts'

/** A target that is longer is no request of ours. */
const TARGET_LENGTH_MAX = 16 * 1024

/** RFC 8414 section 3.1: the path of the issuer stands behind the well-known one. */
const METADATA_PREFIX = '/.well-known/oauth-authorization-server'

/**
 * Answers everything below the path of the issuer. `isForwarded`: it comes through our own console or gateway, which name the client's address.
 * Which scheme and host a client used does not matter: all our URLs are the issuer's.
 */
export async function answerIdentity(
  request: IncomingMessage,
  response: ServerResponse,
  ground: WebGround,
): Promise<void> {
  const url = request.url ?? '/'
  const { base } = ground.look
  const isMetadata = url.split('?', 1)[0] === `${METADATA_PREFIX}${base}`
  const rest = isMetadata ? METADATA_PREFIX : withoutBase(url, base)
  if (rest === undefined || url.length > TARGET_LENGTH_MAX) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here.\n')
    return
  }
  const address = addressOf(request)
  normalizeHead(request, ground, address, rest)
  const path = rest.split('?', 1)[0] ?? '/'
  const exchange = { request, response, path, address }
  if (!ground.beginLimit.mayBegin(path, address)) return refuseToBegin(exchange, ground)
  try {
    if (path.startsWith('/assets/')) return sendAsset(exchange, ground)
    if (path.startsWith('/interaction/')) return await answerSignIn(exchange, ground)
    if (path === '/account' || path.startsWith('/account/')) {
      return await answerAccount(exchange, ground)
    }
  } catch (error) {
    return explain(exchange, ground, error)
  }
  await ground.provider.callback()(request, response)
}

function withoutBase(url: string, base: string): string | undefined {
  if (url === base || url.startsWith(`${base}?`)) return `/${url.slice(base.length)}`
  return url.startsWith(`${base}/`) ? url.slice(base.length) : undefined
}

/**
 * The last address that our own front has added: all before it is what the client claims. Our fronts come over loopback or a Unix socket; from elsewhere
 * the field is the client's alone.
 */
function addressOf(request: IncomingMessage): string {
  const { remoteAddress } = request.socket
  if (remoteAddress !== undefined && !isLoopbackHost(remoteAddress)) return remoteAddress
  const said = request.headers['x-forwarded-for']
  const last = String(Array.isArray(said) ? said.at(-1) : (said ?? ''))
    .split(',')
    .at(-1)
    ?.trim()
  if (last !== undefined && isIP(last) !== 0) return last
  return remoteAddress ?? ''
}

/** The server behind sees the issuer's scheme and host, whatever was sent. */
function normalizeHead(
  request: IncomingMessage,
  { state }: WebGround,
  address: string,
  rest: string,
): void {
  const issuer = new URL(state.issuer)
  const { headers } = request
  delete headers.forwarded
  delete headers['x-forwarded-host']
  headers.host = issuer.host
  headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1)
  headers['x-forwarded-for'] = address
  ;(request as { originalUrl?: string | undefined }).originalUrl = request.url
  request.url = rest
}

/** RFC 6749 knows no such error for a browser: it is a page of ours. */
function refuseToBegin(exchange: Exchange, ground: WebGround): void {
  const body = html`<p>Too much comes from your network. Wait a moment, then try again.</p>`
  sendPage(exchange, ground, { title: 'Too many requests', body }, 429, { 'retry-after': '5' })
}

function sendAsset({ response, path }: Exchange, { look }: WebGround): void {
  const asset = assetAt(path, look)
  if (asset === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here.\n')
    return
  }
  response.writeHead(200, {
    'content-type': asset.type,
    'content-length': Buffer.byteLength(asset.text),
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  })
  response.end(asset.text)
}

function assetAt(path: string, look: WebGround['look']) {
  switch (path) {
    case '/assets/style.css':
      return { type: 'text/css; charset=utf-8', text: STYLE }
    case '/assets/look.css':
      return { type: 'text/css; charset=utf-8', text: lookStyle(look) }
    case '/assets/passkeys.js':
      return { type: 'text/javascript; charset=utf-8', text: PASSKEY_SCRIPT }
    default:
      return undefined
  }
}

/** One page for whatever a page of ours cannot do. */
function explain(exchange: Exchange, ground: WebGround, error: unknown): void {
  const { response, path } = exchange
  if (response.headersSent) {
    response.destroy()
    return
  }
  if (error instanceof errors.SessionNotFound) {
    const body = html`<p>
      This sign-in took too long, or it was begun in another browser. Nothing is lost: go back to
      where you came from and begin again.
    </p>`
    return sendPage(exchange, ground, { title: 'Begin again', body }, 400)
  }
  const isKnown = error instanceof ProblemError
  const [status, text] = isKnown
    ? [error.statusCode, error.message]
    : [500, 'Something failed here. Try again; the log says why.']
  if (!isKnown) ground.log('error', 'a page of identity failed', { path: stepOf(path), error })
  const body = html`<p>${text}</p>`
  sendPage(exchange, ground, { title: 'That did not work', body }, status)
}

/** Ids of sign-ins are no matter for a log. */
function stepOf(path: string): string {
  return path.replace(/^\/interaction\/[^/]*/, '/interaction/...')
}
