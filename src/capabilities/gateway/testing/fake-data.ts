import type { ListenerStatus, SnapshotOp } from '../../../contracts/snapshot.ts'
import type { SnapshotChannel, Totals } from '../../../platform/snapshot/channel.ts'
import { createSnapshotModel } from '../../../platform/snapshot/model.ts'

/** A data plane that applies everything at once; the ports in `taken` cannot be opened. */
export function createFakeData(taken: Set<number>) {
  const model = createSnapshotModel()
  const totals: ((message: Totals) => void)[] = []
  const drained: Parameters<SnapshotChannel['onDrained']>[0][] = []
  const removals = new Map<string, number>()
  const channel: SnapshotChannel = {
    hello: new Promise(() => {}),
    isConnected: true,
    begin() {},
    close() {},
    async publish(ops) {
      for (const op of ops) {
        model.apply(op)
        if (op.op === 'instance-gone') removals.set(`${op.service} ${op.id}`, op.removal ?? 0)
      }
      return statuses()
    },
    ask: (question) => Promise.resolve(question.type === 'why' ? null : 'nonsense'),
    onTotals: (listener) => void totals.push(listener),
    onResilience() {},
    onKeyWanted() {},
    onQuotas() {},
    onGreeted() {},
    onDrained: (listener) => void drained.push(listener),
  }
  function statuses(): ListenerStatus[] {
    const gateway = model.takeAll().find((op) => op.op === 'gateway')
    return (gateway?.gateway.listeners ?? []).map(({ id, host, port }) => ({
      id,
      host,
      port,
      error: taken.has(port) ? 'EADDRINUSE' : '',
    }))
  }
  return {
    channel,
    all: (): readonly SnapshotOp[] => model.takeAll(),
    /** `service limit` and `service/instance` of what data knows. */
    names: () =>
      model
        .takeAll()
        .flatMap((op) =>
          op.op === 'service'
            ? [`${op.service.name} ${op.service.pendingMax}`]
            : op.op === 'instance'
              ? [`${op.instance.service}/${op.instance.id}`]
              : [],
        )
        .toSorted(),
    saysTotals: (message: Totals) => totals.forEach((listener) => listener(message)),
    /** The newest removal of the instance, 0 for none. */
    removalOf: (service: string, id: string) => removals.get(`${service} ${id}`) ?? 0,
    saysDrained: (service: string, id: string, removal = removals.get(`${service} ${id}`) ?? 0) =>
      drained.forEach((listener) => listener(service, id, removal)),
  }
}
