import { rmSync } from 'node:fs'
import { once } from 'node:events'
import { recordsSocketOf, telemetryAdminSocketOf } from '../contracts/telemetry.ts'
import { startTelemetry } from '../capabilities/telemetry/telemetry.ts'
import type { RouteModule } from '../platform/capability.ts'
import { systemClock } from '../platform/clock.ts'
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
  await serveAdmin(telemetryAdminSocketOf(dataDir), telemetry.routes ?? [], releases)
  return releases
}

/** Only our user may open the socket, so that no credentials are asked for. */
async function serveAdmin(
  socketPath: string,
  routes: readonly RouteModule[],
  releases: AsyncDisposableStack,
): Promise<void> {
  const log = createJsonLog(process.stderr, systemClock, 'info')
  const guard = { hosts: [], token: undefined }
  const app = createListenerApp({ name: 'telemetry', host: '', port: 0, log, ...guard })
  for (const register of routes) register(app)
  await app.ready()
  rmSync(socketPath, { force: true })
  const umask = process.umask(0o077)
  app.server.listen(socketPath)
  process.umask(umask)
  await once(app.server, 'listening')
  releases.defer(() => app.close())
}
