import type { FastifyInstance } from 'fastify'
import { formatHostPort } from '../../../platform/config/addresses.ts'
import type { Discovery } from '../api.ts'
import type { Instance } from '../model.ts'

/** A target group as Prometheus reads it: https://prometheus.io/docs/prometheus/latest/http_sd/ */
export interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** `http_sd` for Prometheus: every instance of every service, or of those that `?service=` names, with what we know as labels. */
export function registerHttpSdRoute(
  app: FastifyInstance,
  discovery: Pick<Discovery, 'services' | 'instances'>,
): void {
  app.get(
    '/api/v1/prometheus/targets',
    {
      schema: {
        summary:
          'Instances as target groups of http_sd: the address for `http_sd_configs` of Prometheus.',
        tags: ['discovery'],
        querystring: {
          type: 'object',
          properties: {
            service: {
              anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
              description: 'Only these services.',
            },
          },
        },
      },
      validatorCompiler: () => (data: unknown) => ({ value: data }),
    },
    (request) => {
      const { service } = request.query as { readonly service?: string | readonly string[] }
      const wanted = service === undefined ? undefined : new Set([service].flat())
      const groups: TargetGroup[] = []
      for (const { name } of discovery.services()) {
        if (wanted !== undefined && !wanted.has(name)) continue
        for (const instance of discovery.instances(name)) {
          if (instance.port > 0) groups.push(groupOf(instance))
        }
      }
      return groups
    },
  )
}

/** One group an instance, since labels are of a group. Tags between commas, as other discoveries of Prometheus write them. */
function groupOf(instance: Instance): TargetGroup {
  const { service, id, node, source, health, tags, meta } = instance
  const metas = Object.entries(meta).map(([key, value]): [string, string] => [
    `__meta_backplane_meta_${key.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`,
    value,
  ])
  return {
    targets: [formatHostPort(instance)],
    labels: {
      job: service,
      __meta_backplane_service: service,
      __meta_backplane_instance: id,
      __meta_backplane_node: node,
      __meta_backplane_source: source,
      __meta_backplane_health: health,
      __meta_backplane_tags: tags.length === 0 ? '' : `,${tags.join(',')},`,
      ...Object.fromEntries(metas),
    },
  }
}
