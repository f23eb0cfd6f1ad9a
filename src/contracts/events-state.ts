/** What control tells the events process: all that the file says of events. */

export interface EventsState {
  /** The section `listen` of the file: `default`, and the listener `kurrentdb`. */
  readonly listen: {
    readonly default: 'auto' | 'off'
    readonly kurrentdb?: { readonly host: string; readonly port: number } | 'off' | undefined
  }
  /** Where any port will do: the one that the listener had before this process started; 0: none. */
  readonly portBefore: number
  /** Host names that the listener answers to. */
  readonly hosts: readonly string[]
  readonly token: string | undefined
  readonly limits: { readonly eventBytesMax: number; readonly appendBytesMax: number }
  /** Between two rounds of scavenging. */
  readonly scavengeMs: number
}
