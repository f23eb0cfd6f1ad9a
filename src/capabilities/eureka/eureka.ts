import type { Part, Scope } from '../../platform/capability.ts'
import type { Settings } from '../../settings.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Instance } from '../discovery/model.ts'
import { Bodies } from './bodies.ts'
import { eurekaMetrics, eurekaProblems } from './console.ts'
import { RequestCounts } from './counters.ts'
import { Directory, SOURCE, twinOf } from './directory.ts'
import { Preservation, probeOver } from './preservation.ts'
import { RecentChanges } from './recent-changes.ts'
import { EurekaRegistrations } from './registrations.ts'
import { eurekaListener } from './serve.ts'
import { Sources } from './sources.ts'

export type EurekaConfig = Settings['eureka']

export interface EurekaNeeds {
  readonly discovery: Discovery
}

/** What siblings may ask. */
export interface Eureka {
  /** Instances that are kept beyond their lease now. */
  readonly preserved: () => number
}

/** Speaks Eureka's REST operations at `listen.eureka`. */
export async function startEureka(
  settings: EurekaConfig,
  { discovery }: EurekaNeeds,
  scope: Scope,
): Promise<Part<EurekaConfig, Eureka>> {
  const { clock, log } = scope
  const sources = new Sources()
  const leases = new Map<string, Instance>()
  const twins = new Set<string>()
  const directory = new Directory(discovery)
  const recent = new RecentChanges(directory, clock)
  const preservation = new Preservation({
    clock,
    preserveMs: settings.preserve,
    leased: () => leases.values(),
    addressOf: ({ service, id }) => sources.of(service, id),
    probe: probeOver(clock),
  })
  const registrations = new EurekaRegistrations({
    discovery,
    directory,
    sources,
    heard: (service, id) => preservation.forget(service, id),
  })
  discovery.guardLeases(SOURCE, (instance) => preservation.judge(instance))

  function follow(instance: Instance, isGone: boolean): void {
    const { service, id } = instance
    if (!isGone && twinOf(instance) !== undefined) twins.add(`${service} ${id}`)
    else twins.delete(`${service} ${id}`)
    if (instance.source !== SOURCE) return
    if (!isGone) return void leases.set(`${service} ${id}`, instance)
    leases.delete(`${service} ${id}`)
    sources.forget(service, id)
    preservation.forget(service, id)
  }

  for (const { name } of discovery.services()) {
    for (const instance of discovery.instances(name)) follow(instance, false)
  }

  scope.onStop(
    discovery.subscribe('all', (batch) => {
      for (const { action, instance } of batch.changes) follow(instance, action === 'removed')
      recent.add(batch)
    }),
  )

  const counts = new RequestCounts()
  await scope.listeners.lean(
    'eureka',
    eurekaListener({
      directory,
      recent,
      registrations,
      bodies: new Bodies(),
      leaseS: Math.ceil(settings.lease / 1000),
      flush: () => discovery.flush(),
      token: typeof settings.token === 'string' ? settings.token : undefined,
      hosts: settings.hosts,
      counts,
      log,
    }),
  )
  const facts = () => ({
    counts,
    leased: leases.size,
    preserved: preservation.count,
    twins: twins.size,
  })
  return {
    api: { preserved: () => preservation.count },
    routes: [
      (app) =>
        app.get(
          '/api/v1/eureka',
          { schema: { summary: 'What Eureka clients asked since the start, and their leases.' } },
          () => ({ ...facts(), counts: undefined, requests: counts.samples() }),
        ),
    ],
    metrics: () => eurekaMetrics(facts()),
    problems: () => eurekaProblems(facts()),
  }
}
