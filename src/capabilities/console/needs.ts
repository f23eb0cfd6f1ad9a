import type { OutputLine } from '../../contracts/supervisor.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { SourceOf } from '../gateway/specify.ts'
import type { Processes } from '../processes/processes.ts'
import type { Settings } from '../../settings.ts'
import type { InstanceView } from '../../contracts/feed.ts'

/** One instance as discovery sees it. */
export type DiscoveredInstance = Pick<
  InstanceView,
  'id' | 'address' | 'source' | 'isRoutable' | 'health' | 'checks'
>

/** What the console shows and moves. */
export interface ConsoleNeeds {
  readonly gateway: Pick<Gateway, 'listeners' | 'totals' | 'why' | 'recent'>
  readonly processes: Processes
  readonly discovery: {
    services(): readonly string[]
    instances(service: string): readonly DiscoveredInstance[]
    onChange(listener: (services: ReadonlySet<string>) => void): void
  }
  readonly output: {
    follow(
      processes: readonly string[],
      tail: number,
      onLines: (lines: readonly OutputLine[], dropped: number) => void | Promise<void>,
    ): () => void
  }
  /** The configuration as it is in force. */
  readonly configuration: () => Configuration
  /** Control and data: are they there? */
  readonly isDataConnected: () => boolean
}

export interface Configuration {
  readonly settings: Settings
  readonly file: string
  readonly overlay: string
  readonly sourceOf: SourceOf
  /** Plain data, secrets masked. */
  effective(): unknown
  /** The last change of the file that could not be applied, or ''. */
  readonly reloadError: string
}
