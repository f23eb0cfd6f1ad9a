import type { Configuration } from '../../platform/config/current.ts'
import type { Elsewhere } from '../../platform/http/elsewhere.ts'
import type { House } from '../../platform/host.ts'
import type { ListenerBoard } from '../../platform/listeners/board.ts'
import type { Tick } from '../../contracts/feed.ts'
import type { Clock } from '../../platform/capability.ts'
import type { Settings } from '../../settings.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Gateway } from '../gateway/api.ts'
import type { Processes } from '../processes/api.ts'

/** What the console shows and serves. */
export interface ConsoleNeeds {
  /** Routes, metrics and problems of everyone who started before. */
  readonly house: House
  readonly listeners: Pick<ListenerBoard, 'views'>
  readonly gateway: Pick<Gateway, 'totals'>
  readonly processes: Pick<
    Processes,
    | 'services'
    | 'service'
    | 'instances'
    | 'problemOf'
    | 'override'
    | 'targetByFile'
    | 'scaleMax'
    | 'onChange'
  >
  readonly discovery: Pick<Discovery, 'services' | 'instances' | 'problemOf' | 'subscribe'>
  /** The configuration as it is in force. */
  readonly configuration: () => Configuration<Settings>
  /** Control and data: are they there? */
  readonly isDataConnected: () => boolean
  /** What was told in the last ten minutes, as far as telemetry remembers. */
  readonly pastTicks: (clock: Clock) => Promise<readonly Tick[]>
  /** Routes below `/api/v1` that other processes of ours serve. */
  readonly elsewhere: readonly Elsewhere[]
}
