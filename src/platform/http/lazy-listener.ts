import { createServer, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ListenerTakenError } from '../listeners/taken-error.ts'
import type { Opened } from '../listeners/tcp.ts'
import type { ListenerOptions } from './listener.ts'
import { LISTENER_CONNECTIONS_MAX } from './connections.ts'

/**
 * The same listener, whose HTTP server is made when somebody connects first. Until then a connection is a socket that waits. Throws
 * `ListenerTakenError`.
 */
export async function openLazyListener(
  options: ListenerOptions,
  register: (app: FastifyInstance) => void | Promise<void>,
): Promise<Opened> {
  const sockets = new Set<Socket>()
  let app: Promise<FastifyInstance> | undefined
  let refused = 0

  async function make(): Promise<FastifyInstance> {
    const { createListenerApp } = await import('./listener.ts')
    const made = createListenerApp(options)
    await register(made)
    await made.ready()
    return made
  }

  async function hand(socket: Socket): Promise<void> {
    try {
      app ??= make()
      const { server } = await app
      if (!socket.destroyed) server.emit('connection', socket)
    } catch (error) {
      options.log('error', 'a listener cannot be served', { listener: options.name, error })
      app = undefined
      socket.destroy()
    }
  }

  const server = createServer((socket) => {
    if (options.mayConnect?.(socket.remoteAddress ?? '') === false) {
      socket.destroy()
      return
    }
    if (sockets.size >= LISTENER_CONNECTIONS_MAX) {
      refused++
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    void hand(socket)
  })
  const opened = Promise.withResolvers<void>()
  server.once('error', opened.reject)
  server.listen({ host: options.host, port: options.port }, opened.resolve)
  try {
    await opened.promise
  } catch (cause) {
    throw new ListenerTakenError(options.name, options, 'TCP', cause)
  }
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    host: options.host,
    port,
    connectionCount: () => sockets.size,
    refused: () => ({ silent: 0, connections: refused }),
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await app?.then((made) => made.close())
    },
  }
}
