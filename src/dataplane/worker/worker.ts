import { createHostNames } from '../http/host-check.ts'
import { createPickContext } from '../../mechanisms/balancing/balancing.ts'
import { createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import { createResponseDrops } from '../../mechanisms/http1/drops.ts'
import { createRequestHead } from '../../mechanisms/http1/request-head.ts'
import { createResponseHead } from '../../mechanisms/http1/response-head.ts'
import { createRequestRewrite, createResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { Clock } from '../../platform/capability.ts'
import type { GatewayLimits } from '../../contracts/snapshot.ts'
import { openListeners } from '../listeners/listeners.ts'
import { createIdentifiers } from '../http/identifiers.ts'
import { createRoutes } from '../http/routes.ts'
import { createScratch, READ_BYTES } from '../http/scratch.ts'
import { createAccessLog } from '../records/access-log.ts'
import { createRecordBatches } from '../records/record-batches.ts'
import { createRecordRing } from '../records/ring.ts'
import { openSharedCounts } from '../shared-counts.ts'
import { createTotalsCollector } from '../totals/worker-totals.ts'
import type { Instance } from '../upstream/instance.ts'
import type { FromWorker, ToWorker, WorkerBoot } from '../threads/messages.ts'
import { acceptAt } from './accept.ts'
import { RESPONSE_FIELDS_MAX, type WorkerContext } from './context.ts'
import { applyOps } from './snapshot.ts'
import { startTicks } from './tick.ts'
import { createUpstreamEvents } from './upstream-events.ts'

/** Time between two reports. */
const REPORT_MS = 1_000
/** How often lines of the access log and records are handed over when their batch is not full. */
const FLUSH_MS = 250

/** Sends to the main thread; `transfer` moves the buffer of a log batch. */
export type Post = (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void

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
  const listeners = openListeners((binding, socket) => acceptAt(ctx, binding, socket))
  const stopTicks = startTicks(ctx)
  const reports = setInterval(() => report(ctx, post), REPORT_MS)
  const flushes = setInterval(() => flush(ctx), FLUSH_MS)
  reports.unref()
  flushes.unref()

  async function update(message: Extract<ToWorker, { type: 'update' }>): Promise<void> {
    applyOps(ctx, message.ops, message.reset, (op, error) =>
      post({ type: 'failed', op: op.op, error: String(error) }),
    )
    ctx.version = message.version
    const errors = message.listeners === undefined ? [] : await listeners.apply(message.listeners)
    post({ type: 'applied', version: message.version, errors })
  }

  function receive(message: ToWorker): void {
    switch (message.type) {
      case 'update':
        // What cannot be explained ends this worker; the main thread starts it again with everything.
        return void update(message).catch((error: unknown) => queueMicrotask(() => rethrow(error)))
      case 'why':
        return post({ type: 'answer', ask: message.ask, body: ctx.ring.find(message.requestId) })
      case 'recent': {
        const body = ctx.ring.recent(message.limit, message.onlyFailed)
        return post({ type: 'answer', ask: message.ask, body })
      }
      case 'drain':
        return drain(ctx, post, () => listeners.close(({ spec }) => spec.kind !== 'outbound'))
      case 'log-buffer':
        return ctx.accessLog.giveBack(message.buffer)
      case 'records-buffer':
        return ctx.batches.giveBack(message.buffer)
      default:
        return message satisfies never
    }
  }

  return {
    receive,
    context: ctx,
    close() {
      stopTicks()
      clearInterval(reports)
      clearInterval(flushes)
      listeners.close(() => true)
      for (const client of ctx.clients) client.destroy()
      for (const connection of ctx.tcpConnections) connection.destroy()
      for (const service of ctx.services.values()) {
        for (const { idle } of service.instances.values()) {
          for (const connection of idle) connection.socket.destroy()
        }
      }
    },
  }
}

function rethrow(error: unknown): never {
  throw error
}

/** Idle connections from outside are closed; busy ones with their answer. Says `idle` when nothing from outside is left. */
function drain(ctx: WorkerContext, post: Post, closeListeners: () => void): void {
  ctx.isDraining = true
  closeListeners()
  const watch = setInterval(look, 20)
  function look(): void {
    let busyCount = ctx.tcpConnections.size
    for (const client of ctx.clients) {
      if (!client.listener.isOutside) continue
      if (client.isIdle) client.closeGently()
      else if (client.exchange !== null) busyCount++
    }
    if (busyCount > 0) return
    clearInterval(watch)
    report(ctx, post)
    flush(ctx)
    post({ type: 'idle' })
  }
  look()
}

function flush(ctx: WorkerContext): void {
  ctx.accessLog.flush()
  ctx.batches.flush()
}

function report(ctx: WorkerContext, post: Post): void {
  post(
    ctx.totals.take({
      connections: ctx.clients.size + ctx.tcpConnections.size,
      accessLogDropped: ctx.accessLog.droppedCount,
      recordsDropped: ctx.batches.droppedCount,
      wallMs: ctx.clock.nowMs(),
      monotonicMs: ctx.clock.monotonicMs(),
    }),
  )
}

/** Until the first update there are no listeners, so these are never applied to a request. */
const FIRST_LIMITS: GatewayLimits = {
  requestLineBytesMax: 16_384,
  headBytesMax: 65_536,
  headersMax: 100,
  bodyBytesMax: 0,
  connectionsMax: 20_000,
  requestsInFlightMax: 10_000,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  bodyTimeoutMs: 60_000,
  tunnelIdleTimeoutMs: 0,
  responseHeadBytesMax: 65_536,
}

function createContext(options: WorkerOptions): WorkerContext {
  const { index, workers, clock, post } = options
  const totals = createTotalsCollector()
  const context: WorkerContext = {
    index,
    workers,
    clock,
    wallOffsetMs: clock.nowMs() - clock.monotonicMs(),
    counts: openSharedCounts(options.shared, index),
    totals,
    ring: createRecordRing(index),
    accessLog: createAccessLog((buffer, length, count) =>
      post({ type: 'log', buffer, length, count }, [buffer]),
    ),
    batches: createRecordBatches((buffer, length, count) =>
      post({ type: 'records', buffer, length, count }, [buffer]),
    ),
    identifiers: createIdentifiers(),
    readBuffer: Buffer.allocUnsafeSlow(READ_BYTES),
    scratch: createScratch(),
    requestHead: createRequestHead(FIRST_LIMITS.headersMax),
    responseHead: createResponseHead(RESPONSE_FIELDS_MAX),
    requestRewrite: { ...createRequestRewrite(), forwardsExpect: true },
    responseRewrite: { ...createResponseRewrite(), drops: createResponseDrops(['x-request-id']) },
    pick: createPickContext<Instance>(Math.random),
    version: 0,
    limits: FIRST_LIMITS,
    headLimits: FIRST_LIMITS,
    responseLimits: FIRST_LIMITS,
    trusted: createCidrSet([]),
    hosts: createHostNames({ hosts: [], routes: [] }),
    routes: createRoutes([], totals),
    services: new Map(),
    clients: new Set(),
    tcpConnections: new Set(),
    exchanges: [],
    spareExchanges: [],
    upstreamEvents: createUpstreamEvents(() => context),
    isDraining: false,
    reportDrained: (service, id, removal) => post({ type: 'drained', service, id, removal }),
  }
  return context
}
