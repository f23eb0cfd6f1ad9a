import { startEvents } from '../capabilities/events/events.ts'
import type { Boot } from '../contracts/supervisor.ts'
import { systemClock } from '../platform/clock.ts'
import { serveAdminSocket } from '../platform/http/admin-socket.ts'
import { createJsonLog } from '../platform/log.ts'
import { stateSocketOf } from '../supervisor/boot.ts'

/** The whole events process: the store with its listener, and its admin routes on a Unix socket. */
export async function composeEvents(
  boot: Pick<Boot, 'adminSocket' | 'adminSockets' | 'dataDir'>,
): Promise<AsyncDisposable> {
  const log = createJsonLog(process.stderr, systemClock, 'info')
  const releases = new AsyncDisposableStack()
  const events = await startEvents(
    { dataDir: boot.dataDir, stateSocket: stateSocketOf(boot, 'events') },
    {},
    {
      clock: systemClock,
      log,
      onStop: (release: () => void | Promise<void>) => releases.defer(release),
    },
  )
  const admin = await serveAdminSocket(boot.adminSocket, log, async () => {
    const { createListenerApp } = await import('../platform/http/listener.ts')
    const app = createListenerApp({ log, hosts: [], token: undefined })
    for (const register of events.routes ?? []) register(app)
    return app
  })
  releases.defer(admin)
  return releases
}
