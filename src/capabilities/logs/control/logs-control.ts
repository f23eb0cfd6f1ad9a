import type { LogsState } from '../../../contracts/logs-state.ts'
import type { StateReport } from '../../../contracts/state.ts'
import { SEVERITY } from '../../../mechanisms/log-query/severity.ts'
import type { Part, Problem, Scope } from '../../../platform/capability.ts'
import { parseHostPort, type HostPort } from '../../../platform/config/addresses.ts'
import type { ListenerBoard } from '../../../platform/listeners/board.ts'
import { openStateSender } from '../../../platform/state/sender.ts'
import type { LogsSettings, TracesSettings } from '../settings.ts'

/** How long a start waits for telemetry to open its listeners. */
const OPEN_WAIT_MS = 3_000

/** What the file says of logs and traces. */
export interface LogsControlConfig {
  readonly logs: LogsSettings
  readonly traces: TracesSettings
  readonly listen: LogsState['listen']
}

/** What it stands on. */
export interface LogsControlNeeds {
  /** Unix socket on which telemetry listens. */
  readonly socketPath: string
  readonly listeners: Pick<ListenerBoard, 'reportOfOther'>
}

/** What others may ask of it. */
export interface LogsControl {
  /** Resolves when telemetry has opened its listeners or said why not; after a while in any case. */
  readonly opened: Promise<void>
  /** What services find in their environment, so that OpenTelemetry's SDKs send here. */
  variables(): Readonly<Record<string, string>>
}

/** Tells telemetry how logs and traces are taken and kept, and hears where it listens and what is wrong. */
export function startLogsControl(
  config: LogsControlConfig,
  { socketPath, listeners }: LogsControlNeeds,
  scope: Scope,
): Part<LogsControlConfig, LogsControl> {
  let current = config
  let otlp: HostPort | undefined
  const portsBefore = new Map<string, number>()
  const sender = openStateSender<LogsState>({ socketPath, clock: scope.clock, log: scope.log })
  const opened = Promise.withResolvers<void>()

  const publish = (): void =>
    sender.publish({ ...stateOf(current), portsBefore: Object.fromEntries(portsBefore) })

  const hear = ({ listeners: reports, version }: StateReport): void => {
    let hasMoved = false
    for (const { name, address, error } of reports) {
      const at = parseHostPort(address)
      if (at === undefined) continue
      listeners.reportOfOther(name, at, error)
      if (name === 'otlp-http') otlp = error === '' ? at : undefined
      if (error === '' && portsBefore.get(name) !== at.port) {
        portsBefore.set(name, at.port)
        hasMoved = true
      }
    }
    if (hasMoved) publish()
    if (version > 0) opened.resolve()
  }

  sender.onReport(hear)
  scope.onStop(() => sender.close())
  scope.clock.after(OPEN_WAIT_MS, opened.resolve)
  publish()
  return {
    api: {
      opened: opened.promise,
      variables: () =>
        current.logs.environment && otlp !== undefined ? variablesOf(otlp, current.logs) : {},
    },
    prepare: (next) => ({
      commit() {
        current = next
        publish()
      },
    }),
    problems: () => (sender.report()?.problems ?? []) as readonly Problem[],
  }
}

/** opentelemetry.io/docs/specs/otel/protocol/exporter. */
function variablesOf(
  { host, port }: HostPort,
  { token }: LogsSettings,
): Readonly<Record<string, string>> {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${name.includes(':') ? `[${name}]` : name}:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    ...(typeof token === 'string'
      ? { OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${encodeURIComponent(token)}` }
      : {}),
  }
}

function stateOf({ logs, traces, listen }: LogsControlConfig): Omit<LogsState, 'portsBefore'> {
  return {
    listen,
    hosts: logs.hosts,
    token: typeof logs.token === 'string' ? logs.token : undefined,
    retention: {
      logsMs: logs.retention.time,
      spansMs: traces.retention,
      bytesMax: logs.retention.size,
      rules: logs.retention.rules.map(({ service = '', below, time }) => ({
        service,
        belowSeverity: below === undefined ? 0 : SEVERITY[below],
        timeMs: time,
      })),
    },
    redact: logs.redact,
    memory: { waitingMax: logs.memory.waiting, queryBytesMax: logs.memory.query },
    query: { timeoutMs: logs.query.timeout },
    gateway: { spansPerSecond: traces.gateway },
  }
}
