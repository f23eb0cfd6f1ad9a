import { chmod, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import type { Log } from '../capability.ts'

/**
 * Serves the admin routes of a process on a Unix socket that only this user can open; Host, Origin and login were checked where the request came in. The app (of
 * `createListenerApp`) is made when somebody asks first: a process that is seldom asked does without the HTTP server's 27 MB. Returns the end of it.
 */
export async function serveAdminSocket(
  path: string,
  log: Log,
  createApp: () => Promise<FastifyInstance>,
): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>()
  let app: Promise<FastifyInstance> | undefined

  async function hand(socket: Socket): Promise<void> {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    try {
      app ??= readyApp(createApp)
      const { server } = await app
      if (!socket.destroyed) server.emit('connection', socket)
    } catch (error) {
      log('error', 'the admin routes cannot be served', { path, error })
      app = undefined
      socket.destroy()
    }
  }

  // One that a killed process has left.
  await rm(path, { force: true })
  const server = createServer((socket) => void hand(socket))
  server.listen(path)
  await once(server, 'listening')
  await chmod(path, 0o600)
  return async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await app?.then(async (made) => made.close())
    await rm(path, { force: true })
  }
}

async function readyApp(createApp: () => Promise<FastifyInstance>): Promise<FastifyInstance> {
  const app = await createApp()
  await app.ready()
  return app
}
