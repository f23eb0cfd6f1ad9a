import type { LimitSpec } from '../../contracts/policies.ts'
import { addressKey, valueKey } from './limit-key.ts'
import {
  type BucketResult,
  type Policy,
  type PolicyExchange,
  type PolicyGround,
  VERDICT,
} from './policy.ts'

/**
 * A token bucket a key. What is left is told in `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) of every answer. Both are
 * lists that may stand on several lines, so each limit writes its own.
 */
export function compileLimit(spec: LimitSpec, ground: PolicyGround): Policy {
  const { perSecond, burst, name } = spec
  const scope = scopeOf(spec.scope)
  const keyOf = keyReader(spec.by)
  const windowSeconds = Math.max(1, Math.ceil(burst / perSecond))
  const policyLine = `ratelimit-policy: "${name}";q=${burst};w=${windowSeconds}\r\n`
  // Of a limit that is far away the same is said again and again: it is put into words once.
  const said = { remaining: -1, seconds: -1, line: '', note: '' }

  function say(remaining: number, seconds: number): void {
    if (remaining === said.remaining && seconds === said.seconds) return
    said.remaining = remaining
    said.seconds = seconds
    said.line = `ratelimit: "${name}";r=${remaining};t=${seconds}\r\n`
    said.note = `limit ${name}: ${remaining} of ${burst} left at ${spec.rate}`
  }

  function refuse(exchange: PolicyExchange, result: BucketResult): void {
    const { retryAfterMs } = result
    const seconds = Math.max(1, secondsOf(retryAfterMs))
    const whose = describeKey(spec.by, exchange)
    const detail = `the limit of ${spec.rate} (burst ${burst}) for ${whose} is used up; there is room in ${Math.ceil(retryAfterMs)} ms`
    // The effective window ends when Retry-After says so (section 6).
    say(0, seconds)
    exchange.responseLines += policyLine + said.line
    const lines = `retry-after: ${seconds}\r\n`
    exchange.answer = { code: 'ERR_GATEWAY_RATE_LIMITED', detail, lines }
    exchange.note(detail)
  }

  return {
    kind: 'limit',
    fixedResponseLines: policyLine,
    request(exchange) {
      const result = ground.buckets.take(scope, keyOf(exchange), perSecond, burst, exchange.nowMs)
      if (!result.isTaken) {
        refuse(exchange, result)
        return VERDICT.answer
      }
      const { remaining } = result
      const ms = remaining === 0 ? result.retryAfterMs : result.fullAfterMs
      say(remaining, secondsOf(ms))
      exchange.responseLines += said.line
      exchange.note(said.note)
      return VERDICT.go
    },
  }
}

/** A division that leaves a millionth of a second behind does not make it one more. */
const ROUNDING_MS = 0.001

function secondsOf(ms: number): number {
  return Math.max(0, Math.ceil((ms - ROUNDING_MS) / 1000))
}

/** 53 bits of a text that tells limits apart (FNV-1a, twice): no stranger chooses it. */
function scopeOf(text: string): number {
  let high = 0x811c9dc5
  let low = 0x01000193
  for (const byte of new TextEncoder().encode(text)) {
    high = Math.imul(high ^ byte, 0x01000193)
    low = Math.imul(low ^ byte, 0x85ebca6b)
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0)
}

function keyReader(by: LimitSpec['by']): (exchange: PolicyExchange) => string {
  if (by === 'route') return () => ''
  if (by !== 'address') return (exchange) => valueKey(exchange.header(by.header))
  // A connection has one address: it is looked at once for all of its requests that come in a row.
  let address = ''
  let key = ''
  return (exchange) => {
    if (exchange.address !== address) {
      ;({ address } = exchange)
      key = addressKey(address)
    }
    return key
  }
}

/** For people and logs: never the value of a header, which may be a secret. */
function describeKey(by: LimitSpec['by'], exchange: PolicyExchange): string {
  if (by === 'route') return `route ${exchange.routeId}`
  if (by === 'address') return `address ${addressKey(exchange.address)}`
  return exchange.header(by.header) === undefined
    ? `requests without ${by.header}`
    : `this value of ${by.header}`
}
