import type { FaultSpec } from '../../contracts/policies.ts'
import { type Policy, type PolicyExchange, type PolicyGround, VERDICT } from './policy.ts'

/** Trouble on purpose, to see what callers make of it: some requests wait, some fail. Each says so in `why`. */
export function compileFault({ delay, abort }: FaultSpec, ground: PolicyGround): Policy {
  const { random } = ground
  const { clock } = ground.auth

  function fail(exchange: PolicyExchange, status: number): void {
    const detail = `fault: ${status} on purpose`
    const body = `${detail}\n`
    const plain = { status, contentType: 'text/plain; charset=utf-8', body }
    exchange.answer = { code: 'ERR_GATEWAY_FAULT', detail, plain }
    exchange.note(detail)
  }

  return {
    kind: 'fault',
    request(exchange) {
      if (abort !== undefined && random() < abort.share) {
        fail(exchange, abort.status)
        return VERDICT.answer
      }
      if (delay === undefined || random() >= delay.share) return VERDICT.go
      const note = `fault: ${delay.ms} ms of waiting on purpose`
      const cancel = clock.after(delay.ms, () => ticket.resume({ verdict: VERDICT.go, note }))
      const ticket = exchange.suspend(() => cancel())
      return VERDICT.pending
    },
  }
}
