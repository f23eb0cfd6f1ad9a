import type { ScaleHistory } from '../../mechanisms/autoscale/behavior.ts'
import { changeScale, decideScale, type ScaleDecision } from '../../mechanisms/autoscale/decide.ts'
import { CPU, type Metric, type Replica, type Total } from '../../mechanisms/autoscale/metrics.ts'
import { CpuReadings, type InstanceCounters, type Reading, TrafficReadings } from './readings.ts'
import { holdReasonOf, type ScaledService, type ScaleSpec } from './scaled-service.ts'

/** The hard limit: changes of one service's number in a minute, whatever its policies say. */
export const ACTIONS_PER_MINUTE_MAX = 20
const MINUTE_MS = 60_000

/** What one turn came to. `to` differs from `from` where the number is to be changed. */
export interface ScaleTurn {
  readonly atMs: number
  readonly from: number
  readonly to: number
  /** Why the scaler keeps its hands off, for people. */
  readonly hold: string | undefined
  /** What it would do otherwise; undefined while an operator's word stands above it. */
  readonly decision: ScaleDecision | undefined
}

/** Decides for one service, turn by turn. It is told what there is and says what to do; it has no clock and does nothing. */
export class ServiceScaler {
  readonly #traffic = new TrafficReadings()
  readonly #cpu = new CpuReadings()
  readonly #boundsMs: readonly number[]
  readonly #readiness = new Map<string, { isReady: boolean; sinceMs: number; seenMs: number }>()
  #history: ScaleHistory | undefined
  #actions: readonly number[] = []

  /** Upper bounds of the latency buckets in what it will be told. */
  constructor(latencyBoundsMs: readonly number[]) {
    this.#boundsMs = latencyBoundsMs
  }

  /** What the gateway says, about once a second. Times never go back. */
  observeTraffic(instances: readonly InstanceCounters[], nowMs: number): void {
    this.#traffic.observe(instances, nowMs)
  }

  /** One turn. The caller carries it out, and reports with `changed` that it has. */
  decide(spec: ScaleSpec, service: ScaledService, nowMs: number): ScaleTurn {
    const running = service.instances.filter(({ phase }) => phase === 'running')
    this.#cpu.observe(running, nowMs)
    const replicas = this.#replicasOf(service, nowMs)
    const from = service.wantedCount
    const hold = holdReasonOf(service)
    if (service.override !== 'none')
      return { atMs: nowMs, from, to: from, hold, decision: undefined }
    const turn = decideScale(
      spec.terms,
      this.#metricsOf(spec, service, nowMs),
      {
        wantedCount: from,
        presentCount: service.instances.filter((one) => !one.isLeaving).length,
        replicas,
      },
      this.#history,
      nowMs,
    )
    const { decision } = turn
    // Bounds are the file's word, not a measure: they hold at any time.
    const held =
      decision.state === 'bounded' ? undefined : (hold ?? this.#limitOf(from, decision, nowMs))
    // What a held turn recommends was measured in a state that is none: it is not remembered.
    if (hold === undefined) this.#history = turn.history
    return {
      atMs: nowMs,
      from,
      to: held === undefined ? decision.replicas : from,
      hold: held,
      decision,
    }
  }

  /** The number was really changed. */
  changed(spec: ScaleSpec, { from, to }: ScaleTurn, nowMs: number): void {
    if (from === to) return
    this.#actions = [...this.#recent(nowMs), nowMs]
    if (this.#history !== undefined)
      this.#history = changeScale(spec.terms, this.#history, from, to, nowMs)
  }

  #limitOf(from: number, { replicas }: ScaleDecision, nowMs: number): string | undefined {
    if (from === replicas || this.#recent(nowMs).length < ACTIONS_PER_MINUTE_MAX) return undefined
    return `it was changed ${ACTIONS_PER_MINUTE_MAX} times in the last minute`
  }

  #recent(nowMs: number): readonly number[] {
    return this.#actions.filter((atMs) => atMs > nowMs - MINUTE_MS)
  }

  /** Drivers say whether an instance is ready; since when is seen here. */
  #replicasOf({ instances }: ScaledService, nowMs: number): readonly Replica[] {
    const present = new Set(instances.map(({ id }) => id))
    for (const id of this.#readiness.keys()) if (!present.has(id)) this.#readiness.delete(id)
    return instances.map(({ id, phase, isLeaving, isReady }) => {
      const known = this.#readiness.get(id)
      const seenMs = known?.seenMs ?? nowMs
      const sinceMs = known?.isReady === isReady ? known.sinceMs : nowMs
      this.#readiness.set(id, { isReady, sinceMs, seenMs })
      return { id, phase, isLeaving, readiness: { isReady, sinceMs }, startedAtMs: seenMs }
    })
  }

  #metricsOf(
    { targets }: ScaleSpec,
    { instances }: ScaledService,
    nowMs: number,
  ): readonly Metric[] {
    const { requestsPerSecond, concurrency, cpuPercent, latencies } = targets
    const metrics: Metric[] = []
    if (requestsPerSecond !== undefined)
      metrics.push({
        kind: 'shared',
        name: 'requests',
        targetMilli: requestsPerSecond * 1000,
        total: totalOf(this.#traffic.requestsPerSecond(nowMs)),
      })
    if (concurrency !== undefined)
      metrics.push({
        kind: 'shared',
        name: 'concurrency',
        targetMilli: concurrency * 1000,
        total: totalOf(this.#traffic.concurrency(nowMs)),
      })
    for (const latency of latencies)
      metrics.push({
        kind: 'value',
        name: `latency p${Number((latency.share * 100).toFixed(3))}`,
        targetMilli: latency.ms * 1000,
        total: totalOf(this.#traffic.latencyMs(latency.share, this.#boundsMs, nowMs)),
      })
    if (cpuPercent !== undefined)
      metrics.push({
        kind: 'utilization',
        name: 'cpu',
        resource: CPU,
        // One core: what one thread can use.
        requests: new Map(instances.map(({ id }) => [id, 1000])),
        targetPercent: cpuPercent,
        samples: { state: 'known', byReplica: this.#cpu.samples() },
      })
    return metrics
  }
}

function totalOf(reading: Reading): Total {
  if (reading.state === 'missing') return reading
  return { state: 'known', milli: Math.round(reading.value * 1000) }
}
