import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFrameReader, encodeFrame } from '../frames.ts'
import type { FromData, ToData, UpdateMessage } from '../../../contracts/snapshot.ts'
import { createDataState, type DataState } from './data-state.ts'

/** A data plane that only listens: it applies what it gets, and acknowledges when it is told to. */
export interface DataServer {
  readonly socketPath: string
  readonly state: DataState
  /** Every message of control, in order, over all connections. */
  readonly received: readonly ToData[]
  updates(): UpdateMessage[]
  /** Resolves when the condition holds; looked at after each message and connection. */
  until(condition: () => boolean): Promise<void>
  send(message: FromData): void
  sendBytes(bytes: Uint8Array): void
  /** Acknowledges the newest update; does it by itself from now on when `isAutomatic`. */
  acknowledge(isAutomatic?: boolean): void
  readonly connectionCount: number
  disconnect(): void
  close(): Promise<void>
}

/** Listens on a socket in a temporary folder. Greets each connection unless `isSilent`. */
export async function startDataServer(options: { isSilent?: boolean } = {}): Promise<DataServer> {
  const folder = mkdtempSync(join(tmpdir(), 'backplane-snapshot-'))
  const socketPath = join(folder, 'snapshot.sock')
  const state = createDataState()
  const received: ToData[] = []
  const watchers = new Set<() => void>()
  let connection: Socket | undefined
  let connectionCount = 0
  let version = 0
  let isAutomatic = false

  const send = (message: FromData): void => void connection?.write(encodeFrame(message))
  const look = (): void => {
    for (const watcher of watchers) watcher()
  }

  function receive(message: ToData): void {
    received.push(message)
    if (message.type === 'update') {
      state.apply(message)
      version = message.version
      if (isAutomatic) send({ type: 'applied', version, listeners: [] })
    }
    look()
  }

  const server = createServer((socket) => {
    connection = socket
    connectionCount++
    const reader = createFrameReader((message) => receive(message as ToData))
    socket.on('data', (chunk: Buffer) => reader.feed(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (connection === socket) connection = undefined
    })
    if (options.isSilent !== true) send({ type: 'hello', pid: 1, workers: 1, version, routed: [] })
    look()
  })
  const listening = Promise.withResolvers<void>()
  server.listen(socketPath, listening.resolve)
  await listening.promise

  return {
    socketPath,
    state,
    received,
    updates: () => received.filter((message) => message.type === 'update'),
    until(condition) {
      const done = Promise.withResolvers<void>()
      const watcher = (): void => {
        if (!condition()) return
        watchers.delete(watcher)
        done.resolve()
      }
      watchers.add(watcher)
      watcher()
      return done.promise
    },
    send,
    sendBytes: (bytes) => void connection?.write(bytes),
    acknowledge(always = false) {
      isAutomatic = always
      if (version > 0) send({ type: 'applied', version, listeners: [] })
    },
    get connectionCount() {
      return connectionCount
    },
    disconnect() {
      connection?.destroy()
      connection = undefined
    },
    async close() {
      connection?.destroy()
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      await closed.promise
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
