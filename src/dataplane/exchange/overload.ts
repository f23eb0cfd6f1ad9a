import type { Service } from '../upstream/service.ts'
import type { ExchangeContext } from './context.ts'
import { ATTEMPT, type Attempt, type BoundAttempt } from './exchange.ts'
import { leaveFlight } from './finish.ts'

/** An attempt was given up without an answer: what the instance does for it is for nobody. One whose request is still being sent says nothing. */
export function noteWasted(attempt: BoundAttempt, nowMs: number): void {
  const { exchange, startedMs } = attempt
  const { guard } = exchange.service!
  if (guard === null || attempt.state !== ATTEMPT.sent || !exchange.client.body.isDone) return
  guard.addWasted(nowMs - startedMs)
}

/**
 * Once a second: looks whether a service is overloaded, by what its instances' statistics of the last second say, and bounds what it is given. Costs a request nothing
 * as long as all is well.
 */
export function guardService(ctx: ExchangeContext, service: Service<Attempt>, nowMs: number): void {
  const { guard } = service
  if (guard === null) return
  let inFlight = service.waiting.size
  for (const instance of service.instances.values()) {
    inFlight += instance.inFlight
    instance.outliers?.readSpan((counts, start) => guard.addAnswered(counts, start))
  }
  const heldBack = (service.admission?.heldBack ?? 0) + (service.admission?.queued ?? 0)
  const change = guard.look({ inFlight, heldBack })
  if (change === 'none' && guard.limit === Infinity) return retire(service)
  const admission = service.admit()
  if (admission === null) return
  admission.autoLimit = guard.limit
  admission.heldBack = 0
  if (guard.limit !== Infinity) freeHeld(ctx, service, nowMs - guard.holdMs)
  // A limit that has risen is room for those that wait.
  if (admission.queued > 0) ctx.turns.schedule(service)
  if (change === 'none') return
  const kind = change === 'begins' ? 'overloaded' : 'relieved'
  ctx.happened({ kind, service: service.name, instance: '', because: guard.explain() })
}

/** Nothing is bounded, and nobody waits: nothing needs to be counted. Who is counted gives its place back where it has it from. */
function retire(service: Service<Attempt>): void {
  if (service.admission?.queued === 0) service.admission = null
}

/** Requests that began before `beforeMs` keep nobody else out any more. */
function freeHeld(ctx: ExchangeContext, service: Service<Attempt>, beforeMs: number): void {
  for (const exchange of ctx.exchanges) {
    if (exchange.service !== service || exchange.admission === null) continue
    if (exchange.startedMs < beforeMs) leaveFlight(ctx, exchange)
  }
}
