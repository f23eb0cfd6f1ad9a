import type { Discovery } from '../discovery/api.ts'
import type { ChangeBatch } from '../discovery/model.ts'
import type { DiscoveryNeed } from './needs.ts'

/** What this capability does with discovery. */
export type DiscoveryOfProcesses = Pick<
  Discovery,
  | 'putInstance'
  | 'setDraining'
  | 'removeInstance'
  | 'forgetOrphans'
  | 'flush'
  | 'instance'
  | 'service'
  | 'subscribe'
>

/** A run instance is put, drained and removed; its checks are those that its service declares. */
export function discoveryForProcesses(discovery: DiscoveryOfProcesses): DiscoveryNeed {
  return {
    put({ service, id, host, port, weight, wasRoutable }) {
      discovery.putInstance(
        { service, id, host, port, weight },
        { origin: 'run', ...(wasRoutable ? { initially: 'passing' } : {}) },
      )
    },
    drain(service, id) {
      discovery.setDraining(service, id, true)
      discovery.flush()
    },
    remove(service, id) {
      discovery.removeInstance(service, id)
      discovery.flush()
    },
    // Who registered itself and has ended while no control plane looked is gone.
    adopted: () => discovery.forgetOrphans(),
    isRoutable: (service, id) => discovery.instance(service, id)?.isRoutable ?? false,
    isFailing: (service, id) => discovery.instance(service, id)?.health === 'critical',
    routableCount: (service) => discovery.service(service)?.routableCount ?? 0,
    onChange: (listener) => void discovery.subscribe('all', (batch) => listener(servicesOf(batch))),
  }
}

function servicesOf(batch: ChangeBatch): Set<string> {
  return new Set([
    ...batch.changes.map((change) => change.instance.service),
    ...batch.services.map((service) => service.name),
  ])
}
