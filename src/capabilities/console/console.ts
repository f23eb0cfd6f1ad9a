import type { Picture } from '../../contracts/feed.ts'
import type { Part, Scope } from '../../platform/capability.ts'
import { registerStateRoutes } from './admin.ts'
import { failingEdges } from './failing-edges.ts'
import { LivePicture } from './live-picture.ts'
import type { ConsoleNeeds } from './needs.ts'
import { serveConsole } from './static-files.ts'

export interface ConsoleConfig {
  readonly hosts: readonly string[]
  readonly token: string | undefined
  readonly system: string
  readonly version: string
  /** Folder of the built console. */
  readonly assets: string
}

export interface Console {
  picture(): Picture
  /** From now on /ready answers 200. */
  setReady(): void
  /** Something outside of the capabilities (configuration, listeners) has changed. */
  touch(): void
}

/**
 * Keeps the picture, and opens the listener with the routes of everyone who started before. Throws `ListenerTakenError` when the file
 * names it and it is taken.
 */
export async function startConsole(
  { hosts, token, assets, system, version }: ConsoleConfig,
  needs: ConsoleNeeds,
  scope: Scope,
): Promise<Part<ConsoleConfig, Console>> {
  const live = new LivePicture({ system, version }, needs, scope.clock)
  scope.onStop(() => live.close())
  let isReady = false
  const picture = (): Picture => live.whole()
  await scope.listeners.http('console', {
    hosts,
    token,
    elsewhere: needs.elsewhere,
    register(app) {
      const { hub } = live
      const isServing = () => isReady && needs.isDataConnected()
      registerStateRoutes(app, { needs, hub, picture, isReady: isServing })
      for (const register of needs.house.routes()) register(app)
      serveConsole(app, assets)
    },
  })
  return {
    api: {
      picture,
      setReady: () => void (isReady = true),
      touch: () => live.touch(),
    },
    // What the others have taken is seen when the last one commits: this one starts last.
    prepare: () => ({ commit: () => live.touch() }),
    problems: () => failingEdges(live.failures()),
  }
}
