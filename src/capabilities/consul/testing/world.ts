import type { TestContext } from 'node:test'
import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import type { Storage } from '../../../platform/storage/storage.ts'
import { startOn, type Started } from '../../discovery/testdata/ground.ts'
import { createWorld, type World } from '../catalog-world.ts'

/** A registry on a storage, as clients of this machine (node `here`) see it. */
export async function startWorld(
  t: TestContext,
  storage: Storage,
  options: {
    readonly clock?: Clock
    readonly perClient?: number
    readonly allowScripts?: boolean
  } = {},
): Promise<{
  readonly world: World
  readonly discovery: Started['discovery']
  readonly stop: () => Promise<void>
}> {
  const { clock = systemClock, perClient = 1_000, allowScripts = false } = options
  const started = await startOn(clock, storage, { perClient })
  const { discovery } = started
  const stop = () => started.stop()
  t.after(stop)
  const world = createWorld({
    discovery,
    datacenter: 'dc1',
    node: 'here',
    address: () => '127.0.0.1',
    allowScripts,
  })
  return { world, discovery, stop }
}
