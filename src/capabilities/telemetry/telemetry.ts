import type { Part, Scope } from '../../platform/capability.ts'
import type { Telemetry } from './api.ts'
import { openReceiver } from './receiver.ts'
import { RequestStore } from '../../platform/records/request-store.ts'
import { registerTelemetryRoutes } from './routes.ts'
import { SeriesStore } from './series-store.ts'

export interface TelemetryConfig {
  /** Unix socket for what data tells. */
  readonly recordsSocket: string
}

/** Who is told besides. */
export interface TelemetryNeeds {
  /** Each batch of records as it came, not to be changed. */
  readonly records?: (worker: number, batch: Buffer) => void
}

/**
 * Keeps what data tells, in memory and bounded: its death costs that memory and nothing else. One batch that cannot be read costs that batch.
 */
export async function startTelemetry(
  config: TelemetryConfig,
  { records }: TelemetryNeeds,
  scope: Pick<Scope, 'clock' | 'log' | 'onStop'>,
): Promise<Part<TelemetryConfig, Telemetry>> {
  const series = new SeriesStore()
  const requests = new RequestStore()
  const receiver = await openReceiver({
    socketPath: config.recordsSocket,
    log: scope.log,
    records(worker, batch) {
      requests.add(worker, batch)
      records?.(worker, batch)
    },
    changes: (message) => series.add(message),
  })
  scope.onStop(() => receiver.close())
  const api = { series, requests }
  return { api, routes: [(app) => registerTelemetryRoutes(app, api, scope)] }
}
