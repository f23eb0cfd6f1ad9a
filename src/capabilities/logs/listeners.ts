import type { ListenerTable } from '../../platform/listeners/table.ts'

const access = { token: ['logs', 'token'] } as const
const power = 'whoever reaches it may write logs and traces'

/** The listeners of logs and traces: telemetry opens them, control tells of them. */
export const logListeners = {
  'otlp-http': {
    protocol: 'http',
    port: 4318,
    about: 'OpenTelemetry over HTTP: logs, traces, metrics',
    access,
    power,
  },
  'otlp-grpc': {
    protocol: 'tcp',
    port: 4317,
    about: 'OpenTelemetry over gRPC: logs, traces, metrics',
    access,
    power,
  },
} as const satisfies ListenerTable
