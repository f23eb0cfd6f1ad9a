import { createPickContext } from '../../mechanisms/balancing/balancing.ts'
import { createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import { createRequestHead } from '../../mechanisms/http1/request-head.ts'
import { createResponseDrops } from '../../mechanisms/http1/drops.ts'
import { createResponseHead } from '../../mechanisms/http1/response-head.ts'
import { createRequestRewrite, createResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import { HalfSipHash } from '../../mechanisms/siphash/half-siphash.ts'
import type { Clock } from '../../platform/capability.ts'
import type { GatewayLimits } from '../../contracts/gateway-limits.ts'
import { createAuthGround } from '../auth/ground.ts'
import type { ClientConnection } from '../client/client-connection.ts'
import { RawConnection } from '../client/raw-connection.ts'
import type { ExchangeContext } from '../exchange/context.ts'
import { DateLine } from '../exchange/date-line.ts'
import { createClientEvents, createInstanceEvents } from '../exchange/events.ts'
import type { Attempt, Exchange } from '../exchange/exchange.ts'
import { fallBack } from '../exchange/fallback.ts'
import { createHostNames } from '../exchange/host-check.ts'
import { Identifiers } from '../exchange/identifiers.ts'
import { PolicyView } from '../exchange/policy-view.ts'
import { resumeRequest } from '../exchange/requests.ts'
import { createRoutes, HeadFields, OWN_RESPONSE_FIELDS } from '../exchange/routes.ts'
import type { Handshake } from '../tls/handshake.ts'
import type { Preface } from '../tls/preface.ts'
import { Trust } from '../tls/trust.ts'
import { SecureContexts } from '../tls/secure-contexts.ts'
import type { PolicyGround } from '../policies/policy.ts'
import { QuotaNotes } from '../policies/quota-notes.ts'
import { openSharedBuckets } from '../shared/buckets.ts'
import { openInFlight } from '../shared/in-flight.ts'
import { READ_BYTES, Scratch } from '../io/scratch.ts'
import { Turns } from '../io/turns.ts'
import { createAccessLog } from '../records/access-log.ts'
import { createRecordBatches } from '../records/record-batches.ts'
import { openKeyedCounts } from '../shared/counts.ts'
import type { Post, WorkerBoot } from '../threads/messages.ts'
import { createTotalsCollector } from '../totals/worker-totals.ts'
import { Http1InstanceConnection, RESPONSE_FIELDS_MAX } from '../upstream/http1-connection.ts'
import { Http2InstanceConnection } from '../upstream/http2-connection.ts'
import type { Instance } from '../upstream/instance.ts'
import { createHttp2Grounds } from './http2-grounds.ts'

/** Everything of one worker. */
export interface WorkerContext extends ExchangeContext {
  readonly index: number
  readonly workers: number
  readonly clients: Set<ClientConnection>
  /** Memory of what all workers learn of services and instances. */
  readonly learnt: SharedArrayBuffer
  readonly rawClients: Set<RawConnection<Exchange>>
  /** Connections that are no clients yet. */
  readonly handshakes: Set<Handshake | Preface>
  readonly contexts: SecureContexts
  /** What quotas have counted since control was told. */
  readonly quotas: QuotaNotes
  /** Defects of ours that ended a request, since the start of the worker. */
  defectCount: number
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
  streamsMax: 128,
  streamWindowBytes: 131_072,
  connectionWindowBytes: 1_048_576,
}

/** What its connections with TLS share, on both sides. */
function tlsGrounds(
  ticketKeys: Uint8Array,
): Pick<WorkerContext, 'https' | 'challenges' | 'handshakes' | 'contexts' | 'trust'> {
  return {
    https: { hstsLine: '', redirectPort: -1, securePort: 0 },
    challenges: new Map(),
    handshakes: new Set(),
    contexts: new SecureContexts(ticketKeys),
    trust: new Trust(),
  }
}

/** What policies are compiled with, and what of theirs is under way. */
function policyGrounds(
  options: WorkerBoot & { readonly clock: Clock; readonly post: Post },
): Pick<WorkerContext, 'policyGround' | 'quotas' | 'mirrors' | 'encoders'> {
  const { index, workers, clock, post } = options
  const quotas = new QuotaNotes()
  const policyGround: PolicyGround = {
    workers,
    buckets: openSharedBuckets(options.buckets),
    auth: createAuthGround(clock, (issuer) => post({ type: 'key-wanted', issuer })),
    flights: openInFlight(options.flights, index),
    quotas,
    random: Math.random,
  }
  return { policyGround, quotas, mirrors: { count: 0 }, encoders: { count: 0 } }
}

/** What a worker's connections share, before its first snapshot. */
export function createContext(
  options: WorkerBoot & { readonly clock: Clock; readonly post: Post },
): WorkerContext {
  const { index, workers, clock, post } = options
  const totals = createTotalsCollector()
  const responseDrops = createResponseDrops(OWN_RESPONSE_FIELDS)
  const grounds = policyGrounds(options)
  const context: WorkerContext = {
    index,
    workers,
    clock,
    wallOffsetMs: clock.nowMs() - clock.monotonicMs(),
    counts: openKeyedCounts(options.shared, index),
    learnt: options.resilience,
    totals,
    sinks: { totals, ...createLogs(post) },
    identifiers: new Identifiers(),
    dateLine: new DateLine(),
    readBuffer: Buffer.allocUnsafeSlow(READ_BYTES),
    scratch: new Scratch(),
    ...createHttp2Grounds(clock),
    countLimited: (limit) => totals.countLimited(limit),
    turns: new Turns((error) => context.reportDefect(error)),
    requestHead: createRequestHead(FIRST_LIMITS.headersMax),
    responseHead: createResponseHead(RESPONSE_FIELDS_MAX),
    requestRewrite: { ...createRequestRewrite(), forwardsExpect: true },
    responseRewrite: { ...createResponseRewrite(), drops: responseDrops },
    pick: createPickContext<Instance>(Math.random),
    keyHash: new HalfSipHash(0, 0, [1, 3]),
    instancePermit: 0,
    headFields: new HeadFields(),
    ...grounds,
    policyView: new PolicyView(
      (exchange) => resume(context, exchange),
      (address) => context.trusted.contains(address),
    ),
    responseDrops,
    version: 0,
    limits: FIRST_LIMITS,
    headLimits: FIRST_LIMITS,
    responseLimits: FIRST_LIMITS,
    trusted: createCidrSet([]),
    trustVersion: 0,
    hosts: createHostNames({ hosts: [], routes: [] }),
    ...tlsGrounds(options.ticketKeys),
    routes: createRoutes([], totals, grounds.policyGround),
    services: new Map(),
    addresses: new Map(),
    crowded: new Set(),
    clients: new Set(),
    rawClients: new Set(),
    exchanges: [],
    spareExchanges: [],
    isDraining: false,
    defectCount: 0,
    clientEvents: createClientEvents(() => context),
    instanceEvents: createInstanceEvents(() => context),
    connect: (instance) =>
      new Http1InstanceConnection<Attempt>(context, instance, context.instanceEvents),
    connectShared: (instance) =>
      new Http2InstanceConnection<Attempt>(context, instance, context.instanceEvents),
    instanceChanged: (instance) => totals.touchInstance(instance),
    reportDrained: (service, id, removal) => post({ type: 'drained', service, id, removal }),
    happened: (event) => post({ type: 'happened', event }),
    fallBack: (exchange, reply) => fallBack(context, exchange, reply),
    breakerChanged: () => post({ type: 'breaker' }),
    reportDefect(error) {
      context.defectCount++
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
      post({ type: 'defect', stack })
    },
  }
  return context
}

/** What is written for each request, and handed to the main thread in batches. */
function createLogs(post: Post): Pick<WorkerContext['sinks'], 'accessLog' | 'batches'> {
  return {
    accessLog: createAccessLog((buffer, length, count) =>
      post({ type: 'log', buffer, length, count }, [buffer]),
    ),
    batches: createRecordBatches((buffer, length, count) =>
      post({ type: 'records', buffer, length, count }, [buffer]),
    ),
  }
}

/** A policy has decided about a request, in the middle of whatever that policy was doing: the request goes on in a turn of its own. */
function resume(ctx: WorkerContext, exchange: Exchange): void {
  const { turn } = exchange
  ctx.turns.schedule({
    isScheduled: false,
    runTurn() {
      if (exchange.turn !== turn) return
      try {
        resumeRequest(ctx, exchange)
      } catch (error) {
        ctx.clientEvents.failed(exchange.client, error)
      }
    },
  })
  ctx.clock.nextTurn(() => ctx.turns.run())
}
