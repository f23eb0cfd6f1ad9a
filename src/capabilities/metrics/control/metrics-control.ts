import type { RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import type { MetricsState } from '../../../contracts/metrics-state.ts'
import type { StateReport } from '../../../contracts/state.ts'
import type { Part, Problem, Scope } from '../../../platform/capability.ts'
import { parseHostPort } from '../../../platform/config/addresses.ts'
import type { House } from '../../../platform/host.ts'
import { renderMetrics } from '../../../platform/metrics-text.ts'
import type { ListenerBoard } from '../../../platform/listeners/board.ts'
import { openStateSender } from '../../../platform/state/sender.ts'
import type { Discovery } from '../../discovery/api.ts'
import type { MetricsSettings } from '../settings.ts'
import { jobsOf, type JobsInput } from './jobs.ts'

/** Telemetry is told of targets at most so often: many may come and go at once. */
const GATHER_MS = 100
/** How long a start waits for telemetry to open its listener. */
const OPEN_WAIT_MS = 3_000

/** What the file says of metrics. */
export interface MetricsControlConfig extends JobsInput {
  readonly listen: MetricsState['listen']
  /** Series that are kept for a time of their own, behind what the file says. */
  readonly kept: readonly MetricsSettings['retention']['rules'][number][]
}

/** What it stands on. */
export interface MetricsControlNeeds {
  /** Unix socket on which telemetry listens. */
  readonly socketPath: string
  readonly discovery: Pick<Discovery, 'services' | 'instances' | 'subscribe'>
  readonly listeners: Pick<ListenerBoard, 'reportOfOther'>
  /** Everything that the house measures of itself. */
  readonly house: Pick<House, 'metrics'>
  /** Rules that are evaluated, and a call back when they change. */
  readonly rules: {
    readonly groups: () => readonly RuleGroup[]
    readonly onChange: (listener: () => void) => void
  }
  /** Where people find the console. */
  readonly consoleUrl: () => string
}

/** What others may ask of it. */
export interface MetricsControl {
  /** Resolves when telemetry has opened its listener or said why not; after a while in any case. */
  readonly opened: Promise<void>
}

/** Tells telemetry what to scrape and how to keep it, and hears where it listens and what is wrong. */
export function startMetricsControl(
  config: MetricsControlConfig,
  { socketPath, discovery, listeners, house, rules, consoleUrl }: MetricsControlNeeds,
  scope: Scope,
): Part<MetricsControlConfig, MetricsControl> {
  let current = config
  let isDue = false
  let portBefore = 0
  const sender = openStateSender<MetricsState>({ socketPath, clock: scope.clock, log: scope.log })
  const opened = Promise.withResolvers<void>()

  const publish = (): void => {
    isDue = false
    const more = { portBefore, rules: rules.groups(), externalUrl: consoleUrl() }
    sender.publish({ ...stateOf(current, discovery), ...more })
  }
  const gather = (): void => {
    if (isDue) return
    isDue = true
    scope.clock.after(GATHER_MS, publish)
  }
  const hear = ({ listeners: reports, version }: StateReport): void => {
    for (const { name, address, error } of reports) {
      const at = parseHostPort(address)
      if (at === undefined) continue
      listeners.reportOfOther(name, at, error)
      if (error === '' && at.port !== portBefore) {
        portBefore = at.port
        gather()
      }
    }
    if (version > 0) opened.resolve()
  }

  /** Our own samples, at the interval of all scrapes. */
  const tellOwn = (): void => {
    scope.clock.after(current.metrics.scrape.interval, tellOwn)
    sender.tellSamples(scope.clock.nowMs(), renderMetrics(house.metrics()))
  }

  sender.onReport(hear)
  rules.onChange(gather)
  scope.onStop(discovery.subscribe('all', gather))
  scope.onStop(() => sender.close())
  scope.clock.after(OPEN_WAIT_MS, opened.resolve)
  publish()
  scope.clock.after(current.metrics.scrape.interval, tellOwn)
  return {
    api: { opened: opened.promise },
    prepare: (next) => ({
      commit() {
        current = next
        publish()
      },
    }),
    problems: () => (sender.report()?.problems ?? []) as readonly Problem[],
  }
}

function stateOf(
  { metrics, services, listen, kept }: MetricsControlConfig,
  discovery: Pick<Discovery, 'services' | 'instances'>,
): Omit<MetricsState, 'portBefore' | 'rules' | 'externalUrl'> {
  const instances = [...discovery.services()].flatMap(({ name }) => [...discovery.instances(name)])
  return {
    listen,
    hosts: metrics.hosts,
    token: typeof metrics.token === 'string' ? metrics.token : undefined,
    retention: {
      timeMs: metrics.retention.time,
      bytesMax: metrics.retention.size,
      rules: [...metrics.retention.rules, ...kept].map(({ match, time }) => ({
        match,
        timeMs: time,
      })),
    },
    limits: {
      seriesMax: metrics.series,
      labelValuesMax: metrics.labelValues,
      outOfOrderMs: metrics.outOfOrder,
    },
    query: {
      timeoutMs: metrics.query.timeout,
      samplesMax: metrics.query.samples,
      lookbackMs: metrics.query.lookback,
    },
    jobs: jobsOf({ metrics, services }, instances),
  }
}
