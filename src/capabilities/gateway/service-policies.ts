import type { SnapshotOp } from '../../contracts/snapshot.ts'
import type { GatewayConfig } from './api.ts'
import { specifyService } from './specify.ts'

/** All services of the file with their policies. */
export function declaredOps({ settings, sourceOf }: GatewayConfig): readonly SnapshotOp[] {
  return Object.entries(settings.services).map(([name, service]) => ({
    op: 'service',
    service: specifyService(name, service, sourceOf),
  }))
}

/** A service that exists only by registration gets the default policies. */
export function registeredOp({ defaults }: GatewayConfig, name: string): SnapshotOp {
  const source = () => 'registered through the admin API'
  return { op: 'service', service: specifyService(name, defaults, source) }
}

/** From one configuration to the next. What the file names no more stays as long as somebody has registered an instance of it. */
export function replacingOps(
  before: GatewayConfig,
  after: GatewayConfig,
  isKnown: (service: string) => boolean,
): readonly SnapshotOp[] {
  const gone = Object.keys(before.settings.services).filter(
    (name) => !Object.hasOwn(after.settings.services, name),
  )
  return [
    ...gone.map((name): SnapshotOp =>
      isKnown(name) ? registeredOp(after, name) : { op: 'service-gone', service: name },
    ),
    ...declaredOps(after),
  ]
}
