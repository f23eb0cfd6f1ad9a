import type { RequestStore } from './request-store.ts'
import type { SeriesStore } from './series-store.ts'

/** The last hour of counts, and the newest finished requests. */
export interface Telemetry {
  readonly series: SeriesStore
  readonly requests: RequestStore
}
