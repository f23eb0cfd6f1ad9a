import { connect, type Socket } from 'node:net'
import { parseProxyHeader } from '../../mechanisms/proxy-protocol/proxy-protocol.ts'
import { reportSuccess } from '../../mechanisms/ejection/ejection.ts'
import type { ListenerSpec } from '../../contracts/snapshot.ts'
import { plainAddress } from '../http/client-connection.ts'
import {
  addAttempt,
  createRecord,
  type ExchangeRecord,
  noteReason,
  noteRequestId,
} from '../records/record.ts'
import { finishRecord } from '../records/sinks.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Service } from '../upstream/service.ts'
import type { WorkerContext } from '../worker/context.ts'

type TcpListener = Extract<ListenerSpec, { kind: 'tcp' }>

/** Instances that one connection attempts before it is given up. */
const ATTEMPTS_MAX = 8
/** Statuses under which the counters file a connection: it was carried, or no instance took it. */
const CARRIED = 200
const FAILED = 503

/** One raw connection from a client to an instance: bytes both ways, each side closed when the other one is (half-close included). */
export class TcpConnection {
  readonly #ctx: WorkerContext
  readonly #listener: TcpListener
  readonly #client: Socket
  readonly #record: ExchangeRecord
  readonly #tried: Instance[] = []
  #upstream: Socket | null = null
  #instance: Instance | null = null
  #hasEnded = false

  constructor(ctx: WorkerContext, listener: TcpListener, client: Socket) {
    this.#ctx = ctx
    this.#listener = listener
    this.#client = client
    this.#record = createTcpRecord(ctx, listener, client)
    ctx.tcpConnections.add(this)
    const edge = ctx.totals.edge('', listener.route, listener.service)
    edge.inFlight++
    ctx.totals.touchEdge(edge)
    ctx.totals.countRequest()
    client.on('error', () => {})
    client.on('close', () => this.#end())
    if (listener.proxyProtocol) this.#readProxyHeader()
    else this.#tryNext()
  }

  destroy(): void {
    this.#client.destroy()
    this.#upstream?.destroy()
  }

  #readProxyHeader(): void {
    const client = this.#client
    const { headTimeoutMs } = this.#ctx.limits
    if (!this.#ctx.trusted.contains(this.#record.client)) {
      return this.#fail('ERR_GATEWAY_PROXY_PROTOCOL', 'the peer is not among the trustedProxies')
    }
    let bytes = Buffer.alloc(0)
    const cancel = this.#ctx.clock.after(headTimeoutMs, () => client.destroy())
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const parsed = parseProxyHeader(bytes)
      if (parsed.kind === 'more') return
      cancel()
      client.off('data', read)
      client.pause()
      if (parsed.kind === 'error') return this.#fail('ERR_GATEWAY_PROXY_PROTOCOL', parsed.message)
      this.#record.client = parsed.source?.address ?? this.#record.client
      if (parsed.consumed < bytes.length) client.unshift(bytes.subarray(parsed.consumed))
      this.#tryNext()
    }
    client.on('data', read)
    client.resume()
  }

  #tryNext(): void {
    const service = this.#ctx.services.get(this.#listener.service)
    const instance = service === undefined ? undefined : this.#choose(service)
    if (service === undefined || instance === undefined || this.#tried.length >= ATTEMPTS_MAX) {
      const what = this.#tried.length === 0 ? 'has no routable instance' : 'took no connection'
      return this.#fail('ERR_GATEWAY_NO_INSTANCE', `${this.#listener.service} ${what}`)
    }
    this.#connect(service, instance)
  }

  #choose(service: Service): Instance | undefined {
    const { pick, clock } = this.#ctx
    pick.nowMs = clock.monotonicMs()
    pick.excluded = this.#tried
    pick.slowStartMs = service.spec.balance.slowStartMs
    pick.sticky = ''
    pick.mayPanic = true
    return service.balancer.pick(pick)
  }

  #connect(service: Service, instance: Instance): void {
    const { clock } = this.#ctx
    const attempt = addAttempt(this.#record, clock.monotonicMs())
    attempt.instance = instance.id
    attempt.address = instance.address
    this.#enter(instance)
    const { host, port } = instance.spec
    const upstream = connect({ host, port, noDelay: true, allowHalfOpen: true })
    this.#upstream = upstream
    const cancel = clock.after(service.spec.connectTimeoutMs, () => upstream.destroy())
    let isConnected = false
    upstream.on('error', () => {})
    upstream.on('connect', () => {
      isConnected = true
      cancel()
      attempt.connectedMs = clock.monotonicMs()
      attempt.outcome = 'connected'
      reportSuccess(instance, service.spec.ejection, attempt.connectedMs)
      this.#carry(upstream)
    })
    upstream.on('close', () => {
      cancel()
      this.#leave()
      if (isConnected || this.#hasEnded) return this.#client.destroySoon()
      attempt.outcome = 'connect-refused'
      this.#reportFailedAttempt(service, instance)
      this.#tried.push(instance)
      this.#tryNext()
    })
  }

  #reportFailedAttempt(service: Service, instance: Instance): void {
    const nowMs = this.#ctx.clock.monotonicMs()
    const total = service.balancer.candidates.length
    service.ejection.reportFailure(instance, service.spec.ejection, nowMs, total)
    instance.counters.failures++
    this.#ctx.totals.touchInstance(instance)
  }

  #carry(upstream: Socket): void {
    const idleMs = this.#ctx.limits.tunnelIdleTimeoutMs
    if (idleMs > 0) this.#client.setTimeout(idleMs, () => this.destroy())
    this.#record.status = CARRIED
    this.#client.pipe(upstream)
    upstream.pipe(this.#client)
  }

  #enter(instance: Instance): void {
    this.#instance = instance
    instance.inFlight++
    instance.connectionCount++
    this.#ctx.totals.touchInstance(instance)
  }

  #leave(): void {
    const instance = this.#instance
    if (instance === null) return
    this.#instance = null
    instance.inFlight--
    instance.connectionCount--
    this.#ctx.totals.touchInstance(instance)
    if (instance.isGone && instance.inFlight === 0) {
      this.#ctx.reportDrained(instance.spec.service, instance.id, instance.removal)
    }
  }

  #fail(code: string, detail: string): void {
    this.#record.status = FAILED
    noteReason(this.#record, code, detail)
    this.#client.destroy()
  }

  /** Once, when the client's socket is closed. */
  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const ctx = this.#ctx
    const record = this.#record
    this.#upstream?.destroy()
    this.#leave()
    ctx.tcpConnections.delete(this)
    ctx.counts.give('connections')
    record.durationMs = ctx.clock.monotonicMs() - record.startedMs
    record.requestBytes = this.#client.bytesRead
    record.responseBytes = this.#client.bytesWritten
    const edge = ctx.totals.edge('', this.#listener.route, this.#listener.service)
    edge.inFlight--
    finishRecord(ctx, record, edge)
  }
}

function createTcpRecord(
  ctx: WorkerContext,
  listener: TcpListener,
  client: Socket,
): ExchangeRecord {
  const record = createRecord()
  const service = ctx.services.get(listener.service)
  noteRequestId(record, ctx.identifiers.requestId())
  record.startedMs = ctx.clock.monotonicMs()
  record.startedAtMs = record.startedMs + ctx.wallOffsetMs
  record.listener = listener.id
  record.client = plainAddress(client.remoteAddress ?? '')
  record.protocol = 'tcp'
  record.method = 'TCP'
  record.route = listener.route
  record.service = listener.service
  record.serviceSource = service?.spec.source ?? ''
  record.algorithm = service?.spec.balance.algorithm ?? ''
  record.version = ctx.version
  return record
}
