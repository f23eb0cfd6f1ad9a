import { weightOf } from './health.ts'
import type { InstanceRecord, ServiceRecord } from './records.ts'

/** How much of its service's traffic an instance gets now. True when that is another share. */
export function setWeight(service: ServiceRecord, instance: InstanceRecord): boolean {
  const isStandby = service.hasPriorities && instance.priority > service.activePriority
  const weight = isStandby ? 0 : weightOf(instance, instance.health)
  if (weight === instance.weight) return false
  service.routableCount += Number(weight > 0) - Number(instance.isRoutable)
  instance.weight = weight
  return true
}

/** Where another source's instances take over, or step back, all of them change. */
export function choosePriority(
  service: ServiceRecord,
  onChanged: (instance: InstanceRecord) => void,
): void {
  if (!service.hasPriorities) return
  let best = Infinity
  for (const one of service.instances.values()) {
    if (one.priority < best && weightOf(one, one.health) > 0) best = one.priority
  }
  if (best === service.activePriority) return
  service.activePriority = best
  for (const one of service.instances.values()) {
    if (setWeight(service, one)) onChanged(one)
  }
}
