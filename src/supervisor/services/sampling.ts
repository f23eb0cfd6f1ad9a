import type { Clock } from '../../platform/capability.ts'
import type { ControlChannel } from '../own/control-channel.ts'
import type { ProcessTable } from './process-table.ts'

/** Between two looks at the resources of the processes. */
export const SAMPLE_INTERVAL_MS = 2_000
/** A look at a /proc of very many processes takes long; then there are fewer, so that they never cost more than 2 % of a core. */
const SAMPLE_COST_FACTOR = 50

/** Samples while a control plane listens; returns the end of it. */
export function startSampling(
  table: ProcessTable,
  channel: ControlChannel,
  clock: Clock,
): () => void {
  let cancel = (): void => {}

  function plan(delayMs: number): void {
    cancel = clock.after(delayMs, sample)
  }

  function sample(): void {
    const startedAtMs = clock.monotonicMs()
    if (channel.isConnected) for (const id of table.sample()) channel.processChanged(id)
    const tookMs = clock.monotonicMs() - startedAtMs
    plan(Math.max(SAMPLE_INTERVAL_MS, tookMs * SAMPLE_COST_FACTOR))
  }

  plan(SAMPLE_INTERVAL_MS)
  return () => cancel()
}
