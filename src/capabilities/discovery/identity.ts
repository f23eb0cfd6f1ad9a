import type { Origin } from './model.ts'
import type { InstanceRecord } from './records.ts'

/** Who gives way to whom, where two say that they have an instance of the same name. */
const ranks = { followed: 0, registered: 1, at: 2, run: 2 } as const

/** What the file says stands above what was registered, and that above what is copied from elsewhere; of one rank only the same source may. */
export function mayReplace(
  before: { readonly origin: Origin; readonly source: string },
  { origin, source = origin }: { readonly origin: Origin; readonly source?: string },
): boolean {
  if (ranks[origin] !== ranks[before.origin]) return ranks[origin] > ranks[before.origin]
  return origin === before.origin && source === before.source
}

/** An id on the node that nobody has. */
export function freeIdOf({ service, id, nodeRecord: { instances } }: InstanceRecord): string {
  let free = `${service}/${id}`
  for (let count = 2; instances.has(free); count++) free = `${service}/${id}/${count}`
  return free
}
