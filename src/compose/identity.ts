import { startIdentity } from '../capabilities/identity/identity.ts'
import { IDENTITY_PATHS, isIdentityPath } from '../contracts/identity-state.ts'
import type { Boot } from '../contracts/supervisor.ts'
import { systemClock } from '../platform/clock.ts'
import { serveAdminSocket } from '../platform/http/admin-socket.ts'
import { createJsonLog } from '../platform/log.ts'
import { stateSocketOf } from '../supervisor/boot.ts'

/** The whole identity process: the authorization server, and on a Unix socket its admin routes and what the console hands over to it. */
export async function composeIdentity(
  boot: Pick<Boot, 'adminSocket' | 'adminSockets' | 'dataDir'>,
): Promise<AsyncDisposable> {
  const log = createJsonLog(process.stderr, systemClock, 'info')
  const releases = new AsyncDisposableStack()
  const identity = await startIdentity(
    { dataDir: boot.dataDir, stateSocket: stateSocketOf(boot, 'identity') },
    {},
    {
      clock: systemClock,
      log,
      onStop: (release: () => void | Promise<void>) => releases.defer(release),
    },
  )
  const admin = await serveAdminSocket(boot.adminSocket, log, async () => {
    const { createListenerApp } = await import('../platform/http/listener.ts')
    const app = createListenerApp({
      log,
      hosts: [],
      token: undefined,
      isPublicPath: isIdentityPath,
    })
    for (const register of identity.routes ?? []) register(app)
    // A body is not read here: the server reads it.
    void app.register((scope, _options, done) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
      for (const url of IDENTITY_PATHS.flatMap((path) => [path, `${path}/*`])) {
        scope.all(url, (request, reply) => {
          reply.hijack()
          identity.api.handle(request.raw, reply.raw)
        })
      }
      done()
    })
    return app
  })
  releases.defer(admin)
  return releases
}
