import { ConsulError } from './errors.ts'
import type { Route } from './router.ts'

/** What of the Consul API is not offered, by the paths that ask for it, and what to do instead. */
const NOT_OFFERED: readonly (readonly [what: string, advice: string, paths: readonly string[]])[] =
  [
    [
      'Prepared queries',
      'list several sources with priorities at the service in backplane.yaml for failover',
      ['/v1/query', '/v1/query/'],
    ],
    ['User events', 'write a key and watch it', ['/v1/event/']],
    [
      'Connect and its configuration',
      'the gateway and the outbound listeners do what sidecars do',
      [
        '/v1/connect/',
        '/v1/agent/connect/',
        '/v1/health/ingress/',
        '/v1/catalog/gateway-services/',
        '/v1/config',
        '/v1/config/',
        '/v1/discovery-chain/',
      ],
    ],
    [
      'Peering and federation',
      'follow another Consul as a source',
      [
        '/v1/peering',
        '/v1/peering/',
        '/v1/peerings',
        '/v1/exported-services',
        '/v1/imported-services',
        '/v1/internal/',
      ],
    ],
    [
      'Namespaces and partitions',
      'they are of Consul Enterprise',
      [
        '/v1/namespace',
        '/v1/namespace/',
        '/v1/namespaces',
        '/v1/partition',
        '/v1/partition/',
        '/v1/partitions',
      ],
    ],
    ['Network coordinates', 'there is one machine', ['/v1/coordinate/']],
    [
      'Operating a cluster of servers',
      'one Backplane needs none of it; copy its data folder for a backup',
      [
        '/v1/operator/',
        '/v1/snapshot',
        '/v1/agent/join/',
        '/v1/agent/leave',
        '/v1/agent/force-leave/',
        '/v1/agent/reload',
        '/v1/agent/token/',
        '/v1/agent/metrics',
        '/v1/agent/monitor',
        '/v1/agent/host',
      ],
    ],
  ]

/** 501 with a sentence, so that nobody searches for a mistake of their own. */
export const outOfScopeRoutes: readonly Route[] = NOT_OFFERED.flatMap(([what, advice, paths]) =>
  paths.map((path): Route => ({
    methods: ['GET', 'PUT', 'POST', 'DELETE'],
    path,
    run() {
      throw new ConsulError(501, `${what}: not offered by Backplane; ${advice}.`)
    },
  })),
)
