import { type Balancer, balancers } from '../../mechanisms/balancing/balancing.ts'
import { createEjectionSet, type EjectionSet } from '../../mechanisms/ejection/ejection.ts'
import { createRetryBudget, type RetryBudget } from '../../mechanisms/retry/retry.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Instance } from './instance.ts'

/** One service as one worker sees it. */
export interface Service {
  readonly name: string
  spec: ServiceSpec
  readonly instances: Map<string, Instance>
  balancer: Balancer<Instance>
  readonly ejection: EjectionSet<Instance>
  readonly retries: RetryBudget
  /** Requests that wait for a connection, oldest first. Those that ended meanwhile are skipped. */
  readonly waiting: Exchange[]
}

export function createService(spec: ServiceSpec, workers: number): Service {
  return {
    name: spec.name,
    spec,
    instances: new Map(),
    balancer: balancers[spec.balance.algorithm]<Instance>(),
    ejection: createEjectionSet<Instance>(),
    retries: createRetryBudget(budgetOf(spec, workers)),
    waiting: [],
  }
}

/** Takes new settings; connections, statistics and what was counted stay. */
export function configureService(service: Service, spec: ServiceSpec, workers: number): void {
  const old = service.spec
  service.spec = spec
  service.retries.configure(budgetOf(spec, workers))
  for (const instance of service.instances.values()) {
    instance.connectionsMax = connectionShare(spec, workers)
  }
  if (old.balance.algorithm === spec.balance.algorithm) return
  const next = balancers[spec.balance.algorithm]<Instance>()
  for (const instance of service.instances.values()) {
    service.balancer.remove(instance)
    next.add(instance)
  }
  service.balancer = next
}

/** A worker's part of the connections to one instance: at least one, or a worker could never ask it. */
export function connectionShare(spec: ServiceSpec, workers: number): number {
  return Math.max(1, Math.floor(spec.connectionsPerInstanceMax / workers))
}

function budgetOf(spec: ServiceSpec, workers: number): { ratio: number; reservePerSecond: number } {
  return {
    ratio: spec.retry.budgetRatio,
    reservePerSecond: spec.retry.reservePerSecond / workers,
  }
}
