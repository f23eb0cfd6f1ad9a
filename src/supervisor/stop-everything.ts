import type { Clock } from '../platform/capability.ts'
import { endLeftOvers } from './left-overs.ts'
import type { OperatorLines } from './operator-lines.ts'
import type { ControlChannel } from './own/control-channel.ts'
import type { OwnProcesses } from './own/own-processes.ts'
import type { ProcessRecords } from './process-records.ts'
import type { ProcessTable } from './services/process-table.ts'

/** Requests in flight may take this long when everything stops. */
export const DRAIN_GRACE_MS = 10_000

/** All the parts of a running system. */
export interface Supervision {
  readonly lines: OperatorLines
  readonly table: ProcessTable
  readonly own: OwnProcesses
  readonly channel: ControlChannel
  readonly records: ProcessRecords
  readonly mark: string
  readonly clock: Clock
}

/** The ordered stop: drained, then the users' processes in waves, then ours in their order; works without any of ours. */
export async function stopEverything(parts: Supervision): Promise<void> {
  const { lines, table, own, channel, mark, clock } = parts
  channel.send({ type: 'stopping' })
  own.abandon()
  lines.progress('stopping…', { event: 'stopping' })
  await own.drain(DRAIN_GRACE_MS)
  await table.stopAll((ids) => {
    lines.progress(`stopping ${describeWave(ids)}…`, { event: 'stopping-processes', ids })
  })
  await own.stop()
  // What has left its group (a daemon) still has the mark.
  await endLeftOvers([], mark, clock)
  lines.progress('stopped', { event: 'stopped' })
}

/** `orders (2), payments`: ids are a service and a slot. */
function describeWave(ids: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const id of ids) {
    const service = id.replace(/-[0-9]+$/, '')
    counts.set(service, (counts.get(service) ?? 0) + 1)
  }
  return [...counts]
    .map(([service, count]) => (count === 1 ? service : `${service} (${count})`))
    .join(', ')
}
