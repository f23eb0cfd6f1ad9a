import type { InstanceRecord } from './records.ts'
import type { Registration } from './registration.ts'

/** What was registered, of an instance that was. */
export function registrationOf(instance: InstanceRecord): Registration {
  const { service, id, host, port, tags, meta, taggedAddresses, document, priority } = instance
  return {
    spec: {
      service,
      id,
      host,
      port,
      node: instance.node,
      ...(instance.isIdDerived ? {} : { idOnNode: instance.idOnNode }),
      isHostOfNode: instance.isHostOfNode,
      weight: instance.weights,
      tags,
      meta,
      taggedAddresses,
      enableTagOverride: instance.enableTagOverride,
      priority,
      dirtyAtMs: instance.dirtyAtMs,
      ...(document === undefined ? {} : { document }),
    },
    checks: instance.checks.map(({ spec }) => spec),
    ttlMs: instance.lease?.ttlMs,
    source: instance.source,
    ...(instance.client === '' ? {} : { client: instance.client }),
    ...(instance.alsoAt === undefined ? {} : { alsoAt: instance.alsoAt }),
  }
}
