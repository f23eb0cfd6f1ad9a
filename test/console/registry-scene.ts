import type { RegistryView } from '../../src/contracts/registry.ts'
import { SCENE_AT_MS } from './scene.ts'

/** What the registry says of a service of the scene: users have registered instances and a stale source, others are run here. */
export function registryOf(service: string): RegistryView {
  if (service === 'payments') {
    const ids = ['payments-1', 'payments-2']
    const instances = ids.map((id) => ({
      id,
      source: 'run',
      node: 'local',
      leaseMs: 0,
      renewedAtMs: 0,
      tags: [],
      override: id === 'payments-2' ? 'maintenance' : '',
      overrideReason: '',
      isStandby: false,
    }))
    return { service, sources: [], watchers: 0, instances }
  }
  if (service !== 'users') return { service, sources: [], watchers: 1, instances: [] }
  const common = { node: 'local', tags: ['v1', 'blue'], override: '', overrideReason: '' }
  return {
    service,
    watchers: 12,
    sources: [
      {
        kind: 'consul',
        place: 'http://consul.internal:8500',
        targetCount: 2,
        isStale: true,
        why: 'connect ECONNREFUSED 10.0.0.9:8500',
        answeredAtMs: SCENE_AT_MS - 42_000,
      },
    ],
    instances: [
      {
        ...common,
        id: 'users-a',
        source: 'consul',
        leaseMs: 0,
        renewedAtMs: 0,
        override: 'maintenance',
        overrideReason: 'new disk',
        isStandby: false,
      },
      {
        ...common,
        id: 'users-b',
        source: 'eureka',
        leaseMs: 30_000,
        renewedAtMs: SCENE_AT_MS - 12_000,
        isStandby: true,
      },
    ],
  }
}
