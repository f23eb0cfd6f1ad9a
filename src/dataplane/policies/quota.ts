import { hash } from 'node:crypto'
import type { QuotaSpec } from '../../contracts/policies.ts'
import { endOfPeriod, periodAt } from '../../mechanisms/calendar-period/calendar-period.ts'
import { describeKey, keyReader, scopeOf } from './limit-key.ts'
import { type Policy, type PolicyGround, VERDICT } from './policy.ts'

/** So many requests an hour, day or month of the calendar (UTC). What is counted is told to control, which keeps it over restarts. */
export function compileQuota(spec: QuotaSpec, ground: PolicyGround): Policy {
  const { name, requests, per, by } = spec
  const scope = scopeOf(spec.scope)
  const keyOf = keyReader(by)
  const { buckets, quotas } = ground
  const { clock } = ground.auth
  // Requests of one caller often come in a row.
  let key = ''
  let keyHash = quotaKey('')
  let period = -1
  let endMs = 0

  return {
    kind: 'quota',
    request(exchange) {
      const nowMs = clock.nowMs()
      if (nowMs >= endMs || period < 0) {
        period = periodAt(per, nowMs)
        endMs = endOfPeriod(per, period)
      }
      const given = keyOf(exchange)
      if (given !== key) {
        key = given
        keyHash = quotaKey(given)
      }
      const used = buckets.takeQuota(scope, keyHash, requests, period)
      const seconds = Math.max(1, Math.ceil((endMs - nowMs) / 1_000))
      const left = used < 0 ? 0 : requests - used
      exchange.responseLines += `ratelimit-policy: "${name}";q=${requests};w=${seconds}\r\nratelimit: "${name}";r=${left};t=${seconds}\r\n`
      if (used >= 0) {
        quotas.note(spec.scope, keyHash, period, used)
        exchange.note(`quota ${name}: ${left} of ${requests} left in this ${per}`)
        return VERDICT.go
      }
      const detail = `the quota of ${requests} a ${per} for ${describeKey(by, exchange)} is used up until ${new Date(endMs).toISOString()}`
      exchange.answer = {
        code: 'ERR_GATEWAY_QUOTA_EXCEEDED',
        detail,
        lines: `retry-after: ${seconds}\r\n`,
      }
      exchange.note(detail)
      return VERDICT.answer
    },
  }
}

/** 128 bits of SHA-256: what is stored of who is counted. */
function quotaKey(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 32)
}
