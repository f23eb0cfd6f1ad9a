import type { ResilienceEvent } from '../../contracts/resilience.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { isEjected } from '../../mechanisms/ejection/ejection.ts'
import { judgeOutliers, OUTLIER, type OutlierVerdict } from '../../mechanisms/ejection/outliers.ts'
import { OutlierStats } from '../../mechanisms/ejection/outlier-stats.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Service } from '../upstream/service.ts'

/** An instance that has just joined others is not judged for so long: whoever compiles as it runs, or fills its caches, is slow at first. */
const WARM_UP_MS = 10_000

/** What an attempt that had an answer says of its instance. Costs nothing where outliers are not looked for. */
export function noteLatency(
  { outliers }: ServiceSpec,
  instance: Instance,
  latencyMs: number,
  nowMs: number,
): void {
  if (outliers === undefined || isEjected(instance, nowMs)) return
  instance.outliers ??= new OutlierStats()
  instance.outliers.observe(latencyMs)
}

/** What a failed attempt says of its instance. `isLocal`: no answer came at all. */
export function noteFailure(
  { outliers }: ServiceSpec,
  instance: Instance,
  isLocal: boolean,
  nowMs: number,
): void {
  if (outliers === undefined || isEjected(instance, nowMs)) return
  instance.outliers ??= new OutlierStats()
  instance.outliers.observeFailure(isLocal)
}

/** What a worker did by itself. */
export type Happened = Omit<ResilienceEvent, 'atMs'>

/**
 * Once a span: compares the instances of a service with each other, and leaves out those that are too slow or fail too much. `tell` hears of each; the
 * spans of all are turned.
 */
export function judgeService<W>(
  service: Service<W>,
  nowMs: number,
  tell: (instance: Instance, happened: Happened) => void,
): void {
  const { outliers, ejection } = service.spec
  if (outliers === undefined) return
  const judged: Instance[] = []
  const all: OutlierStats[] = []
  const others: OutlierStats[] = []
  for (const instance of service.instances.values()) {
    if (instance.outliers === undefined) continue
    const isWarm = nowMs - instance.addedAtMs >= WARM_UP_MS
    if (!isWarm || isEjected(instance, nowMs)) {
      others.push(instance.outliers)
      continue
    }
    judged.push(instance)
    all.push(instance.outliers)
  }
  const total = service.balancer.candidates.length
  judgeOutliers(outliers, all, (index, verdict) => {
    const instance = judged[index]!
    if (!service.ejection.eject(instance, ejection, nowMs, total)) return
    instance.outliers?.clear()
    service.counts.ejections++
    tell(instance, tellEjected(service.name, instance, explainVerdict(verdict), nowMs))
  })
  for (const stats of all) stats.turn()
  // What they did before they are judged again is forgotten then.
  for (const stats of others) stats.turn()
}

/** An instance is left out, for how long, and why. */
export function tellEjected(
  service: string,
  { id, ejectedUntilMs }: Instance,
  because: string,
  nowMs: number,
): Happened {
  const forMs = Math.round(ejectedUntilMs - nowMs)
  const seconds = Math.round(forMs / 100) / 10
  return { kind: 'ejected', service, instance: id, forMs, because: `for ${seconds} s: ${because}` }
}

function explainVerdict({ outlier, value, others }: OutlierVerdict): string {
  switch (outlier) {
    case OUTLIER.none:
      return ''
    case OUTLIER.latency:
      return `half of its answers take ${value.toFixed(1)} ms and more, those of the others ${others.toFixed(1)} ms`
    case OUTLIER.failures:
      return `${percent(value)} of its answers fail, and ${percent(others)} of the others'`
    case OUTLIER.localFailures:
      return `${percent(value)} of the requests to it get no answer, and ${percent(others)} of those to the others`
    default:
      return outlier satisfies never
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
