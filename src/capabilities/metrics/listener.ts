import type { ListenerRow } from '../../platform/listeners/table.ts'

/** The listener of Prometheus' API: telemetry opens it, control tells of it. */
export const listenerRow = {
  protocol: 'http',
  port: 9090,
  about: 'Prometheus HTTP API and remote write',
  access: { token: ['metrics', 'token'] },
  power: 'whoever reaches it may read and write all metrics',
} as const satisfies ListenerRow
