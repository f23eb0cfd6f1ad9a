import { startConsulDns } from '../capabilities/consul-dns/consul-dns.ts'
import { startConsul } from '../capabilities/consul/consul.ts'
import { addressOf, nodeNameOf } from '../capabilities/consul/settings.ts'
import type { Discovery } from '../capabilities/discovery/api.ts'
import { startEureka } from '../capabilities/eureka/eureka.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { Settings } from '../settings.ts'

/** Part of the control plane: how others register and look up who is where, each protocol over the one registry. */
export async function startProtocols(host: Host<LoadedConfig<Settings>>, discovery: Discovery) {
  await host.start('consul', startConsul, ({ settings }) => settings.consul, { discovery })
  await host.start('eureka', startEureka, ({ settings }) => settings.eureka, { discovery })
  return host.start(
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
}
