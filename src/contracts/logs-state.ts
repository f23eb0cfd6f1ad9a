/** What control tells telemetry of logs and traces: where it listens, how long what is kept, what is taken out. */
export interface LogsState {
  /** The section `listen` of the file, with the listeners of logs. */
  readonly listen: {
    readonly default: 'auto' | 'off'
    readonly from?: Readonly<Record<string, readonly string[] | undefined>> | undefined
    readonly [name: string]: unknown
  }
  /** Where any port will do: those that the listeners had before this process started. */
  readonly portsBefore: Readonly<Record<string, number>>
  readonly hosts: readonly string[]
  readonly token: string | undefined
  readonly retention: {
    readonly logsMs: number
    readonly spansMs: number
    /** 0: no limit. */
    readonly bytesMax: number
    readonly rules: readonly {
      /** '': all services. */
      readonly service: string
      /** Only records below this severity; 0: all. */
      readonly belowSeverity: number
      readonly timeMs: number
    }[]
  }
  readonly redact: {
    readonly secrets: boolean
    readonly rules: readonly { readonly pattern: string; readonly by: string }[]
  }
  readonly memory: {
    /** Characters that may wait for the disk. */
    readonly waitingMax: number
    readonly queryBytesMax: number
  }
  readonly query: { readonly timeoutMs: number }
  readonly gateway: {
    /** Finished requests a second that are kept as spans, beside those that failed; 0: none. */
    readonly spansPerSecond: number
  }
}
