import type { Clock } from '../../platform/capability.ts'
import type { DiscoveryReads, DiscoveryWatches, ServiceSummary } from './api.ts'
import type { CheckRunner } from './checks/runner.ts'
import { problemOf } from './console.ts'
import { LOCAL_NODE } from './model.ts'
import { InstanceRecord, type ServiceRecord } from './records.ts'
import type { Registry } from './registry.ts'

function summaryOf(record: ServiceRecord): ServiceSummary {
  const { name, instances, routableCount, index, isDeclared } = record
  return { name, instanceCount: instances.size, routableCount, index, isDeclared }
}

/** What is there now. */
export function createReads(registry: Registry, checks: CheckRunner): DiscoveryReads {
  return {
    localNode: LOCAL_NODE,
    nodes: () => registry.nodes.values(),
    node: (name) => registry.nodes.get(name),
    instancesOfNode: (name) => registry.nodes.get(name)?.instances.values() ?? [],
    instanceOnNode: (node, idOnNode) => registry.nodes.get(node)?.instances.get(idOnNode),
    checkOnNode(node, id) {
      const check = registry.nodes.get(node)?.checksById.get(id)
      if (check === undefined) return undefined
      return { check, instance: check.owner instanceof InstanceRecord ? check.owner : undefined }
    },
    services: () => registry.services.values().map(summaryOf),
    service(name) {
      const record = registry.services.get(name)
      return record && summaryOf(record)
    },
    serviceName: (anyCase) => registry.names.find(anyCase, registry.services),
    problemOf(name) {
      const record = registry.services.get(name)
      return record && problemOf(summaryOf(record), record.instances.values())
    },
    instances: (name) => registry.services.get(name)?.instances.values() ?? [],
    instance: (name, id) => registry.find(name, id),
    counts: () => ({
      instances: registry.instanceCount,
      checksRunning: checks.runningCount,
      checksQueued: checks.queuedCount,
      watchers: registry.journal.watchers.count,
    }),
  }
}

/** Whoever waits for a change. */
export function createWatches(registry: Registry, clock: Clock): DiscoveryWatches {
  const { journal } = registry
  return {
    indexOf: (target) => journal.indexOf(target),
    subscribe: (target, listener) => journal.watchers.subscribe(target, listener),
    onCheckChange: (listener) => registry.checks.onCheckChange(listener),
    waitForChange: (target, afterIndex, waitMs, signal) =>
      journal.watchers.waitForChange(target, afterIndex, waitMs, signal),
    whenRoutable: (...query) => whenRoutable(registry, clock, ...query),
    changesSince(index) {
      journal.flush()
      return journal.feed.changesSince(index)
    },
    flush: () => journal.flush(),
    watchersOf: (target) => journal.watchers.countOf(target),
  }
}

async function whenRoutable(
  registry: Registry,
  clock: Clock,
  service: string,
  id: string,
  waitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const { journal } = registry
  const endMs = clock.monotonicMs() + waitMs
  for (;;) {
    const instance = registry.find(service, id)
    if (instance === undefined || instance.isRoutable) return instance !== undefined
    const leftMs = endMs - clock.monotonicMs()
    if (leftMs <= 0 || signal?.aborted === true) return false
    await journal.watchers.waitForChange({ service }, journal.indexOf({ service }), leftMs, signal)
  }
}
