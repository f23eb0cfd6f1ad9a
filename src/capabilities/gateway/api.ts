import type { ListenerView } from '../../contracts/feed.ts'
import type { ListenerSpec, ListenerStatus, RequestRecord } from '../../contracts/snapshot.ts'
import type { ServiceSettings, Settings } from '../../settings.ts'
import type { SourceOf } from './specify.ts'
import type { TotalsStore } from './totals.ts'

export interface GatewayConfig {
  readonly settings: Settings
  /** Policies of a service that exists only by registration: the defaults of the schema. */
  readonly defaults: ServiceSettings
  readonly sourceOf: SourceOf
  /** That of the configuration file: files of the settings are relative to it. */
  readonly folder: string
}

export interface ListenerState {
  readonly spec: ListenerSpec
  readonly status: ListenerStatus
}

/** What control says to the data plane, and what it hears back. */
export interface Gateway {
  /** What is routed by name is complete: from now on the data plane follows this control plane. Resolves when the listeners are open. */
  begin(): Promise<void>
  isRouted(service: string, id: string): boolean
  /**
   * Resolves with true when nothing is in flight to an instance that is out of rotation, however long ago it left, with false after
   * `timeoutMs`. Of one that is in rotation still: after its removal.
   */
  drained(service: string, id: string, timeoutMs: number): Promise<boolean>
  listeners(): readonly ListenerState[]
  /** The same, as people are told. */
  views(): readonly ListenerView[]
  /** `PAYMENTS_URL`, `services__payments__http__0` and so on for one caller. */
  outboundUrls(caller: string): Readonly<Record<string, string>>
  why(requestId: string): Promise<RequestRecord | undefined>
  recent(limit: number, onlyFailed: boolean): Promise<readonly RequestRecord[]>
  readonly totals: TotalsStore
}
