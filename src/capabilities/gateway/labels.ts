import type { InstanceSpec } from '../../contracts/snapshot.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { Instance } from '../discovery/model.ts'
import type { GatewayConfig } from './api.ts'

/** What of an instance decides which requests it is for. */
export type InstanceLabels = Pick<InstanceSpec, 'level' | 'isBackup' | 'subset'>

/** As much of an instance as is looked at. */
export type LabelledInstance = Pick<Instance, 'service' | 'id' | 'host' | 'port' | 'meta' | 'tags'>

/** Levels that instances may say; each is two, those of our own zone and the others. */
const PRIORITY_MAX = 7

/**
 * Labels of an instance by its metadata (`priority`, `zone`, `backup`, and what the service's subset goes by) and by the file (`balance.backups`). Metadata that makes no sense is as none: it comes
 * from whoever registers.
 */
export function labelsOf(config: GatewayConfig, instance: LabelledInstance): InstanceLabels {
  const { settings, defaults } = config
  const { meta } = instance
  const { balance } = ownEntry(settings.services, instance.service) ?? defaults
  const { zone } = settings.gateway
  const said = meta['priority'] ?? ''
  const priority = /^\d$/.test(said) ? Math.min(PRIORITY_MAX, Number(said)) : 0
  const isElsewhere = zone !== undefined && (meta['zone'] ?? zone) !== zone
  const level = 2 * priority + Number(isElsewhere)
  const { subset, backups } = balance
  const value = subset === undefined ? '' : (ownEntry(meta, subset.label) ?? '')
  return {
    ...(level === 0 ? {} : { level }),
    ...(isBackup(instance, backups) ? { isBackup: true } : {}),
    ...(value === '' ? {} : { subset: value }),
  }
}

function isBackup({ id, host, port, meta }: LabelledInstance, backups: readonly string[]): boolean {
  if (meta['backup'] === 'true') return true
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return backups.includes(id) || backups.includes(address)
}
