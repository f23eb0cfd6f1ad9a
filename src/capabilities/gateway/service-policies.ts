import type { BreakerOrder } from '../../contracts/resilience.ts'
import type { ServiceSpec, SnapshotOp } from '../../contracts/snapshot.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { GatewayConfig } from './api.ts'
import { specifyService } from './specify.ts'

/** What operators have ordered of breakers, by service. */
export type Orders = ReadonlyMap<string, BreakerOrder>

/** All services of the file with their policies. */
export function declaredOps(
  { settings, sourceOf }: GatewayConfig,
  orders: Orders,
): readonly SnapshotOp[] {
  return Object.entries(settings.services).map(([name, service]) => ({
    op: 'service',
    service: specifyService(name, service, sourceOf, orders.get(name)),
  }))
}

/** A service that exists only by registration gets the default policies. */
export function registeredOp(
  { defaults }: GatewayConfig,
  name: string,
  orders: Orders,
): Extract<SnapshotOp, { op: 'service' }> {
  const source = () => 'registered through the admin API'
  return { op: 'service', service: specifyService(name, defaults, source, orders.get(name)) }
}

/** From one configuration to the next. What the file names no more stays as long as somebody has registered an instance of it. */
export function replacingOps(
  before: GatewayConfig,
  after: GatewayConfig,
  isKnown: (service: string) => boolean,
  orders: Orders,
): readonly SnapshotOp[] {
  const gone = Object.keys(before.settings.services).filter(
    (name) => !Object.hasOwn(after.settings.services, name),
  )
  return [
    ...gone.map((name): SnapshotOp =>
      isKnown(name) ? registeredOp(after, name, orders) : { op: 'service-gone', service: name },
    ),
    ...declaredOps(after, orders),
  ]
}

/** What holds for a service of this name; undefined where the file does not name it and `isKnown` says that nobody has registered it. */
export function specOf(
  config: GatewayConfig,
  name: string,
  isKnown: boolean,
  orders: Orders,
): ServiceSpec | undefined {
  const declared = ownEntry(config.settings.services, name)
  if (declared !== undefined) {
    return specifyService(name, declared, config.sourceOf, orders.get(name))
  }
  return isKnown ? registeredOp(config, name, orders).service : undefined
}
