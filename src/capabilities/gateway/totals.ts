import type { Totals } from '../../platform/snapshot/channel.ts'
import {
  type DataTotals,
  type EdgeTotals,
  type InstanceTotals,
  TOTALS_OTHER,
} from '../../contracts/snapshot.ts'

/** The newest totals of the data plane, by edge and by instance. The data plane bounds them: what is beyond counts on `TOTALS_OTHER`. */
export interface TotalsStore {
  add(message: Totals): void
  /** Called once a second, after the last `add` of that second. */
  onTotals(listener: (message: Totals) => void): void
  edges(): IterableIterator<EdgeTotals>
  instances(): IterableIterator<InstanceTotals>
  instance(service: string, id: string): InstanceTotals | undefined
  process(): DataTotals | undefined
  /** Forgets an instance that does not exist any more. */
  forget(service: string, id: string): void
}

/** `isKnown`: rows of instances that do not exist any more are not kept, whatever the data plane still says of them. */
export function createTotalsStore(isKnown: (service: string, id: string) => boolean): TotalsStore {
  const edges = new Map<string, EdgeTotals>()
  const instances = new Map<string, InstanceTotals>()
  const listeners: ((message: Totals) => void)[] = []
  let process: DataTotals | undefined
  return {
    add(message) {
      process = message.process
      if (message.reset) {
        edges.clear()
        instances.clear()
      }
      for (const row of message.edges) {
        edges.set(`${row.caller}\n${row.route}\n${row.service}`, row)
      }
      for (const row of message.instances) {
        if (row.service === TOTALS_OTHER || isKnown(row.service, row.id))
          instances.set(`${row.service} ${row.id}`, row)
      }
      if (message.more) return
      for (const listener of listeners) listener(message)
    },
    onTotals: (listener) => void listeners.push(listener),
    edges: () => edges.values(),
    instances: () => instances.values(),
    instance: (service, id) => instances.get(`${service} ${id}`),
    process: () => process,
    forget: (service, id) => void instances.delete(`${service} ${id}`),
  }
}
