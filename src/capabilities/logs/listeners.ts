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
  elasticsearch: {
    protocol: 'http',
    port: 9200,
    about: 'Elasticsearch: _bulk and documents, as shippers send them',
    access,
    power,
  },
  loki: { protocol: 'http', port: 3100, about: 'Loki push', access, power },
  splunk: {
    protocol: 'http',
    port: 8088,
    about: 'Splunk HTTP Event Collector',
    access,
    power,
  },
  zipkin: { protocol: 'http', port: 9411, about: 'Zipkin spans, version 2', access, power },
  syslog: {
    protocol: 'udp+tcp',
    port: 5514,
    about: 'syslog (RFC 5424, RFC 3164)',
    access: 'addresses',
  },
} as const satisfies ListenerTable
