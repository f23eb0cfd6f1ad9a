import type { SnapshotOp } from '../../contracts/snapshot.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Instance } from '../discovery/model.ts'
import type { InstanceLabels } from './labels.ts'

/** What the gateway needs of discovery. */
export type DiscoveryNeed = Pick<Discovery, 'services' | 'instances' | 'instance' | 'subscribe'>

/** Keeps the data plane's instances equal to what is routable in discovery. A change costs work in proportion to itself. */
export interface InstanceFollower {
  isRouted(service: string, id: string): boolean
  /** All that are routed, with the labels that they have now. */
  relabelled(): readonly SnapshotOp[]
  /** Ends the subscription. */
  end(): void
}

/**
 * Publishes every routable instance now, and each change from now on. `onService` hears of services that appear (true) or
 * vanish (false) in discovery before their instances are published. `labelsOf` says which requests an instance is for.
 */
export function followInstances(
  discovery: DiscoveryNeed,
  publish: (ops: readonly SnapshotOp[]) => void,
  onService: (name: string, isThere: boolean) => void,
  labelsOf: (instance: Instance) => InstanceLabels,
): InstanceFollower {
  const routed = new Set<string>()

  function opOf(instance: Instance, isGone: boolean): SnapshotOp[] {
    const { service, id, host, port, weight } = instance
    const key = `${service} ${id}`
    if (!isGone && instance.isRoutable) {
      routed.add(key)
      const labels = labelsOf(instance)
      return [{ op: 'instance', instance: { service, id, host, port, weight, ...labels } }]
    }
    return routed.delete(key) ? [{ op: 'instance-gone', service, id }] : []
  }

  for (const { name } of discovery.services()) {
    onService(name, true)
    publish([...discovery.instances(name)].flatMap((instance) => opOf(instance, false)))
  }
  const end = discovery.subscribe('all', (batch) => {
    for (const { name, action } of batch.services) if (action === 'added') onService(name, true)
    publish(batch.changes.flatMap(({ instance, action }) => opOf(instance, action === 'removed')))
    for (const { name, action } of batch.services) if (action === 'removed') onService(name, false)
  })
  const relabelled = (): readonly SnapshotOp[] =>
    [...discovery.services()].flatMap(({ name }) =>
      [...discovery.instances(name)]
        .filter(({ id }) => routed.has(`${name} ${id}`))
        .flatMap((instance) => opOf(instance, false)),
    )
  return { isRouted: (service, id) => routed.has(`${service} ${id}`), relabelled, end }
}
