import type { LimitSpec } from '../../contracts/policies.ts'
import { FLIGHT } from '../shared/in-flight.ts'
import { describeKey, keyReader, scopeOf } from './limit-key.ts'
import {
  type BucketResult,
  type Policy,
  type PolicyExchange,
  type PolicyGround,
  VERDICT,
} from './policy.ts'

/**
 * A limit a key: a token bucket, a sliding window, or so many requests at a time. What is left of the first two is told in `RateLimit-Policy` and `RateLimit`
 * (draft-ietf-httpapi-ratelimit-headers-11) of every answer. Both are lists that may stand on several lines, so each limit writes its own.
 */
export function compileLimit(spec: LimitSpec, ground: PolicyGround): Policy {
  if (spec.algorithm === 'concurrency') return compileConcurrency(spec, ground)
  const { name } = spec
  const keyOf = keyReader(spec.by)
  const counter = counterOf(spec, ground)
  const { quota, limitText } = counter
  const policyLine = `ratelimit-policy: "${name}";q=${quota};w=${counter.windowSeconds}\r\n`
  // Of a limit that is far away the same is said again and again: it is put into words once.
  const said = { remaining: -1, seconds: -1, line: '', note: '' }

  function say(remaining: number, seconds: number): void {
    if (remaining === said.remaining && seconds === said.seconds) return
    said.remaining = remaining
    said.seconds = seconds
    said.line = `ratelimit: "${name}";r=${remaining};t=${seconds}\r\n`
    said.note = `limit ${name}: ${remaining} of ${quota} left at ${counter.rate}`
  }

  function refuse(exchange: PolicyExchange, result: BucketResult): void {
    const { retryAfterMs } = result
    const seconds = Math.max(1, secondsOf(retryAfterMs))
    const whose = describeKey(spec.by, exchange)
    const detail = `the limit of ${limitText} for ${whose} is used up; there is room in ${Math.ceil(retryAfterMs)} ms`
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
      const result = counter.take(keyOf(exchange), exchange.nowMs)
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

/** How one limit counts, and what is said of it. */
interface Counter {
  readonly quota: number
  readonly windowSeconds: number
  readonly rate: string
  readonly limitText: string
  take(key: string, nowMs: number): BucketResult
}

function counterOf(
  spec: Exclude<LimitSpec, { algorithm: 'concurrency' }>,
  { buckets }: PolicyGround,
): Counter {
  const scope = scopeOf(spec.scope)
  if (spec.algorithm === 'window') {
    const { requests, windowMs } = spec
    const rate = `${requests} in ${windowMs / 1_000} s`
    return {
      quota: requests,
      windowSeconds: Math.max(1, Math.ceil(windowMs / 1_000)),
      rate,
      limitText: rate,
      take: (key, nowMs) => buckets.takeInWindow(scope, key, requests, windowMs, nowMs),
    }
  }
  const { perSecond, burst, rate } = spec
  return {
    quota: burst,
    windowSeconds: Math.max(1, Math.ceil(burst / perSecond)),
    rate,
    limitText: `${rate} (burst ${burst})`,
    take: (key, nowMs) => buckets.take(scope, key, perSecond, burst, nowMs),
  }
}

/** So many requests of a key at a time; the next one is refused at once, it does not wait. */
function compileConcurrency(
  spec: Extract<LimitSpec, { algorithm: 'concurrency' }>,
  { flights }: PolicyGround,
): Policy {
  const { name, requests } = spec
  const scope = scopeOf(spec.scope)
  const keyOf = keyReader(spec.by)
  const note = `limit ${name}: fewer than ${requests} at a time`
  return {
    kind: 'limit',
    request(exchange) {
      const place = flights.take(scope, keyOf(exchange), requests)
      if (place === FLIGHT.full) {
        const detail = `${requests} requests of ${describeKey(spec.by, exchange)} are under way, which is the limit`
        const lines = 'retry-after: 1\r\n'
        exchange.answer = { code: 'ERR_GATEWAY_RATE_LIMITED', detail, lines }
        exchange.note(detail)
        return VERDICT.answer
      }
      if (place >= 0) exchange.holdFlight(place)
      exchange.note(note)
      return VERDICT.go
    },
  }
}

/** A division that leaves a millionth of a second behind does not make it one more. */
const ROUNDING_MS = 0.001

function secondsOf(ms: number): number {
  return Math.max(0, Math.ceil((ms - ROUNDING_MS) / 1000))
}
