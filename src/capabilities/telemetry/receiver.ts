import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import {
  type ChangesMessage,
  encodeTelemetryFrame,
  TELEMETRY_FRAME,
  TelemetryFrameReader,
} from '../../contracts/telemetry.ts'
import type { Log } from '../../platform/capability.ts'

export interface ReceiverOptions {
  readonly socketPath: string
  readonly log: Log
  /** A batch of records; it is the receiver's own. */
  readonly records: (worker: number, batch: Buffer) => void
  readonly changes: (message: ChangesMessage) => void
}

/** Telemetry's end of the socket that data connects to. */
export interface Receiver {
  close(): Promise<void>
}

/** Listens on a Unix socket that only our user may open. Each frame is acknowledged once it is taken care of. */
export async function openReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { socketPath, log } = options
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    receive(socket, options)
  })
  // The data folder is locked against a second program, so a socket file that is there is left over from a dead one.
  rmSync(socketPath, { force: true })
  const opened = Promise.withResolvers<void>()
  server.once('error', opened.reject)
  const umask = process.umask(0o077)
  server.listen(socketPath, opened.resolve)
  process.umask(umask)
  await opened.promise
  server.on('error', (error) => log('error', 'the socket for records failed', { error }))
  return {
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function receive(socket: Socket, options: ReceiverOptions): void {
  let takenCount = 0
  const reader = new TelemetryFrameReader((kind, payload) => {
    if (kind === TELEMETRY_FRAME.hello) return
    take(kind, payload, options)
    takenCount++
  })
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.feed(chunk)
    } catch (error) {
      options.log('error', 'data says something unreadable', { error })
      return void socket.destroy()
    }
    if (takenCount === 0) return
    const count = Buffer.alloc(4)
    count.writeUInt32BE(takenCount)
    takenCount = 0
    socket.write(encodeTelemetryFrame(TELEMETRY_FRAME.acknowledge, count))
  })
}

function take(kind: number, payload: Buffer, options: ReceiverOptions): void {
  switch (kind) {
    case TELEMETRY_FRAME.records:
      if (payload.length < 2) throw new RangeError('a batch of records without its worker')
      return options.records(payload.readUInt16BE(0), payload.subarray(2))
    case TELEMETRY_FRAME.changes:
      return options.changes(JSON.parse(payload.toString('utf8')) as ChangesMessage)
    default:
      // A newer data plane may say more; what is not understood is left out.
      return
  }
}
