import { isDeepStrictEqual } from 'node:util'
import { type Balancer, balancers } from '../../mechanisms/balancing/balancing.ts'
import { CandidateGroups } from '../../mechanisms/balancing/groups.ts'
import { createEjectionSet, type EjectionSet } from '../../mechanisms/ejection/ejection.ts'
import type { Breaker } from '../../mechanisms/breaker/breaker.ts'
import { HedgeDelay } from '../../mechanisms/hedging/hedging.ts'
import { OverloadGuard } from '../../mechanisms/overload-guard/overload-guard.ts'
import { compileConditions, type RetryConditions } from '../../mechanisms/retry/conditions.ts'
import { StaleCache } from '../../mechanisms/stale-cache/stale-cache.ts'
import {
  createRetryBudget,
  type RetryBudget,
  type RetryTerms,
} from '../../mechanisms/retry/retry.ts'
import { LATENCY_BOUNDS_MS, type ServiceSpec } from '../../contracts/snapshot.ts'
import type { Turn } from '../io/turns.ts'
import { breakerOfInstance, breakerOfService } from '../resilience/breakers.ts'
import { createServiceCounts, type ServiceCounts } from '../resilience/service-load.ts'
import { BUDGET_AT, type MemoryPlace } from '../shared/resilience-memory.ts'
import type { KeyedCounts } from '../shared/counts.ts'
import { Admission } from './admission.ts'
import type { Instance } from './instance.ts'
import type { Permits } from './permits.ts'

/** One service as one worker sees it. `W` is what waits for a connection: an attempt. */
export class Service<W> implements Turn {
  readonly name: string
  spec: ServiceSpec
  isScheduled = false
  readonly instances = new Map<string, Instance>()
  balancer: Balancer<Instance>
  readonly ejection: EjectionSet<Instance> = createEjectionSet<Instance>()
  readonly retries: RetryBudget
  retryOn: RetryConditions
  /** Null where none runs beside another one. */
  hedge: HedgeDelay | null
  /** Its last answers; null where they do not stand in. */
  stale: StaleCache | null
  /** Those that wait for a connection, oldest first. Each leaves when it gets one, or when its request ends. */
  readonly waiting = new Set<W>()
  /** When the other workers were last asked to give back what they do not use. Monotonic milliseconds. */
  urgedAtMs = -Infinity
  /** Which instances a request is for; null where it is all of them alike. */
  groups: CandidateGroups<Instance> | null = null
  /** Limits how many may wait, over all workers. */
  readonly pending: Permits
  /** Of the service as a whole; null where it has none. */
  breaker: Breaker | null
  /** How many requests may be in flight; null where that was never bounded. */
  admission: Admission<W> | null = null
  /** Sees that the service is overloaded; null where the limit of its requests is another one. */
  guard: OverloadGuard | null = null
  /** What its policies of resilience did since the last report. */
  readonly counts: ServiceCounts = createServiceCounts()
  wasLoaded = false
  #flight: { readonly counts: KeyedCounts; readonly place: number } | null = null
  readonly #learnt: MemoryPlace
  readonly #serve: (service: Service<W>) => void

  /** `serve` is called in a turn of its own when there may be room for those that wait. */
  constructor(
    spec: ServiceSpec,
    pending: Permits,
    learnt: MemoryPlace,
    serve: (service: Service<W>) => void,
  ) {
    this.name = spec.name
    this.spec = spec
    this.balancer = balancers[spec.balance.algorithm]<Instance>()
    this.retries = createRetryBudget(budgetOf(spec), learnt.memory, learnt.start + BUDGET_AT)
    this.retryOn = compileConditions(spec.retry.on ?? RETRY_ON_DEFAULT)
    this.hedge = hedgeOf(spec, null, spec)
    this.stale = staleOf(spec, null)
    this.pending = pending
    this.#learnt = learnt
    this.breaker = breakerOfService(spec.breaker, null, learnt)
    this.#serve = serve
  }

  /** `place` of the shared counts, at which its requests in flight are counted. */
  bound(counts: KeyedCounts, place: number): void {
    const { concurrency } = this.spec
    this.#flight = { counts, place }
    this.guard = concurrency?.algorithm === 'auto' ? (this.guard ?? new OverloadGuard()) : null
    if (this.admission !== null) this.admission.configure(concurrency)
    // Where a guard watches nothing is counted before something is wrong.
    else if (this.guard === null) this.admit()
  }

  /** From now on its requests in flight are counted, as its settings say. */
  admit(): Admission<W> | null {
    const { concurrency } = this.spec
    if (this.admission === null && concurrency !== undefined && this.#flight !== null) {
      const { counts, place } = this.#flight
      this.admission = new Admission(concurrency, counts, place, this.#learnt)
    }
    return this.admission
  }

  /** Instances or settings have changed: do requests choose among groups of instances? */
  regroup(): void {
    const { subset, panicShare = 0 } = this.spec.balance
    const isGrouped =
      subset !== undefined ||
      panicShare > 0 ||
      this.balancer.candidates.some(({ level, isBackup }) => level > 0 || isBackup)
    this.groups = isGrouped ? new CandidateGroups() : null
  }

  runTurn(): void {
    this.#serve(this)
  }

  /** Takes new settings; connections, statistics and what was counted stay. */
  configure(spec: ServiceSpec): void {
    const old = this.spec
    this.spec = spec
    this.retries.configure(budgetOf(spec))
    this.retryOn = compileConditions(spec.retry.on ?? RETRY_ON_DEFAULT)
    this.hedge = hedgeOf(spec, this.hedge, old)
    this.stale = staleOf(spec, this.stale)
    this.pending.setMax(spec.pendingMax)
    this.breaker = breakerOfService(spec.breaker, this.breaker, this.#learnt)
    for (const instance of this.instances.values()) {
      instance.permits.setMax(spec.connectionsPerInstanceMax)
      instance.breaker = breakerOfInstance(spec.breaker, instance.breaker, instance.learnt)
      instance.blockedUntilMs = 0
      if (old.protocol !== spec.protocol) speak(instance, spec.protocol === 'h2c')
    }
    if (old.balance.algorithm === spec.balance.algorithm) return this.regroup()
    const next = balancers[spec.balance.algorithm]<Instance>()
    for (const instance of this.instances.values()) {
      this.balancer.remove(instance)
      next.add(instance)
    }
    this.balancer = next
    this.regroup()
  }
}

/** Connections of another protocol carry what is on them to its end, and no more. */
function speak(instance: Instance, isHttp2: boolean): void {
  instance.isHttp2 = isHttp2
  for (const connection of instance.idle.slice()) connection.cancel()
}

function budgetOf({ retry }: ServiceSpec): RetryTerms {
  return { ratio: retry.budgetRatio, reservePerSecond: retry.reservePerSecond }
}

/** What says that the instance is in trouble, and not that the request is. */
const RETRY_ON_DEFAULT = ['connect', 'reset', 'timeout'] as const

/** What was kept stays, as long as the same of it may be. */
function staleOf({ fallback }: ServiceSpec, known: StaleCache | null): StaleCache | null {
  const policy = fallback?.stale
  if (policy === undefined) return null
  const isSame = known !== null && isDeepStrictEqual(known.policy, policy)
  return isSame ? known : new StaleCache(policy)
}

/** How long latencies count for what is usual, at least. */
const HEDGE_SPAN_MS = 10_000

function hedgeOf(
  { hedge }: ServiceSpec,
  known: HedgeDelay | null,
  old: ServiceSpec,
): HedgeDelay | null {
  if (hedge === undefined) return null
  const isSame = hedge.quantile === old.hedge?.quantile && hedge.minMs === old.hedge.minMs
  return known !== null && isSame ? known : new HedgeDelay(hedge, LATENCY_BOUNDS_MS, HEDGE_SPAN_MS)
}
