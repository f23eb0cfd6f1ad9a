import type { Boot } from '../contracts/supervisor.ts'
import { startAlerts } from '../capabilities/alerts/alerts.ts'
import { startLogs } from '../capabilities/logs/logs.ts'
import { startMetrics } from '../capabilities/metrics/metrics.ts'
import { startTelemetry } from '../capabilities/telemetry/telemetry.ts'
import { systemClock } from '../platform/clock.ts'
import { serveAdminSocket } from '../platform/http/admin-socket.ts'
import { createJsonLog } from '../platform/log.ts'
import { openOutputLink } from '../platform/output-link.ts'
import { stateSocketOf } from '../supervisor/boot.ts'

/** The whole telemetry process: what data tells, metrics, alerts, and its admin routes on a Unix socket. */
export async function composeTelemetry(
  boot: Pick<Boot, 'recordsSocket' | 'adminSocket' | 'adminSockets' | 'dataDir'>,
): Promise<AsyncDisposable> {
  const log = createJsonLog(process.stderr, systemClock, 'info')
  const releases = new AsyncDisposableStack()
  const scope = {
    clock: systemClock,
    log,
    onStop: (release: () => void | Promise<void>) => releases.defer(release),
  }
  const logs = await startLogs(
    { dataDir: boot.dataDir, stateSocket: stateSocketOf(boot, 'telemetry', 'logs') },
    { metricsSink: () => undefined, output: openOutputLink(process) },
    scope,
  )
  const telemetry = await startTelemetry(
    { recordsSocket: boot.recordsSocket },
    { records: (worker, batch) => logs.api.house()?.requests.take(worker, batch) },
    scope,
  )
  const metrics = await startMetrics(
    { dataDir: boot.dataDir, stateSocket: stateSocketOf(boot, 'telemetry') },
    {},
    scope,
  )
  const alerts = await startAlerts(
    { dataDir: boot.dataDir, stateSocket: stateSocketOf(boot, 'telemetry', 'alerts') },
    { metrics: metrics.api },
    { ...scope, random: Math.random },
  )
  // Loaded only when somebody asks: a process that nobody looks at does without it.
  const admin = await serveAdminSocket(boot.adminSocket, log, async () => {
    const { createListenerApp } = await import('../platform/http/listener.ts')
    const app = createListenerApp({ log, hosts: [], token: undefined })
    const late = await metrics.lateRoutes()
    const routes = [
      ...(telemetry.routes ?? []),
      ...(logs.routes ?? []),
      ...(alerts.routes ?? []),
      late,
    ]
    for (const register of routes) register(app)
    return app
  })
  releases.defer(admin)
  return releases
}
