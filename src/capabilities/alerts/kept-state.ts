import { rename } from 'node:fs/promises'
import type { Log } from '../../platform/capability.ts'
import type { KeptDeliveries } from './deliver/deliveries.ts'
import type { KeptGroup } from './dispatch/dispatcher.ts'
import type { Silence } from './dispatch/silences.ts'
import { StateFile } from './state-file.ts'

/** What of alerts survives a restart. */
export interface KeptState {
  readonly version: 1
  readonly silences: readonly Silence[]
  readonly groups: readonly KeptGroup[]
  readonly deliveries: KeptDeliveries
}

const NOTHING: KeptState = {
  version: 1,
  silences: [],
  groups: [],
  deliveries: { waiting: [], lines: [] },
}

/** Reads it. A file that cannot be read is put aside and told: alerts go on without it. */
export async function readKeptState(path: string, log: Log): Promise<KeptState> {
  try {
    const read = (await StateFile.read(path)) as KeptState | undefined
    if (read === undefined) return NOTHING
    if (read.version === 1) return read
    throw new Error(`version ${String(read.version)} is not known`)
  } catch (error) {
    log('error', 'the state of alerts cannot be read; it is put aside', { path, error })
    await rename(path, `${path}.bad`).catch(() => {})
    return NOTHING
  }
}
