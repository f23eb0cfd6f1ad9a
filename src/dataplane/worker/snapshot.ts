import { createHostNames } from '../exchange/host-check.ts'
import { LEVELS_MAX } from '../../mechanisms/balancing/groups.ts'
import { createCidrSet } from '../../mechanisms/cidr/cidr.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import { createRequestHead } from '../../mechanisms/http1/request-head.ts'
import type {
  GatewaySpec,
  InstanceSpec,
  ServiceSpec,
  SnapshotOp,
} from '../../contracts/snapshot.ts'
import { serveWaiting } from '../exchange/attempts.ts'
import type { Attempt } from '../exchange/exchange.ts'
import { scopeOf } from '../policies/limit-key.ts'
import { createRoutes } from '../exchange/routes.ts'
import { breakerOfInstance } from '../resilience/breakers.ts'
import { recordAt } from '../shared/resilience-memory.ts'
import { addressOf, createInstance, type Instance } from '../upstream/instance.ts'
import { createPermits } from '../upstream/permits.ts'
import { Service } from '../upstream/service.ts'
import { connectionsKey, flightKey, pendingKey } from '../threads/messages.ts'
import type { WorkerContext } from './context.ts'

/**
 * Applies the changes of one version, in one turn of the event loop: no request sees half of them. One that control should not have let
 * through is left out and reported: an old route serves better than a dead worker.
 */
export function applyOps(
  ctx: WorkerContext,
  ops: readonly SnapshotOp[],
  isReset: boolean,
  places: ReadonlyMap<string, number>,
  failed: (op: SnapshotOp, error: unknown) => void,
): void {
  if (isReset) dropUnnamed(ctx, ops)
  for (const op of ops) {
    try {
      applyOp(ctx, op, places)
    } catch (error) {
      failed(op, error)
    }
  }
}

function applyOp(ctx: WorkerContext, op: SnapshotOp, places: ReadonlyMap<string, number>): void {
  switch (op.op) {
    case 'gateway':
      return applyGateway(ctx, op.gateway)
    case 'service':
      return applyService(ctx, op.service, places)
    case 'service-gone':
      return dropService(ctx, op.service)
    case 'instance':
      return applyInstance(
        ctx,
        op.instance,
        placeOf(places, connectionsKey(op.instance.service, op.instance.id)),
      )
    case 'instance-gone':
      return dropInstance(ctx, op.service, op.id, op.removal)
    case 'certificate':
    case 'certificate-gone':
      return ctx.contexts.apply(op)
    case 'challenge':
      ctx.challenges.set(op.challenge.id, op.challenge)
      return ctx.contexts.apply(op)
    case 'challenge-gone':
      ctx.challenges.delete(op.id)
      return ctx.contexts.apply(op)
    case 'client-authority':
    case 'client-authority-gone':
      ctx.contexts.apply(op)
      return renewClients(ctx)
    case 'trust':
      if (ctx.trust.apply(op.trust)) reconnect(ctx.services.get(op.trust.service))
      return
    case 'trust-gone':
      ctx.trust.forget(op.service)
      return reconnect(ctx.services.get(op.service))
    case 'issuer':
    case 'issuer-gone':
      return ctx.policyGround.auth.apply(op)
    case 'quotas':
      for (const { scope, key, period, used } of op.rows)
        ctx.policyGround.buckets.raiseQuota(scopeOf(scope), key, period, used)
      return
    default:
      return op satisfies never
  }
}

/** Whom certificates of clients are believed by has changed: those that were shown are to be shown again, on new connections. */
function renewClients(ctx: WorkerContext): void {
  for (const client of ctx.clients) {
    if (client.peer.tls?.isClientAsked !== true) continue
    client.announceEnd()
    if (client.isIdle) client.closeGently()
  }
}

/** After a reset there is what it names, and nothing else. */
function dropUnnamed(ctx: WorkerContext, ops: readonly SnapshotOp[]): void {
  const services = new Set<string>()
  const instances = new Set<string>()
  const certificates = new Set<string>()
  const challenges = new Set<string>()
  const trusting = new Set<string>()
  const issuers = new Set<string>()
  const authorities = new Set<string>()
  for (const op of ops) {
    if (op.op === 'service') services.add(op.service.name)
    if (op.op === 'instance') instances.add(`${op.instance.service}\n${op.instance.id}`)
    if (op.op === 'certificate') certificates.add(op.certificate.id)
    if (op.op === 'challenge') challenges.add(op.challenge.id)
    if (op.op === 'trust') trusting.add(op.trust.service)
    if (op.op === 'issuer') issuers.add(op.issuer.name)
    if (op.op === 'client-authority') authorities.add(op.authority.name)
  }
  ctx.contexts.keepOnly(certificates, challenges, authorities)
  ctx.trust.keepOnly(trusting)
  ctx.policyGround.auth.issuerKeys.keepOnly(issuers)
  for (const id of ctx.challenges.keys()) if (!challenges.has(id)) ctx.challenges.delete(id)
  for (const service of ctx.services.values()) {
    for (const id of service.instances.keys()) {
      if (!instances.has(`${service.name}\n${id}`)) dropInstance(ctx, service.name, id)
    }
    if (!services.has(service.name)) dropService(ctx, service.name)
  }
}

function applyGateway(ctx: WorkerContext, gateway: GatewaySpec): void {
  const { limits } = gateway
  const routes = createRoutes(gateway.routes, ctx.totals, ctx.policyGround)
  const trusted = createCidrSet(gateway.trustedProxies)
  if (limits.headersMax !== ctx.limits.headersMax)
    ctx.requestHead = createRequestHead(limits.headersMax)
  ctx.routes = routes
  ctx.trusted = trusted
  ctx.trustVersion++
  ctx.hosts = createHostNames(gateway)
  const { hsts, redirectPort } = gateway.https
  ctx.https.hstsLine = hsts === '' ? '' : formatLine('strict-transport-security', hsts)
  ctx.https.redirectPort = redirectPort
  ctx.identifiers.sampleRate = gateway.traceSampleRate
  ctx.limits = limits
  ctx.headLimits = limits
  ctx.responseLimits = {
    requestLineBytesMax: limits.responseHeadBytesMax,
    headBytesMax: limits.responseHeadBytesMax,
  }
}

/** -1: there was no place left, and the limit holds for each worker by itself. */
function placeOf(places: ReadonlyMap<string, number>, key: string): number {
  return places.get(key) ?? -1
}

function applyService(
  ctx: WorkerContext,
  spec: ServiceSpec,
  places: ReadonlyMap<string, number>,
): void {
  const known = ctx.services.get(spec.name)
  const flightPlace = placeOf(places, flightKey(spec.name))
  if (known === undefined) {
    const place = placeOf(places, pendingKey(spec.name))
    const pending = createPermits(ctx.counts, place, spec.pendingMax)
    const serve = (service: Service<Attempt>): void => serveWaiting(ctx, service)
    const learnt = recordAt(ctx.learnt, place)
    const service = new Service(spec, pending, learnt, serve)
    service.bound(ctx.counts, flightPlace)
    ctx.services.set(spec.name, service)
    return
  }
  const { tls } = known.spec
  known.configure(spec)
  known.bound(ctx.counts, flightPlace)
  if (tls?.name !== spec.tls?.name) reconnect(known)
  // A raised limit is room for those that wait.
  ctx.turns.schedule(known)
}

function dropService(ctx: WorkerContext, name: string): void {
  const service = ctx.services.get(name)
  if (service === undefined) return
  for (const id of service.instances.keys()) dropInstance(ctx, name, id)
  ctx.services.delete(name)
  ctx.turns.schedule(service)
}

function applyInstance(ctx: WorkerContext, spec: InstanceSpec, place: number): void {
  const service = ctx.services.get(spec.service)
  if (service === undefined) return
  const known = service.instances.get(spec.id)
  if (known !== undefined && known.address === addressOf(spec)) {
    known.spec = spec
    label(known)
    service.regroup()
    if (known.weight !== spec.weight) service.balancer.reweigh(known, spec.weight)
    return
  }
  if (known !== undefined) removeInstance(service, known)
  // The first instances of a service are not new to it: slow start is for those that join others.
  const isFirst = service.instances.size === 0
  const sinceMs = isFirst ? -Infinity : ctx.clock.monotonicMs()
  const permits = createPermits(ctx.counts, place, service.spec.connectionsPerInstanceMax)
  const learnt = recordAt(ctx.learnt, place)
  const instance = createInstance(service, spec, sinceMs, permits, learnt)
  applyTo(service, instance)
  // Of a worker that begins, nobody is new.
  if (ctx.version > 0) service.breaker?.tryNow()
  service.instances.set(spec.id, instance)
  service.balancer.add(instance)
  service.regroup()
  ctx.turns.schedule(service)
}

/** What of a service's settings its instances carry. */
function applyTo(service: Service<Attempt>, instance: Instance): void {
  const { protocol, tls, breaker } = service.spec
  instance.isHttp2 = protocol === 'h2c'
  instance.tlsName = tls === undefined ? null : tls.name
  instance.breaker = breakerOfInstance(breaker, null, instance.learnt)
  label(instance)
}

/** The groups that its requests may choose it by. */
function label(instance: Instance): void {
  const { level = 0, isBackup = false, subset = '' } = instance.spec
  instance.level = Math.min(level, LEVELS_MAX - 1)
  instance.isBackup = isBackup
  instance.subset = subset
}

/** From now on TLS is spoken otherwise, or not at all, or others are believed: no request may meet a connection from before. */
function reconnect(service: Service<Attempt> | undefined): void {
  if (service === undefined) return
  // What is put back would be met again.
  const all = [...service.instances.values()]
  for (const old of all) {
    const { spec, permits, learnt } = old
    removeInstance(service, old)
    const instance = createInstance(service, spec, -Infinity, permits, learnt)
    applyTo(service, instance)
    service.instances.set(spec.id, instance)
    service.balancer.add(instance)
  }
}

function dropInstance(ctx: WorkerContext, serviceName: string, id: string, removal = 0): void {
  const service = ctx.services.get(serviceName)
  const instance = service?.instances.get(id)
  if (service !== undefined && instance !== undefined) {
    instance.removal = removal
    removeInstance(service, instance)
    // It may have been the last one: then those that wait are told.
    ctx.turns.schedule(service)
  }
  // Also where this worker never knew it: the main thread waits for all.
  if (instance === undefined || instance.inFlight === 0) ctx.reportDrained(serviceName, id, removal)
}

function removeInstance(service: Service<Attempt>, instance: Instance): void {
  instance.isGone = true
  service.instances.delete(instance.id)
  service.balancer.remove(instance)
  service.ejection.remove(instance)
  service.regroup()
  for (const connection of instance.idle.slice()) connection.cancel()
}
