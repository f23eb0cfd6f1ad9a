import type { FastifyInstance } from 'fastify'
import type { RegistryView } from '../../../contracts/registry.ts'
import type { Discovery } from '../api.ts'
import type { Instance } from '../model.ts'

/** Instances of one service that are shown. */
const INSTANCES_MAX = 200

type Reads = Pick<Discovery, 'instances' | 'sources' | 'watchersOf'>

/** Where the instances of a service come from, how old what is known of them is, and who watches: for the console. */
export function registerRegistryView(app: FastifyInstance, discovery: Reads): void {
  app.get(
    '/api/v1/services/:service/registry',
    {
      schema: {
        summary: 'Sources, leases and watchers of a service.',
        tags: ['discovery'],
        params: { type: 'object', properties: { service: { type: 'string' } } },
      },
    },
    (request) => viewOf(discovery, (request.params as { readonly service: string }).service),
  )
}

function viewOf(discovery: Reads, service: string): RegistryView {
  const instances = Iterator.from(discovery.instances(service)).take(INSTANCES_MAX)
  return {
    service,
    sources: discovery
      .sources()
      .filter((one) => one.service === service)
      .map(({ kind, place, targetCount, isStale, why, answeredAtMs }) => {
        return { kind, place, targetCount, isStale, why, answeredAtMs }
      }),
    watchers: discovery.watchersOf({ service }),
    instances: [...instances].map(instanceOf),
  }
}

function instanceOf(instance: Instance): RegistryView['instances'][number] {
  const { id, node, source, tags, lease, override, overrideReason, health, priority } = instance
  return {
    id,
    node,
    source,
    tags,
    leaseMs: lease?.ttlMs ?? 0,
    renewedAtMs: lease?.renewedAtMs ?? 0,
    override: override ?? '',
    overrideReason,
    registeredAs: instance.twins.map((twin) => `${twin.spec.id} (${twin.source})`),
    isStandby: priority > 0 && !instance.isRoutable && health === 'passing',
  }
}
