import type { Part, Scope } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { Telemetry } from './api.ts'
import { openReceiver } from './receiver.ts'
import { RequestStore } from './request-store.ts'
import { registerTelemetryRoutes } from './routes.ts'
import { SeriesStore } from './series-store.ts'

export interface TelemetryConfig {
  /** Unix socket for what data tells. */
  readonly recordsSocket: string
}

/**
 * Keeps what data tells, in memory and bounded: its death costs that memory and nothing else. One batch that cannot be read costs that batch.
 */
export async function startTelemetry(
  config: TelemetryConfig,
  _needs: object,
  scope: Pick<Scope, 'clock' | 'log' | 'onStop'>,
): Promise<Part<TelemetryConfig, Telemetry>> {
  const series = new SeriesStore()
  const requests = new RequestStore()
  let batchCount = 0
  const receiver = await openReceiver({
    socketPath: config.recordsSocket,
    log: scope.log,
    records(worker, batch) {
      batchCount++
      requests.add(worker, batch)
    },
    changes: (message) => series.add(message),
  })
  scope.onStop(() => receiver.close())
  const api = { series, requests }
  return {
    api,
    routes: [(app) => registerTelemetryRoutes(app, api, scope)],
    metrics: () => families(api, batchCount),
  }
}

function families({ series, requests }: Telemetry, batchCount: number): readonly MetricFamily[] {
  const gauge = (name: string, help: string, value: number): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    samples: [{ labels: {}, value }],
  })
  return [
    gauge('backplane_telemetry_series', 'Edges and instances that are known.', series.seriesCount),
    gauge('backplane_telemetry_series_bytes', 'Memory of their points.', series.bytes),
    gauge('backplane_telemetry_requests_bytes', 'Memory of the newest requests.', requests.bytes),
    {
      name: 'backplane_telemetry_batches_total',
      help: 'Batches of finished requests that were received.',
      type: 'counter',
      samples: [{ labels: {}, value: batchCount }],
    },
  ]
}
