import { type CertificateOp, certificateKey } from '../../contracts/certificates.ts'
import type {
  GatewaySpec,
  InstanceSpec,
  ServiceSpec,
  SnapshotOp,
} from '../../contracts/snapshot.ts'

/**
 * The whole of what data should know, and what it has not been told yet.
 * Changes of the same thing between two updates are folded into one, so that what waits is never more than the state itself.
 */
export interface SnapshotModel {
  apply(op: SnapshotOp): void
  /** Everything, as the ops of a `reset`; forgets what was pending. */
  takeAll(): readonly SnapshotOp[]
  /** The folded changes since the last take. */
  takeChanges(): readonly SnapshotOp[]
  readonly hasChanges: boolean
  hasInstance(service: string, id: string): boolean
  /** The removal is over: from now on `takeAll` does not repeat it. */
  drained(service: string, id: string, removal: number): void
}

export function createSnapshotModel(): SnapshotModel {
  let gateway: GatewaySpec | undefined
  const services = new Map<string, ServiceSpec>()
  /** By service, then by id; also of services that are not there (yet), which data does not route. */
  const instances = new Map<string, Map<string, InstanceSpec>>()
  /** Numbered removals that data has not called drained: repeated with everything, so that each is answered whoever was away. */
  const leaving = new Map<string, SnapshotOp & { readonly op: 'instance-gone' }>()
  /** Certificates, challenges and trust by kind and id. */
  const secrets = new Map<string, CertificateOp>()
  const changes = createChanges()

  function applyCertificate(op: CertificateOp): void {
    const key = certificateKey(op)
    if (op.op.endsWith('-gone')) secrets.delete(key)
    else secrets.set(key, op)
    changes.certificates.set(key, op)
  }

  function applyService(service: ServiceSpec): void {
    const isNew = !services.has(service.name)
    services.set(service.name, service)
    changes.services.set(service.name, { op: 'service', service })
    if (!isNew) return
    // Data could not take them while it did not know their service.
    for (const instance of instances.get(service.name)?.values() ?? []) {
      changes.instances.set(keyOf(service.name, instance.id), { op: 'instance', instance })
    }
  }

  /** Data drops the instances of a service with it. */
  function dropService(name: string): void {
    services.delete(name)
    changes.services.delete(name)
    for (const id of instances.get(name)?.keys() ?? []) changes.instances.delete(keyOf(name, id))
    instances.delete(name)
    changes.gone.set(name, { op: 'service-gone', service: name })
  }

  return {
    apply(op) {
      switch (op.op) {
        case 'gateway':
          gateway = op.gateway
          changes.gateway = op
          return
        case 'service':
          return applyService(op.service)
        case 'service-gone':
          return dropService(op.service)
        case 'instance': {
          const { service, id } = op.instance
          const ofService = instances.get(service) ?? new Map<string, InstanceSpec>()
          instances.set(service, ofService.set(id, op.instance))
          leaving.delete(keyOf(service, id))
          changes.instances.set(keyOf(service, id), op)
          return
        }
        case 'instance-gone': {
          const ofService = instances.get(op.service)
          ofService?.delete(op.id)
          if (ofService?.size === 0) instances.delete(op.service)
          const key = keyOf(op.service, op.id)
          changes.instances.set(key, op)
          if (op.removal === undefined) leaving.delete(key)
          else leaving.set(key, op)
          return
        }
        case 'certificate':
        case 'certificate-gone':
        case 'challenge':
        case 'challenge-gone':
        case 'trust':
        case 'trust-gone':
        case 'client-authority':
        case 'client-authority-gone':
          return applyCertificate(op)
        default:
          return op satisfies never
      }
    },
    takeAll() {
      changes.take()
      return [
        ...services.values().map((service): SnapshotOp => ({ op: 'service', service })),
        ...instances
          .values()
          .flatMap((ofService) => ofService.values())
          .map((instance): SnapshotOp => ({ op: 'instance', instance })),
        ...leaving.values(),
        ...secrets.values(),
        ...(gateway === undefined ? [] : [{ op: 'gateway', gateway } satisfies SnapshotOp]),
      ]
    },
    takeChanges: () => changes.take(),
    get hasChanges() {
      return changes.hasAny()
    },
    hasInstance: (service, id) => instances.get(service)?.has(id) ?? false,
    drained(service, id, removal) {
      const key = keyOf(service, id)
      if (leaving.get(key)?.removal === removal) leaving.delete(key)
    },
  }
}

function keyOf(service: string, id: string): string {
  return `${service} ${id}`
}

/** What waits, one op a thing. */
interface Changes {
  /** Services that went, also those that came back: their old instances are not there any more. */
  readonly gone: Map<string, SnapshotOp>
  readonly services: Map<string, SnapshotOp>
  readonly instances: Map<string, SnapshotOp>
  /** Before the listeners that show them. */
  readonly certificates: Map<string, SnapshotOp>
  gateway: SnapshotOp | undefined
  hasAny(): boolean
  /**
   * In the order that data needs, whatever the order of the last changes was: it does not take an instance of a service that
   * it does not know.
   */
  take(): readonly SnapshotOp[]
}

function createChanges(): Changes {
  const changes: Changes = {
    gone: new Map(),
    services: new Map(),
    instances: new Map(),
    certificates: new Map(),
    gateway: undefined,
    hasAny: () =>
      changes.gone.size + changes.services.size + changes.instances.size > 0 ||
      changes.certificates.size > 0 ||
      changes.gateway !== undefined,
    take() {
      const { gone, services, instances, certificates, gateway } = changes
      const ops = [
        ...gone.values(),
        ...services.values(),
        ...instances.values(),
        ...certificates.values(),
        ...(gateway === undefined ? [] : [gateway]),
      ]
      for (const kind of [gone, services, instances, certificates]) kind.clear()
      changes.gateway = undefined
      return ops
    },
  }
  return changes
}
