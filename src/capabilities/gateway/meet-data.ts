import type { SnapshotChannel } from '../../platform/snapshot/channel.ts'
import type { SupervisorLink } from '../../platform/supervisor-link.ts'
import type { Settings } from '../../settings.ts'

/** Data says what it serves; a process that serves nobody yet and has another number of workers than the file wants is replaced. */
export async function meetData(
  channel: Pick<SnapshotChannel, 'hello'>,
  link: Pick<SupervisorLink, 'send'>,
  { gateway }: Settings,
): Promise<readonly { readonly service: string; readonly id: string }[]> {
  const { routed, workers, version } = await channel.hello
  const isOther = gateway.workers !== 0 && gateway.workers !== workers
  // What serves already keeps its threads: the setting needs a restart, and data starts before the file is read.
  if (version === 0 && isOther) link.send({ type: 'data-workers', workers: gateway.workers })
  return routed
}
