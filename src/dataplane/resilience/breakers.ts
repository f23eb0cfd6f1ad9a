import type { BreakerSpec } from '../../contracts/resilience.ts'
import { Breaker, REFUSED, UNCOUNTED } from '../../mechanisms/breaker/breaker.ts'
import { BREAKER, type BreakerPolicy, OUTCOME } from '../../mechanisms/breaker/breaker-policy.ts'
import type { Instance } from '../upstream/instance.ts'
import type { MemoryPlace } from '../shared/resilience-memory.ts'

/** A probe that says nothing for so long has lost its place. Deadlines end it earlier; only a thread that died leaves one behind. */
const PROBE_LEASE_MS = 60_000
/** An instance whose probes are all out is asked again so much later. */
const BLOCKED_MS = 25

/** What a call holds of a breaker: a request of that of its service, an attempt of that of its instance. */
export interface Guarded {
  permit: number
  /** From when on it is slow; Infinity as long as it is not sent whole, and where slowness is not looked at. */
  slowAtMs: number
  /** What the breaker was told of it. */
  told: Told
}

/** What breakers know of a call. */
export const TOLD = {
  /** It has not ended. */
  nothing: 0,
  /** It hangs for so long that it counts as slow. */
  slow: 1,
  /** It had an answer in time. */
  answered: 2,
  /** It has failed: nothing more can be said. */
  failed: 3,
} as const
export type Told = (typeof TOLD)[keyof typeof TOLD]

/** The breaker of a service; null where it has none and nobody ordered one. The one that is there already is kept. */
export function breakerOfService(
  spec: BreakerSpec | undefined,
  known: Breaker | null,
  { memory, start }: MemoryPlace,
): Breaker | null {
  if (spec === undefined) return null
  const hasOwn = spec.scope === 'service' || spec.scope === 'both'
  if (!hasOwn && spec.order !== 'open') return null
  const policy = policyOf(spec, spec.order)
  if (known === null) return new Breaker(policy, memory, start)
  known.configure(policy)
  return known
}

/** The breaker of an instance; null where instances have none. */
export function breakerOfInstance(
  spec: BreakerSpec | undefined,
  known: Breaker | null,
  { memory, start }: MemoryPlace,
): Breaker | null {
  if (spec === undefined || (spec.scope !== 'instance' && spec.scope !== 'both')) return null
  const policy = policyOf(spec, spec.order === 'open' ? 'auto' : spec.order)
  if (known === null) return new Breaker(policy, memory, start)
  known.configure(policy)
  return known
}

function policyOf(spec: BreakerSpec, mode: BreakerPolicy['mode']): BreakerPolicy {
  const { failureRatio, slowRatio, callsMin, window, openMs, openMsMax, probes } = spec
  const rest = { failureRatio, slowRatio, callsMin, window, openMs, openMsMax, probes }
  return { mode, probeLeaseMs: PROBE_LEASE_MS, ...rest }
}

/** Takes a permit of the service's breaker, where there is one. False: the request must not be made. */
export function askService(breaker: Breaker | null, request: Guarded, nowMs: number): boolean {
  request.permit = breaker === null ? UNCOUNTED : breaker.acquire(nowMs)
  request.told = request.permit === REFUSED ? TOLD.failed : TOLD.nothing
  request.slowAtMs = Infinity
  return request.permit !== REFUSED
}

/** A permit of the instance's breaker. Where it is refused, the instance is not to be chosen for a while. */
export function askInstance(instance: Instance, nowMs: number): number {
  const { breaker } = instance
  if (breaker === null) return UNCOUNTED
  const permit = breaker.acquire(nowMs)
  if (permit === REFUSED) instance.blockedUntilMs = blockedUntil(breaker, nowMs)
  return permit
}

function blockedUntil(breaker: Breaker, nowMs: number): number {
  const { state, openUntilMs } = breaker.view()
  // Another worker may let its probes try sooner, so none is blocked for long.
  const untilMs = state === BREAKER.open ? openUntilMs : 0
  return Math.min(nowMs + 10 * BLOCKED_MS, Math.max(nowMs + BLOCKED_MS, untilMs))
}

/** From when on a call that was sent whole at `nowMs` is slow. */
export function slowFrom(spec: BreakerSpec | undefined, nowMs: number): number {
  return spec === undefined || spec.slowRatio > 1 ? Infinity : nowMs + spec.slowMs
}

/** The call has its answer, and a good one. True: the breaker has changed its state. */
export function tellAnswer(breaker: Breaker | null, call: Guarded, nowMs: number): boolean {
  if (call.told !== TOLD.nothing) return false
  call.told = TOLD.answered
  const outcome = call.slowAtMs <= nowMs ? OUTCOME.slow : OUTCOME.ok
  return breaker !== null && breaker.report(call.permit, outcome, nowMs)
}

/** The call has failed, be it after it was slow, or behind the head of its answer. True: the breaker has changed its state. */
export function tellFailure(breaker: Breaker | null, call: Guarded, nowMs: number): boolean {
  const { told } = call
  if (told === TOLD.failed) return false
  call.told = TOLD.failed
  const own = call.slowAtMs <= nowMs ? OUTCOME.failedSlowly : OUTCOME.failed
  const outcome = told === TOLD.nothing ? own : OUTCOME.failedLate
  return breaker !== null && breaker.report(call.permit, outcome, nowMs)
}

/** The call hangs: it is slow already. True: the breaker has changed its state. */
export function tellHanging(breaker: Breaker | null, call: Guarded, nowMs: number): boolean {
  // It is looked at no more; what it fails with afterwards is told as late.
  call.slowAtMs = Infinity
  if (call.told !== TOLD.nothing) return false
  call.told = TOLD.slow
  return breaker !== null && breaker.report(call.permit, OUTCOME.slow, nowMs)
}

/** The call says nothing about anybody: it was not made, or its caller went away. Nothing where something was told. */
export function giveBack(breaker: Breaker | null, call: Guarded): void {
  if (call.told !== TOLD.nothing) return
  call.told = TOLD.failed
  if (breaker !== null) breaker.giveBack(call.permit)
}

/** The breaker that hears of attempts at an instance; none of one that was removed. */
export function breakerOf({ isGone, breaker }: Instance): Breaker | null {
  return isGone ? null : breaker
}
