import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import type { FromControl, StateReport, StateUpdate } from '../../contracts/state.ts'
import type { Log } from '../capability.ts'
import { createFrameReader, encodeFrame } from '../snapshot/frames.ts'

export interface StateReceiverOptions<State, More = unknown> {
  readonly socketPath: string
  readonly log: Log
  /** Puts a state into force. It is acknowledged when the promise has settled, however. */
  apply(state: State): Promise<void>
  /** Samples of our own; they come only behind a state. */
  samples?(atMs: number, text: string): Promise<void>
  /** What is told of it. */
  report(): Omit<StateReport<More>, 'type' | 'version'>
}

/** The end of the process that is told. */
export interface StateReceiver {
  /** Something of the report has changed. */
  changed(): void
  close(): Promise<void>
}

/** Listens on a Unix socket that only our user may open. One state after the other. */
export async function openStateReceiver<State, More = unknown>(
  options: StateReceiverOptions<State, More>,
): Promise<StateReceiver> {
  const { socketPath, log } = options
  const sockets = new Set<Socket>()
  let version = 0
  let applying = Promise.resolve()

  function tell(): void {
    const frame = encodeFrame({ type: 'report', version, ...options.report() })
    for (const socket of sockets) socket.write(frame)
  }

  async function take(update: StateUpdate<State>): Promise<void> {
    try {
      await options.apply(update.state)
    } catch (error) {
      log('error', 'what control says cannot be put into force', { error })
    }
    version = update.version
    tell()
  }

  async function hear(message: FromControl<State>): Promise<void> {
    if (message.type === 'state') return take(message)
    try {
      await options.samples?.(message.atMs, message.text)
    } catch (error) {
      log('error', 'samples of our own cannot be taken', { error })
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket)
    const reader = createFrameReader((message) => {
      applying = applying.then(() => hear(message as FromControl<State>))
    })
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.feed(chunk)
      } catch (error) {
        log('error', 'control says something unreadable', { error })
        socket.destroy()
      }
    })
  })
  rmSync(socketPath, { force: true })
  const opened = Promise.withResolvers<void>()
  server.once('error', opened.reject)
  const umask = process.umask(0o077)
  server.listen(socketPath, opened.resolve)
  process.umask(umask)
  await opened.promise
  return {
    changed: tell,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
