import { recordsSocketOf, telemetryAdminSocketOf } from '../contracts/telemetry.ts'
import { startTelemetry } from '../capabilities/telemetry/telemetry.ts'
import { systemClock } from '../platform/clock.ts'
import { serveAdminSocket } from '../platform/http/elsewhere.ts'
import { createListenerApp } from '../platform/http/listener.ts'
import { createJsonLog } from '../platform/log.ts'

/** What the telemetry process must know. */
export interface TelemetryBoot {
  readonly dataDir: string
}

/** The whole telemetry process: the capability, and its admin routes on a Unix socket. */
export async function composeTelemetry({ dataDir }: TelemetryBoot): Promise<AsyncDisposable> {
  const log = createJsonLog(process.stderr, systemClock, 'info')
  const releases = new AsyncDisposableStack()
  const telemetry = await startTelemetry(
    { recordsSocket: recordsSocketOf(dataDir) },
    {},
    { clock: systemClock, log, onStop: (release) => releases.defer(release) },
  )
  const app = createListenerApp({ log, hosts: [], token: undefined })
  for (const register of telemetry.routes ?? []) register(app)
  releases.defer(await serveAdminSocket(app, telemetryAdminSocketOf(dataDir)))
  return releases
}
