import type { TestContext } from 'node:test'
import { systemClock } from '../../../platform/clock.ts'
import { startStorage } from '../../../platform/storage/storage.ts'
import type { Clock } from '../../../platform/capability.ts'
import { nodeUuid } from '../agent-self.ts'
import { agentRoutes } from '../agent.ts'
import { catalogRoutes } from '../catalog.ts'
import { healthRoutes } from '../health.ts'
import type { Authorizer } from '../permissions.ts'
import { serveConsul, type MakeCall } from './serve.ts'
import { startWorld } from './world.ts'

/** Agent, catalog and health over a registry of its own, as clients of this machine see them. */
export async function serveAgent(
  t: TestContext,
  options: {
    clock?: Clock
    allowScripts?: boolean
    authorizer?: Authorizer
    perClient?: number
  } = {},
) {
  const { clock = systemClock, allowScripts = false, authorizer, perClient = 1_000 } = options
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const { world, discovery } = await startWorld(t, storage, { clock, perClient, allowScripts })
  await discovery.registerNode({
    name: discovery.localNode,
    address: '127.0.0.1',
    uuid: nodeUuid('dc1', 'here'),
  })
  const routes = [...agentRoutes(world), ...catalogRoutes(world), ...healthRoutes(world)]
  const served = await serveConsul(t, routes, authorizer === undefined ? {} : { authorizer })
  return { ...served, discovery, ...shortcuts(served.call) }
}

function shortcuts(call: MakeCall) {
  return {
    /** Writes, and gives status and text. */
    put: async (path: string, body?: object | string): Promise<string> => {
      const options = { method: 'PUT', ...(body === undefined ? {} : { body }) }
      const answered = await call(path, options)
      return `${answered.status} ${answered.text}`
    },
    /** The JSON of a GET. */
    get: async <Value = unknown>(path: string): Promise<Value> => {
      const answered = await call(path)
      if (answered.status !== 200) throw new Error(`${path}: ${answered.status} ${answered.text}`)
      return answered.json<Value>()
    },
    /** Status and text of a GET. */
    read: async (path: string): Promise<string> => {
      const answered = await call(path)
      return `${answered.status} ${answered.text}`
    },
  }
}
