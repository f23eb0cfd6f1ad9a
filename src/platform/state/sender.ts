import { connect, type Socket } from 'node:net'
import type { OwnSamples, StateReport, StateUpdate } from '../../contracts/state.ts'
import type { Clock, Log } from '../capability.ts'
import { createFrameReader, encodeFrame } from '../snapshot/frames.ts'

/** Time between two attempts to reach the other process. */
const RECONNECT_MS = 100
/** While more than this waits for the other process, samples are dropped: the next ones say the same and more. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024

export interface StateSenderOptions {
  readonly socketPath: string
  readonly clock: Clock
  readonly log: Log
}

/** Control's end: tells another process of ours a state, and hears what it makes of it. */
export interface StateSender<State, More = unknown> {
  /** From now on this is the state. Only the newest is sent; whoever was away gets it when it is back. */
  publish(state: State): void
  /** Tells samples of our own, once; dropped while the process is away or does not keep up. */
  tellSamples(atMs: number, text: string): void
  /** The last report; undefined before the first, and while the process is away. */
  report(): StateReport<More> | undefined
  /** Calls back for each report. */
  onReport(listener: (report: StateReport<More>) => void): void
  close(): void
}

/** Connects for ever. */
export function openStateSender<State, More = unknown>(
  options: StateSenderOptions,
): StateSender<State, More> {
  const { socketPath, clock, log } = options
  const listeners: ((report: StateReport<More>) => void)[] = []
  let socket: Socket | undefined
  let update: StateUpdate<State> | undefined
  let sentVersion = 0
  let isWaiting = false
  let last: StateReport<More> | undefined
  let isClosed = false

  /** One on its way; what comes meanwhile replaces what has not left yet. */
  function flush(): void {
    if (socket === undefined || isWaiting || update === undefined) return
    if (update.version === sentVersion) return
    sentVersion = update.version
    isWaiting = true
    socket.write(encodeFrame(update))
  }

  function receive(report: StateReport<More>): void {
    last = report
    if (report.version === sentVersion) isWaiting = false
    for (const listener of listeners) listener(report)
    flush()
  }

  function open(): void {
    const made = connect(socketPath)
    const reader = createFrameReader((message) => receive(message as StateReport<More>))
    made.on('connect', () => {
      socket = made
      sentVersion = 0
      isWaiting = false
      flush()
    })
    made.on('data', (chunk: Buffer) => {
      try {
        reader.feed(chunk)
      } catch (error) {
        log('error', 'a process of ours says something unreadable', { error })
        made.destroy()
      }
    })
    made.on('error', () => {})
    made.on('close', () => {
      socket = undefined
      last = undefined
      if (!isClosed) clock.after(RECONNECT_MS, open)
    })
  }

  open()
  return {
    publish(state) {
      update = { type: 'state', version: (update?.version ?? 0) + 1, state }
      flush()
    },
    tellSamples(atMs, text) {
      if (socket === undefined || socket.writableLength > WAITING_BYTES_MAX) return
      const message: OwnSamples = { type: 'samples', atMs, text }
      socket.write(encodeFrame(message))
    },
    report: () => last,
    onReport: (listener) => void listeners.push(listener),
    close() {
      isClosed = true
      socket?.destroy()
    },
  }
}
