import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { openEndpoint } from '../protocols/endpoint.ts'
import type { Served } from '../protocols/served.ts'
import { Groups } from '../subscriptions/groups/group-registry.ts'
import { openTestStore } from './open-store.ts'

/** The endpoint of a store of a test, at a free port of loopback. */
export async function serveTestStore(
  t: TestContext,
  { token, clock = systemClock }: { readonly token?: string; readonly clock?: Clock } = {},
): Promise<{ readonly served: Served; readonly port: number; readonly url: string }> {
  const { store, tail } = await openTestStore(t, clock)
  const log = () => {}
  const groups = await Groups.open({ store, tail, log })
  const limits = () => ({ eventBytesMax: 1024 * 1024, appendBytesMax: 16 * 1024 * 1024 })
  const served: Served = { store, tail, groups, limits, log }
  const endpoint = await openEndpoint({ served, hosts: [], token, clock, log })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    endpoint.accept(socket)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await endpoint.close()
    await groups.close()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { served, port, url: `http://127.0.0.1:${port}` }
}
