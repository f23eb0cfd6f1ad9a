import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { MetricsState } from '../../contracts/metrics-state.ts'
import type { ListenerReport, ReportedProblem } from '../../contracts/state.ts'
import type { Clock, Log, Part, RouteModule } from '../../platform/capability.ts'
import { openStateReceiver } from '../../platform/state/receiver.ts'
import { MetricsHouse } from './house.ts'
import type { RuleReport } from './rules/rule-ground.ts'

/** Where it stands. */
export interface MetricsConfig {
  /** Everything of metrics is kept in here. */
  readonly dataDir: string
  /** Unix socket for what control says. */
  readonly stateSocket: string
}

/** What it needs of its process. */
export interface MetricsScope {
  readonly clock: Clock
  readonly log: Log
  onStop(release: () => void | Promise<void>): void
}

/** What others in telemetry may ask of it. */
export interface Metrics {
  /** Undefined until control has said for the first time how metrics are kept. */
  readonly house: () => MetricsHouse | undefined
  /** Calls back after each evaluation of an alerting rule. */
  readonly onAlerts: (listener: (report: RuleReport) => void) => void
}

/** What it gives to its process. */
export interface MetricsPart extends Part<MetricsConfig, Metrics> {
  /** Admin routes, loaded when somebody asks first. */
  readonly lateRoutes: () => Promise<RouteModule>
}

/** Metrics in the telemetry process: nothing is opened until control says what to do. */
export async function startMetrics(
  { dataDir, stateSocket }: MetricsConfig,
  _needs: object,
  scope: MetricsScope,
): Promise<MetricsPart> {
  const alertListeners: ((report: RuleReport) => void)[] = []
  let house: MetricsHouse | undefined
  let problem: ReportedProblem | undefined

  async function apply(state: MetricsState): Promise<void> {
    try {
      house ??= await MetricsHouse.open({
        folder: join(dataDir, 'metrics'),
        seed: randomBytes(4).readInt32LE(),
        state,
        clock: scope.clock,
        log: scope.log,
        changed: () => receiver.changed(),
        tellAlerts: (report) => {
          for (const listener of alertListeners) listener(report)
        },
      })
      await house.apply(state)
      problem = undefined
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      problem = {
        severity: 'error',
        code: 'ERR_METRICS_STATE',
        service: '',
        instance: '',
        text: `Metrics cannot be kept or collected as the file says: ${text}`,
      }
      throw error
    }
  }

  const receiver = await openStateReceiver<MetricsState>({
    socketPath: stateSocket,
    log: scope.log,
    apply,
    samples: async (atMs, text) => house?.takeOwn(atMs, text),
    report: () => ({
      listeners: house?.listeners() ?? ([] as ListenerReport[]),
      problems: [...(problem === undefined ? [] : [problem]), ...(house?.problems() ?? [])],
    }),
  })
  scope.onStop(async () => {
    await receiver.close()
    await house?.close()
  })
  return {
    api: { house: () => house, onAlerts: (listener) => void alertListeners.push(listener) },
    lateRoutes: async () => {
      const { registerConsoleRoutes } = await import('./console-routes.ts')
      return (app) => registerConsoleRoutes(app, () => house)
    },
  }
}
