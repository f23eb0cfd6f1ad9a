import type { Origin } from './model.ts'
import type { InstanceRecord } from './records.ts'

/** Who gives way to whom, where two say that they have an instance of the same name. */
const ranks = { followed: 0, registered: 1, at: 2, run: 2 } as const

/** What the file says stands above what was registered, and that above what is copied from elsewhere; of one rank only the same source may. */
export function mayReplace(
  before: { readonly origin: Origin; readonly source: string },
  { origin, source = origin }: { readonly origin: Origin; readonly source?: string | undefined },
): boolean {
  if (ranks[origin] !== ranks[before.origin]) return ranks[origin] > ranks[before.origin]
  return origin === before.origin && source === before.source
}

/** One that is not started by us says itself where it is: at the same place it is the same. A supervised process is always new. */
export function isSameProcess(before: InstanceRecord, instance: InstanceRecord): boolean {
  return instance.origin !== 'run' && before.host === instance.host && before.port === instance.port
}

/** Where the id on the node is somebody's already, the one that was made up is changed. `before`: the record whose place it takes. */
export function takeIdOnNode(instance: InstanceRecord, before: InstanceRecord | undefined): void {
  const { instances } = instance.nodeRecord
  const there = instances.get(instance.idOnNode)
  if (there !== undefined && there !== before) {
    if (instance.isIdDerived) instance.idOnNode = freeIdOf(instance)
    else {
      there.idOnNode = freeIdOf(there)
      instances.set(there.idOnNode, there)
    }
  }
  // Before the old record leaves: a node without instances is forgotten.
  if (before?.nodeRecord === instance.nodeRecord) instances.delete(before.idOnNode)
  instances.set(instance.idOnNode, instance)
}

/** An id on the node that nobody has. */
function freeIdOf({ service, id, nodeRecord: { instances } }: InstanceRecord): string {
  let free = `${service}/${id}`
  for (let count = 2; instances.has(free); count++) free = `${service}/${id}/${count}`
  return free
}
