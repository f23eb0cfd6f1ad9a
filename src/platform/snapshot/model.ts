import type { GatewaySpec, InstanceSpec, ServiceSpec, SnapshotOp } from './messages.ts'

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
}

export function createSnapshotModel(): SnapshotModel {
  let gateway: GatewaySpec | undefined
  const services = new Map<string, ServiceSpec>()
  const instances = new Map<string, InstanceSpec>()
  const changes = new Map<string, SnapshotOp>()

  function keyOf(op: SnapshotOp): string {
    switch (op.op) {
      case 'gateway':
        gateway = op.gateway
        return 'gateway'
      case 'service':
        services.set(op.service.name, op.service)
        return `service ${op.service.name}`
      case 'service-gone':
        services.delete(op.service)
        return `service ${op.service}`
      case 'instance': {
        const key = `instance ${op.instance.service} ${op.instance.id}`
        instances.set(key, op.instance)
        return key
      }
      case 'instance-gone': {
        const key = `instance ${op.service} ${op.id}`
        instances.delete(key)
        return key
      }
    }
  }

  return {
    apply(op) {
      const key = keyOf(op)
      // Re-inserted, so that the order of the ops is the order of the last changes.
      changes.delete(key)
      changes.set(key, op)
    },
    takeAll() {
      changes.clear()
      return [
        ...services.values().map((service): SnapshotOp => ({ op: 'service', service })),
        ...instances.values().map((instance): SnapshotOp => ({ op: 'instance', instance })),
        ...(gateway === undefined ? [] : [{ op: 'gateway', gateway } satisfies SnapshotOp]),
      ]
    },
    takeChanges() {
      const ops = [...changes.values()]
      changes.clear()
      return ops
    },
    get hasChanges() {
      return changes.size > 0
    },
  }
}
