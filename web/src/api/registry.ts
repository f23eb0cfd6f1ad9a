import type { RegistryView } from '../../../src/contracts/registry.ts'
import { send } from './actions.ts'

/** Sources, leases and watchers of a service. Throws `ActionError`. */
export async function loadRegistry(service: string): Promise<RegistryView> {
  const url = `/api/v1/services/${encodeURIComponent(service)}/registry`
  return (await send('GET', url)) as RegistryView
}
