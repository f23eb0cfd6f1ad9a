import type { FastifyInstance } from 'fastify'
import { LATENCY_BOUNDS_MS } from '../../contracts/snapshot.ts'
import type { Timeline } from '../../contracts/timeline.ts'
import type { Part, Problem, Scope } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { TotalsStore } from '../gateway/totals.ts'
import type { Processes } from '../processes/api.ts'
import { explainTurn } from './explain.ts'
import { viewProcesses } from './process-driver.ts'
import type { InstanceCounters } from './readings.ts'
import type { ScaleSpec } from './scaled-service.ts'
import { ServiceScaler, type ScaleTurn } from './scaler.ts'
import type { ScalingConfig } from './settings.ts'

/** What the scaler looks at and acts on. */
export interface ScalingNeeds {
  readonly processes: Pick<Processes, 'service' | 'override' | 'setScaled'>
  readonly discovery: { isRoutable(service: string, id: string): boolean }
  readonly totals: Pick<TotalsStore, 'onTotals' | 'instances'>
  readonly timeline: Timeline
}

/** One service that is scaled. */
interface Scaled {
  readonly scaler: ServiceScaler
  spec: ScaleSpec
  dueMs: number
  /** The newest turn. */
  turn: ScaleTurn | undefined
  /** Since when there has been no decision for want of data; undefined: there is. */
  blindSinceMs: number | undefined
  upCount: number
  downCount: number
}

const TICK_MS = 1000
/** For so long data may be missing, as after a start, before somebody is told. */
const BLIND_MS = 15_000

/** Scales the services that the file says are scaled. It never writes the operator's override. */
export function startScaling(
  first: ScalingConfig,
  needs: ScalingNeeds,
  scope: Scope,
): Part<ScalingConfig, Record<string, never>> {
  const services = new Map<string, Scaled>()
  configure(first)
  needs.totals.onTotals(() => observe())
  scope.onStop(scope.clock.every(TICK_MS, tick))

  function configure(next: ScalingConfig): void {
    for (const name of services.keys()) if (!next.has(name)) services.delete(name)
    for (const [name, spec] of next) {
      const known = services.get(name)
      if (known === undefined) services.set(name, createScaled(spec))
      else known.spec = spec
    }
  }

  function observe(): void {
    if (services.size === 0) return
    const rows = new Map<string, InstanceCounters[]>()
    for (const { service, id, statuses, inFlight, latencyCounts } of needs.totals.instances()) {
      if (!services.has(service)) continue
      const requests = statuses.reduce((sum, one) => sum + one, 0)
      const list = rows.get(service) ?? []
      list.push({ id, requests, inFlight, latencyCounts })
      rows.set(service, list)
    }
    const nowMs = scope.clock.monotonicMs()
    for (const [name, { scaler }] of services) scaler.observeTraffic(rows.get(name) ?? [], nowMs)
  }

  function tick(): void {
    if (scope.stopping.aborted) return
    const nowMs = scope.clock.monotonicMs()
    for (const [name, one] of services) {
      if (nowMs < one.dueMs) continue
      // Ticks are never exact: half of one early is in time.
      one.dueMs = nowMs + one.spec.everyMs - TICK_MS / 2
      turn(name, one, nowMs)
    }
  }

  function turn(name: string, one: Scaled, nowMs: number): void {
    const service = viewProcesses(needs.processes, name, needs.discovery)
    if (service === undefined) return
    const made = one.scaler.decide(one.spec, service, nowMs)
    one.turn = made
    const isBlind = made.hold === undefined && made.decision?.state === 'held'
    one.blindSinceMs = isBlind ? (one.blindSinceMs ?? nowMs) : undefined
    if (made.to === made.from) return
    needs.processes.setScaled(name, made.to)
    one.scaler.changed(one.spec, made, nowMs)
    if (made.to > made.from) one.upCount++
    else one.downCount++
    const why = explainTurn(name, made)
    scope.log('info', 'scaled', { service: name, why: why.join(' ·') })
    needs.timeline.note({
      kind: 'scale',
      severity: 'info',
      service: name,
      instance: '',
      text: `was scaled from ${made.from} to ${made.to}`,
      detail: why.join('\n'),
    })
  }

  return {
    api: {},
    prepare: (next) => ({ commit: () => configure(next) }),
    routes: [(app) => registerScaleRoute(app, services)],
    metrics: () => scalingMetrics(services),
    problems: () => blindProblems(services, scope.clock.monotonicMs()),
  }
}

function createScaled(spec: ScaleSpec): Scaled {
  const scaler = new ServiceScaler(LATENCY_BOUNDS_MS)
  const none = { turn: undefined, blindSinceMs: undefined }
  return { scaler, spec, dueMs: 0, ...none, upCount: 0, downCount: 0 }
}

function registerScaleRoute(app: FastifyInstance, services: ReadonlyMap<string, Scaled>): void {
  const params = {
    type: 'object',
    required: ['service'],
    properties: { service: { type: 'string', maxLength: 80 } },
  } as const
  app.get<{ Params: { service: string } }>(
    '/api/v1/services/:service/scale',
    { schema: { summary: 'What its scaler decided last, and why.', params } },
    (request) => {
      const { service } = request.params
      const one = services.get(service)
      if (one === undefined) throw notScaled(service, [...services.keys()])
      if (one.turn === undefined) return { service, lines: [`${service}: no decision yet`] }
      const { from, to, hold, decision } = one.turn
      const lines = explainTurn(service, one.turn)
      return { service, from, to, hold: hold ?? '', decision: decision ?? null, lines }
    },
  )
}

function notScaled(service: string, known: readonly string[]): ProblemError {
  const those = known.length === 0 ? 'none' : known.join(', ')
  return new ProblemError(
    404,
    'ERR_SCALING_NOT_SCALED',
    `'${service}' has no scale in the file, so nothing changes its number but you. Scaled services: ${those}.`,
  )
}

function* scalingMetrics(services: ReadonlyMap<string, Scaled>): Generator<MetricFamily> {
  const all = [...services]
  yield {
    name: 'backplane_scaling_wanted_instances',
    help: 'Instances after the newest decision.',
    type: 'gauge',
    samples: all.map(([service, { turn }]) => ({ labels: { service }, value: turn?.to ?? 0 })),
  }
  yield {
    name: 'backplane_scaling_held',
    help: '1 while the scaler keeps its hands off: an override, a rollout, a crash loop, missing data.',
    type: 'gauge',
    samples: all.map(([service, { turn }]) => ({
      labels: { service },
      value: Number(turn?.hold !== undefined || turn?.decision?.state === 'held'),
    })),
  }
  yield {
    name: 'backplane_scaling_changes_total',
    help: 'Changes of the number of instances by the scaler.',
    type: 'counter',
    samples: all.flatMap(([service, { upCount, downCount }]) => [
      { labels: { service, direction: 'up' }, value: upCount },
      { labels: { service, direction: 'down' }, value: downCount },
    ]),
  }
}

function* blindProblems(services: ReadonlyMap<string, Scaled>, nowMs: number): Generator<Problem> {
  for (const [service, { blindSinceMs, turn }] of services) {
    if (turn === undefined || blindSinceMs === undefined || nowMs - blindSinceMs < BLIND_MS)
      continue
    yield {
      severity: 'warning',
      code: 'ERR_SCALING_DATA_MISSING',
      service,
      instance: '',
      text: explainTurn(service, turn)
        .map((line) => line.trim())
        .join('; '),
    }
  }
}
