import type { Http2Totals } from '../../contracts/snapshot.ts'
import type { Clock } from '../../platform/capability.ts'
import { openListeners } from '../listeners/listeners.ts'
import type { ListenerBinding, Post, ToWorker, WorkerBoot } from '../threads/messages.ts'
import { takeLoads } from '../resilience/service-load.ts'
import { Acceptor } from './accept.ts'
import { createContext, type WorkerContext } from './context.ts'
import { applyOps } from './snapshot.ts'
import { startTicks } from './tick.ts'

/** Time between two reports. */
const REPORT_MS = 1_000
/** How often a draining worker looks whether all is done. */
const DRAIN_LOOK_MS = 20
/** How often lines of the access log and records are handed over when their batch is not full. */
const FLUSH_MS = 250

/** One worker of the data plane. */
export interface Worker {
  receive(message: ToWorker): void
  /** Closes every port and connection at once. */
  close(): void
  /** For tests: what its connections share. */
  readonly context: WorkerContext
}

export interface WorkerOptions extends WorkerBoot {
  readonly clock: Clock
  readonly post: Post
}

/** Starts a worker on the current thread, be it a worker thread or that of a test. It has no listener until an update names one. */
export function startWorker(options: WorkerOptions): Worker {
  const { post } = options
  const ctx = createContext(options)
  const acceptor = new Acceptor(ctx)
  const listeners = openListeners((binding, socket) => acceptor.accept(binding, socket))
  const stopTicks = startTicks(ctx)
  const stopReports = ctx.clock.every(REPORT_MS, () => report(ctx, post))
  const stopWakes = ctx.counts.onWake(() => roomElsewhere(ctx))
  const stopFlushes = ctx.clock.every(FLUSH_MS, () => flush(ctx))

  async function update(message: Extract<ToWorker, { type: 'update' }>): Promise<void> {
    applyOps(ctx, message.ops, message.reset, message.places, (op, error) =>
      post({ type: 'failed', op: op.op, error: String(error) }),
    )
    ctx.turns.run()
    ctx.version = message.version
    if (message.listeners !== undefined) ctx.https.securePort = securePortOf(message.listeners)
    const errors = message.listeners === undefined ? [] : await listeners.apply(message.listeners)
    post({ type: 'applied', version: message.version, errors })
  }

  function receive(message: ToWorker): void {
    switch (message.type) {
      case 'update':
        // What cannot be explained ends this worker; the main thread starts it again with everything.
        return void update(message).catch((error: unknown) => queueMicrotask(() => rethrow(error)))
      case 'names':
        for (const [host, address] of message.addresses) ctx.addresses.set(host, address)
        return
      case 'ticket-keys':
        return ctx.contexts.setTicketKeys(message.keys)
      case 'flush':
        flush(ctx)
        return post({ type: 'flushed', ask: message.ask })
      case 'drain':
        return drain(ctx, post, () => listeners.close(({ spec }) => spec.kind !== 'outbound'))
      case 'log-buffer':
        return ctx.sinks.accessLog.giveBack(message.buffer)
      case 'records-buffer':
        return ctx.sinks.batches.giveBack(message.buffer)
      default:
        return message satisfies never
    }
  }

  return {
    receive,
    context: ctx,
    close() {
      stopTicks()
      stopReports()
      stopFlushes()
      stopWakes()
      listeners.close(() => true)
      for (const client of ctx.clients) client.destroy()
      for (const client of ctx.rawClients) client.destroy()
      for (const handshake of ctx.handshakes) handshake.destroy()
      for (const service of ctx.services.values()) {
        for (const { idle, shared } of service.instances.values()) {
          for (const connection of [...idle, ...shared]) connection.cancel()
        }
      }
    },
  }
}

/** Where clients without TLS are sent. */
function securePortOf(bindings: readonly ListenerBinding[]): number {
  const secure = bindings.find(({ spec }) => spec.kind === 'gateway' && spec.tls !== undefined)
  return secure?.port ?? 0
}

function rethrow(error: unknown): never {
  throw error
}

/** Another worker has given something back, or waits for something: who waits here looks again, and what is not used here is given back. */
function roomElsewhere(ctx: WorkerContext): void {
  for (const service of ctx.crowded) ctx.turns.schedule(service)
  for (const service of ctx.services.values()) {
    for (const { idle, permits } of service.instances.values()) {
      while (idle.length > 0 && permits.isWantedElsewhere) idle[0]!.cancel()
    }
  }
  ctx.turns.run()
}

/** Idle connections from outside are closed; busy ones with their answer. Says `idle` when nothing for outside is left, not even an answer that is being read. */
function drain(ctx: WorkerContext, post: Post, closeListeners: () => void): void {
  ctx.isDraining = true
  closeListeners()
  const stop = ctx.clock.every(DRAIN_LOOK_MS, look)
  function look(): void {
    let isBusy = false
    for (const client of ctx.rawClients) isBusy ||= client.isBusy
    for (const client of ctx.clients) {
      if (!client.listener.isPublic) continue
      client.announceEnd()
      if (client.isIdle) client.closeGently()
      else isBusy ||= client.isBusy
    }
    if (isBusy) return
    stop()
    report(ctx, post)
    flush(ctx)
    post({ type: 'idle' })
  }
  look()
}

function flush(ctx: WorkerContext): void {
  ctx.sinks.accessLog.flush()
  ctx.sinks.batches.flush()
}

function countHttp2({ clients }: WorkerContext): Http2Totals {
  let connections = 0
  let streams = 0
  for (const { streamCount } of clients) {
    if (streamCount < 0) continue
    connections++
    streams += streamCount
  }
  return { connections, streams }
}

function report(ctx: WorkerContext, post: Post): void {
  const rows = ctx.quotas.take()
  if (rows.length > 0) post({ type: 'quotas', rows })
  post(
    ctx.totals.take({
      connections: ctx.clients.size + ctx.rawClients.size,
      http2: countHttp2(ctx),
      loads: takeLoads(ctx.services.values()),
      accessLogDropped: ctx.sinks.accessLog.droppedCount,
      recordsDropped: ctx.sinks.batches.droppedCount,
      wallMs: ctx.clock.nowMs(),
      monotonicMs: ctx.clock.monotonicMs(),
    }),
  )
}
