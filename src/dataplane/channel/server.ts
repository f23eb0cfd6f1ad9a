import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Log } from '../../platform/capability.ts'
import { createFrameReader, encodeFrame } from '../../platform/snapshot/frames.ts'
import type { FromData, ToData } from '../../contracts/snapshot.ts'

/** Bytes that may wait for a control plane that does not read; beyond it the connection is closed, and control begins anew. */
export const CHANNEL_BACKLOG_BYTES_MAX = 256 * 1024 * 1024

/** Data's end of the snapshot channel: one control plane at a time, the newest wins. */
export interface ChannelServer {
  /** False when nobody is there. */
  send(message: FromData): boolean
  close(): void
}

export interface ChannelServerOptions {
  readonly socketPath: string
  readonly log: Log
  /** First message to a new control plane. */
  hello(): FromData
  receive(message: ToData): void
  /** Once, when the socket accepts connections. */
  listening(): void
}

/** Listens on a Unix socket that only our user may open. Keeps nothing of a control plane that is gone. */
export function startChannelServer(options: ChannelServerOptions): ChannelServer {
  const { socketPath, log } = options
  let current: Socket | undefined

  function accept(socket: Socket): void {
    current?.destroy()
    current = socket
    const reader = createFrameReader((message) => options.receive(message as ToData))
    socket.on('data', (chunk: Buffer) => {
      // What a replaced control plane still had on its way must not be applied after its successor's.
      if (socket !== current) return
      try {
        reader.feed(chunk)
      } catch (error) {
        log('error', 'the snapshot channel carries something unreadable', { error })
        socket.destroy()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (current === socket) current = undefined
    })
    socket.write(encodeFrame(options.hello()))
  }

  const server = listen(socketPath, accept, options)
  return {
    send(message) {
      if (current === undefined || current.destroyed) return false
      current.write(encodeFrame(message))
      if (current.writableLength > CHANNEL_BACKLOG_BYTES_MAX) current.destroy()
      return true
    },
    close() {
      current?.destroy()
      server.close()
    },
  }
}

function listen(
  socketPath: string,
  accept: (socket: Socket) => void,
  options: ChannelServerOptions,
): Server {
  // The data folder is locked against a second program, so a socket file that is there is left over from a dead one.
  rmSync(socketPath, { force: true })
  const server = createServer(accept)
  server.on('error', (error) => {
    options.log('error', 'the snapshot channel cannot listen', { socketPath, error })
    process.exitCode = 1
    process.exit()
  })
  const umask = process.umask(0o077)
  server.listen(socketPath, () => options.listening())
  process.umask(umask)
  return server
}
