import type { IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { IntrospectionWay } from '../../contracts/auth.ts'
import type { JsonMembers } from '../../mechanisms/jwt/compact.ts'
import { parseStrictJson } from '../../mechanisms/strict-json/strict-json.ts'
import type { Clock } from '../../platform/capability.ts'
import { request as plainRequest } from '../../platform/http/node-http.ts'
import { bearerOf } from './bearer.ts'
import { identityOfClaims, missingOf } from './identity.ts'
import { ABSENT, type Deferred, type Outcome, refused } from './outcome.ts'
import { TokenCache } from './token-cache.ts'

const TOKEN_LENGTH_MAX = 8_192
const ANSWER_BYTES_MAX = 65_536
const CACHE_BYTES_MAX = 8 * 1024 * 1024
/** A token that is not active is not asked for again so soon. */
const INACTIVE_MS = 1_000
const UNANSWERED: Outcome = {
  kind: 'unavailable',
  why: 'the issuer did not say in time whether the token is active',
}

/**
 * Asks the issuer about tokens that only it understands (RFC 7662). An answer is believed for a while, and never longer than its `exp`; who cannot be asked lets
 * nobody in.
 */
export function compileIntrospection(
  way: IntrospectionWay,
  clock: Clock,
): (authorization: string | undefined) => Outcome | Deferred {
  const cache = new TokenCache<Outcome>(CACHE_BYTES_MAX)
  const asking = new Map<string, Promise<Outcome>>()

  async function ask(token: string, name: string): Promise<Outcome> {
    try {
      const claims = await introspect(way, token, clock)
      const nowMs = clock.nowMs()
      const outcome = judge(way, claims, nowMs)
      // What the issuer says of a token may be much longer than the token.
      const bytes = token.length * 4 + JSON.stringify(claims).length * 4
      cache.set(name, outcome, bytes, untilOf(way, claims, outcome, nowMs))
      return outcome
    } catch {
      return UNANSWERED
    } finally {
      asking.delete(name)
    }
  }

  return (authorization) => {
    const token = bearerOf(authorization)
    if (token === undefined) return ABSENT
    if (token.length > TOKEN_LENGTH_MAX || !/^[\x21-\x7e]+$/.test(token))
      return refused('the token has characters or a length that no token has')
    const name = TokenCache.nameOf(token)
    const known = cache.get(name, clock.nowMs())
    if (known !== undefined) return known
    if (asking.size >= way.concurrency && !asking.has(name))
      return { kind: 'unavailable', why: `${way.concurrency} tokens are being asked for already` }
    return () => {
      // Many requests of one token come at once: it is asked for once.
      const running = asking.get(name) ?? ask(token, name)
      asking.set(name, running)
      return running
    }
  }
}

function judge(way: IntrospectionWay, claims: JsonMembers, nowMs: number): Outcome {
  if (claims.get('active') !== true) return refused('the issuer says that the token is not active')
  const expires = claims.get('exp')
  if (typeof expires === 'number' && nowMs >= expires * 1_000)
    return refused('the issuer says that the token has expired')
  const audience = claims.get('aud')
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (way.audiences.length > 0 && !audiences.some((each) => way.audiences.includes(String(each))))
    return refused('the token is for somebody else (aud)')
  const subject = claims.get('sub') ?? claims.get('username') ?? ''
  const identity = identityOfClaims(
    'introspection',
    way.url,
    typeof subject === 'string' ? subject : '',
    claims,
  )
  const missing = missingOf(identity, way)
  return missing === undefined ? { kind: 'granted', identity } : { kind: 'forbidden', why: missing }
}

function untilOf(
  way: IntrospectionWay,
  claims: JsonMembers,
  outcome: Outcome,
  nowMs: number,
): number {
  if (outcome.kind === 'refused') return nowMs + Math.min(INACTIVE_MS, way.cacheMs)
  const expires = claims.get('exp')
  const endMs = typeof expires === 'number' ? expires * 1_000 : Infinity
  return Math.min(nowMs + way.cacheMs, endMs)
}

/** The answer of the issuer. Throws for whatever is not a whole answer in time. */
async function introspect(
  way: IntrospectionWay,
  token: string,
  clock: Clock,
): Promise<JsonMembers> {
  const abort = new AbortController()
  const cancel = clock.after(way.timeoutMs, () => abort.abort())
  try {
    const response = await send(way, token, abort.signal)
    if (response.statusCode !== 200) {
      response.destroy()
      throw new Error(`status ${response.statusCode}`)
    }
    const claims = parseStrictJson(await readText(response), { depthMax: 8, valuesMax: 1_024 })
    if (!(claims instanceof Map)) throw new Error('the answer is no object')
    return claims as JsonMembers
  } finally {
    cancel()
  }
}

function send(
  { url, client, secret }: IntrospectionWay,
  token: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const begin = url.startsWith('https:') ? secureRequest : plainRequest
  // RFC 6749 section 2.3.1: both are encoded as in a form.
  const credentials = [client, secret].map(encodeURIComponent).join(':')
  begin(url, {
    method: 'POST',
    signal,
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    },
  })
    .on('response', resolve)
    .on('error', reject)
    .end(`token=${encodeURIComponent(token)}&token_type_hint=access_token`)
  return promise
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
