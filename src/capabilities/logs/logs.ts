import { join } from 'node:path'
import type { LogsState } from '../../contracts/logs-state.ts'
import type { OtlpMetricsSink } from '../../contracts/otlp-metrics.ts'
import type { ReportedProblem } from '../../contracts/state.ts'
import type { CollectedLine } from '../../contracts/supervisor.ts'
import type { Clock, Log, Part } from '../../platform/capability.ts'
import { openStateReceiver } from '../../platform/state/receiver.ts'
import { LogsHouse } from './house.ts'
import { takeOutput } from './ingest/output.ts'
import { registerLogRoutes } from './routes.ts'

/** Where it stands. */
export interface LogsConfig {
  /** Everything of logs and traces is kept in here. */
  readonly dataDir: string
  /** Unix socket for what control says. */
  readonly stateSocket: string
}

/** What it stands on. */
export interface LogsNeeds {
  /** Gives what services print; what it calls back must settle before the next batch comes. */
  readonly output: (
    take: (lines: readonly CollectedLine[], dropped: number) => Promise<void>,
  ) => void
  /** Whoever takes metrics over OTLP; undefined: nobody (yet). */
  readonly metricsSink: () => OtlpMetricsSink | undefined
}

/** What it needs of its process. */
export interface LogsScope {
  readonly clock: Clock
  readonly log: Log
  onStop(release: () => void | Promise<void>): void
}

/** What others in telemetry may ask of it. */
export interface Logs {
  /** Undefined until control has said for the first time how logs are kept. */
  readonly house: () => LogsHouse | undefined
}

/** Logs and traces in the telemetry process: nothing is opened until control says what to do. */
export async function startLogs(
  { dataDir, stateSocket }: LogsConfig,
  { metricsSink, output }: LogsNeeds,
  scope: LogsScope,
): Promise<Part<LogsConfig, Logs>> {
  let house: LogsHouse | undefined
  let problem: ReportedProblem | undefined

  async function apply(state: LogsState): Promise<void> {
    try {
      house ??= await LogsHouse.open({
        folder: join(dataDir, 'logs'),
        state,
        clock: scope.clock,
        log: scope.log,
        metricsSink,
        changed: () => receiver.changed(),
      })
      opened.resolve(house)
      await house.apply(state)
      problem = undefined
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      problem = {
        severity: 'error',
        code: 'ERR_LOGS_STATE',
        service: '',
        instance: '',
        text: `Logs and traces cannot be taken or kept as the file says: ${text}`,
      }
      throw error
    }
  }

  const opened = Promise.withResolvers<LogsHouse>()
  // Whoever prints before control has said how logs are kept waits in the supervisor.
  output(async (lines, dropped) => {
    const { ingest } = await opened.promise
    if (dropped > 0) ingest.health.of('stdout', '').shed += dropped
    await takeOutput(ingest, lines, scope.clock.nowMs())
  })

  const receiver = await openStateReceiver<LogsState>({
    socketPath: stateSocket,
    log: scope.log,
    apply,
    report: () => ({
      listeners: house?.listeners() ?? [],
      problems: [...(problem === undefined ? [] : [problem]), ...(house?.problems() ?? [])],
    }),
  })
  scope.onStop(async () => {
    await receiver.close()
    await house?.close()
  })
  return {
    api: { house: () => house },
    routes: [(app) => registerLogRoutes(app, () => house, scope.clock)],
  }
}
