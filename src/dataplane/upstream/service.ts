import { type Balancer, balancers } from '../../mechanisms/balancing/balancing.ts'
import { createEjectionSet, type EjectionSet } from '../../mechanisms/ejection/ejection.ts'
import type { Breaker } from '../../mechanisms/breaker/breaker.ts'
import { createRetryBudget, type RetryBudget } from '../../mechanisms/retry/retry.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import type { Turn } from '../io/turns.ts'
import { breakerOfInstance, breakerOfService } from '../resilience/breakers.ts'
import type { MemoryPlace } from '../shared/resilience-memory.ts'
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
  /** Those that wait for a connection, oldest first. Each leaves when it gets one, or when its request ends. */
  readonly waiting = new Set<W>()
  /** When the other workers were last asked to give back what they do not use. Monotonic milliseconds. */
  urgedAtMs = -Infinity
  /** Limits how many may wait, over all workers. */
  readonly pending: Permits
  /** Of the service as a whole; null where it has none. */
  breaker: Breaker | null
  readonly #learnt: MemoryPlace
  readonly #serve: (service: Service<W>) => void

  /** `serve` is called in a turn of its own when there may be room for those that wait. */
  constructor(
    spec: ServiceSpec,
    workers: number,
    pending: Permits,
    learnt: MemoryPlace,
    serve: (service: Service<W>) => void,
  ) {
    this.name = spec.name
    this.spec = spec
    this.balancer = balancers[spec.balance.algorithm]<Instance>()
    this.retries = createRetryBudget(budgetOf(spec, workers))
    this.pending = pending
    this.#learnt = learnt
    this.breaker = breakerOfService(spec.breaker, null, learnt)
    this.#serve = serve
  }

  runTurn(): void {
    this.#serve(this)
  }

  /** Takes new settings; connections, statistics and what was counted stay. */
  configure(spec: ServiceSpec, workers: number): void {
    const old = this.spec
    this.spec = spec
    this.retries.configure(budgetOf(spec, workers))
    this.pending.setMax(spec.pendingMax)
    this.breaker = breakerOfService(spec.breaker, this.breaker, this.#learnt)
    for (const instance of this.instances.values()) {
      instance.permits.setMax(spec.connectionsPerInstanceMax)
      instance.breaker = breakerOfInstance(spec.breaker, instance.breaker, instance.learnt)
      instance.blockedUntilMs = 0
    }
    if (old.balance.algorithm === spec.balance.algorithm) return
    const next = balancers[spec.balance.algorithm]<Instance>()
    for (const instance of this.instances.values()) {
      this.balancer.remove(instance)
      next.add(instance)
    }
    this.balancer = next
  }
}

function budgetOf(spec: ServiceSpec, workers: number): { ratio: number; reservePerSecond: number } {
  return {
    ratio: spec.retry.budgetRatio,
    reservePerSecond: spec.retry.reservePerSecond / workers,
  }
}
