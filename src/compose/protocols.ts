import { startConsulDns } from '../capabilities/consul-dns/consul-dns.ts'
import { startConsul } from '../capabilities/consul/consul.ts'
import { sessionHealth } from '../capabilities/consul/session-health.ts'
import { addressOf, consulConfig, nodeNameOf } from '../capabilities/consul/settings.ts'
import type { Discovery } from '../capabilities/discovery/api.ts'
import { startEureka } from '../capabilities/eureka/eureka.ts'
import { startKv } from '../capabilities/kv/kv.ts'
import type { CurrentConfiguration } from '../platform/config/current.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { Storage } from '../platform/storage/storage.ts'
import type { Settings } from '../settings.ts'

/** What the protocols stand on. */
interface Ground {
  readonly storage: Storage
  readonly configuration: CurrentConfiguration<Settings>
  readonly discovery: Discovery
}

/** Part of the control plane: how others register and look up who is where, each protocol over the one registry. */
export async function startProtocols(
  host: Host<LoadedConfig<Settings>>,
  { storage, configuration, discovery }: Ground,
) {
  const health = sessionHealth(consulConfig(configuration.current().settings.consul), discovery)
  const kv = await host.start('kv', startKv, ({ settings }) => settings.kv, { storage, health })
  await host.start('consul', startConsul, ({ settings }) => consulConfig(settings.consul), {
    storage,
    discovery,
    kv,
  })
  const eureka = await host.start('eureka', startEureka, ({ settings }) => settings.eureka, {
    discovery,
  })
  const dns = await host.start(
    'consul-dns',
    startConsulDns,
    ({ settings: { dns, consul } }) => ({
      ...dns,
      datacenter: consul.datacenter,
      node: nodeNameOf(consul),
      address: addressOf(consul),
    }),
    { discovery },
  )
  return {
    /** When nobody can have an instance from an answer any more. */
    async drained(service: string, id: string, timeoutMs: number): Promise<boolean> {
      const all = [dns.drained(service, id, timeoutMs), eureka.drained(timeoutMs)]
      return (await Promise.all(all)).every(Boolean)
    },
  }
}
