import type { CollectedLine, FromCollector, ToCollector } from '../contracts/supervisor.ts'
import type { IpcPort } from './supervisor-link.ts'

/** Takes some lines that services have printed; settles when they are stored. */
export type TakeLines = (lines: readonly CollectedLine[], dropped: number) => Promise<void>

/** The collector's end of the IPC channel to the supervisor. `port` is `process` of a child with such a channel. */
export function openOutputLink(port: IpcPort): (take: TakeLines) => void {
  return (take) => {
    port.on('message', (message) => {
      const batch = message as ToCollector
      if (batch.type !== 'collect') return
      const acknowledge = (): void => {
        const taken: FromCollector = { type: 'collected' }
        port.send?.(taken)
      }
      // What could not be stored was counted: the next batch must come in any case.
      take(batch.lines, batch.dropped).then(acknowledge, acknowledge)
    })
  }
}
