import { connect, type Socket } from 'node:net'
import type { Clock, Log } from '../capability.ts'
import { createFrameReader, encodeFrame } from './frames.ts'
import type { QuotaRow } from '../../contracts/quotas.ts'
import { createSnapshotModel } from './model.ts'
import type { ResilienceMessage } from '../../contracts/resilience.ts'
import type {
  ListenerStatus,
  FromData,
  SnapshotOp,
  ToData,
  TotalsMessage,
} from '../../contracts/snapshot.ts'

/** Time between two attempts to reach the data plane. */
const RECONNECT_MS = 50
/** Questions (`why`, `recent`) that may be open; beyond it a new one is refused. */
export const ASKS_MAX = 100
/** An update that is not acknowledged by every worker after this time is given up, and everything is sent again. */
const UPDATE_TIMEOUT_MS = 30_000
/** A question without an answer after this time is answered with undefined. */
const ASK_TIMEOUT_MS = 2_000

export interface SnapshotChannelOptions {
  readonly socketPath: string
  readonly clock: Clock
  readonly log: Log
}

type Hello = Extract<FromData, { type: 'hello' }>
export type Totals = TotalsMessage

/** Control's end of the snapshot channel. Reconnects for ever; a new connection gets everything again. */
export interface SnapshotChannel {
  /**
   * Applies the changes on every worker; resolves when all have acknowledged, with the state of the listeners.
   * While data is away the promise waits: nothing is lost, later changes are folded together.
   */
  publish(ops: readonly SnapshotOp[]): Promise<readonly ListenerStatus[]>
  /** The first `hello`; resolves once. Nothing is sent before `begin`. */
  readonly hello: Promise<Hello>
  /** From now on the model is complete enough to replace what data serves. */
  begin(): void
  /** Undefined when data is away or does not answer. */
  ask(question: AskMessage): Promise<unknown>
  onTotals(listener: (totals: Totals) => void): void
  onResilience(listener: (message: ResilienceMessage) => void): void
  /** A token names a key of this issuer that data has not. */
  onKeyWanted(listener: (issuer: string) => void): void
  /** Quotas have counted. */
  onQuotas(listener: (rows: readonly QuotaRow[]) => void): void
  /** Before a data plane that is new, or that was away, gets everything: what is published now is part of it. */
  onGreeted(listener: () => void): void
  onDrained(listener: (service: string, id: string, removal: number) => void): void
  readonly isConnected: boolean
  close(): void
}

export type AskMessage =
  | { readonly type: 'why'; readonly requestId: string }
  | { readonly type: 'recent'; readonly limit: number; readonly onlyFailed: boolean }

export function openSnapshotChannel(options: SnapshotChannelOptions): SnapshotChannel {
  const { clock, log } = options
  const model = createSnapshotModel()
  const hello = Promise.withResolvers<Hello>()
  const totals = createNews<Totals>()
  const resilience = createNews<ResilienceMessage>()
  const drainedListeners: ((service: string, id: string, removal: number) => void)[] = []
  const quotas = createNews<readonly QuotaRow[]>()
  const greetedListeners: (() => void)[] = []
  const keyListeners: ((issuer: string) => void)[] = []
  const asks = new Map<number, (body: unknown) => void>()
  let waiting: ((listeners: readonly ListenerStatus[]) => void)[] = []
  let sent: ((listeners: readonly ListenerStatus[]) => void)[] = []
  let socket: Socket | undefined
  let hasBegun = false
  let isGreeted = false
  let isClosed = false
  let needsReset = true
  let inFlightVersion = 0
  let version = 0
  let lastAsk = 0

  function send(message: ToData): void {
    socket?.write(encodeFrame(message))
  }

  /** At most one update is on its way; what comes meanwhile goes with the next one (group commit). */
  function flush(): void {
    if (!hasBegun || !isGreeted || inFlightVersion !== 0) return
    if (!needsReset && !model.hasChanges && waiting.length === 0) return
    const isReset = needsReset
    needsReset = false
    inFlightVersion = ++version
    sent = waiting
    waiting = []
    const ops = isReset ? model.takeAll() : model.takeChanges()
    send({ type: 'update', version, ops, ...(isReset ? { reset: true } : {}) })
    watchUpdate(version)
  }

  /** An update that is never acknowledged would hold up every later one: begin anew, with everything. */
  function watchUpdate(sentVersion: number): void {
    const to = socket
    clock.after(UPDATE_TIMEOUT_MS, () => {
      if (inFlightVersion !== sentVersion || socket !== to) return
      log('error', 'data does not acknowledge an update; it gets everything again', {
        version: sentVersion,
      })
      to?.destroy()
    })
  }

  function receive(message: FromData): void {
    switch (message.type) {
      case 'hello':
        version = Math.max(version, message.version)
        isGreeted = true
        hello.resolve(message)
        if (message.quotas !== undefined) quotas.tell(message.quotas)
        for (const listener of greetedListeners) listener()
        return flush()
      case 'applied': {
        if (message.version !== inFlightVersion) return
        inFlightVersion = 0
        const acknowledged = sent
        sent = []
        for (const resolve of acknowledged) resolve(message.listeners)
        return flush()
      }
      case 'totals':
        return totals.tell(message)
      case 'resilience':
        return resilience.tell(message)
      case 'drained':
        model.drained(message.service, message.id, message.removal)
        for (const listener of drainedListeners) {
          listener(message.service, message.id, message.removal)
        }
        return
      case 'key-wanted':
        for (const listener of keyListeners) listener(message.issuer)
        return
      case 'quotas':
        return quotas.tell(message.rows)
      case 'answer':
        asks.get(message.ask)?.(message.body)
        return
    }
  }

  function lose(): void {
    socket = undefined
    isGreeted = false
    needsReset = true
    inFlightVersion = 0
    waiting = [...sent, ...waiting]
    sent = []
    for (const answer of asks.values()) answer(undefined)
    if (!isClosed) clock.after(RECONNECT_MS, dial)
  }

  function dial(): void {
    if (isClosed) return
    const attempt = connect(options.socketPath)
    const reader = createFrameReader((message) => receive(message as FromData))
    attempt.on('connect', () => (socket = attempt))
    attempt.on('data', (chunk: Buffer) => {
      try {
        reader.feed(chunk)
      } catch (error) {
        log('error', 'the snapshot channel carries something unreadable', { error })
        attempt.destroy()
      }
    })
    attempt.on('error', () => {})
    attempt.on('close', lose)
  }

  dial()
  return {
    hello: hello.promise,
    begin() {
      hasBegun = true
      flush()
    },
    publish(ops) {
      for (const op of ops) model.apply(op)
      const done = Promise.withResolvers<readonly ListenerStatus[]>()
      waiting.push(done.resolve)
      // In the next microtask: what one turn of the event loop publishes becomes one update.
      queueMicrotask(flush)
      return done.promise
    },
    ask(question) {
      if (socket === undefined || asks.size >= ASKS_MAX) return Promise.resolve(undefined)
      const ask = ++lastAsk
      const answered = Promise.withResolvers<unknown>()
      const cancel = clock.after(ASK_TIMEOUT_MS, () => answered.resolve(undefined))
      asks.set(ask, answered.resolve)
      send({ ...question, ask })
      return answered.promise.finally(() => {
        cancel()
        asks.delete(ask)
      })
    },
    onTotals: (listener) => totals.follow(listener),
    onResilience: (listener) => resilience.follow(listener),
    onQuotas: (listener) => quotas.follow(listener),
    onGreeted: (listener) => void greetedListeners.push(listener),
    onKeyWanted: (listener) => void keyListeners.push(listener),
    onDrained: (listener) => void drainedListeners.push(listener),
    get isConnected() {
      return isGreeted
    },
    close() {
      isClosed = true
      socket?.destroy()
    },
  }
}

/** Messages that are kept for the first one who listens; of more, the newest. */
const EARLY_MESSAGES_MAX = 4_096

/** What data tells once it is greeted may come before anybody here listens: it is not told again, so the first listener gets it. */
function createNews<Message>() {
  const listeners: ((message: Message) => void)[] = []
  let early: Message[] = []
  return {
    tell(message: Message): void {
      for (const listener of listeners) listener(message)
      if (listeners.length > 0) return
      early.push(message)
      if (early.length > EARLY_MESSAGES_MAX) early.shift()
    },
    follow(listener: (message: Message) => void): void {
      listeners.push(listener)
      for (const message of early) listener(message)
      early = []
    },
  }
}
