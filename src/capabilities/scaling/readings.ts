import type { Sample } from '../../mechanisms/autoscale/metrics.ts'

/** Counters of one instance as the gateway's totals have them: they only rise, until the data plane or the instance begins anew. */
export interface InstanceCounters {
  readonly id: string
  readonly requests: number
  readonly inFlight: number
  /** One count a bucket, not cumulative. */
  readonly latencyCounts: readonly number[]
}

/** What is measured over: long enough to be calm, short enough to be news. */
const WINDOW_MS = 5000
/** A rate over less than this says nothing. */
const SPAN_MIN_MS = 900
/** Totals come once a second. When they stay away for so long, what they said counts no more. */
const STALE_MS = 3000

interface Point {
  readonly atMs: number
  readonly requests: number
  readonly inFlight: number
  readonly latencyCounts: readonly number[]
}

/** A number, or why there is none. */
export type Reading =
  | { readonly state: 'known'; readonly value: number }
  | { readonly state: 'missing'; readonly reason: string }

/**
 * What the gateway says of one service, over the last five seconds. Counters that went back began anew and count from nothing; an instance that is
 * new began at nothing; one that is gone takes nothing away.
 */
export class TrafficReadings {
  #points: readonly Point[] = []
  #last: ReadonlyMap<string, InstanceCounters> | undefined

  /** Once with every totals message. */
  observe(instances: readonly InstanceCounters[], nowMs: number): void {
    const last = this.#last
    this.#last = new Map(instances.map((one) => [one.id, one]))
    const before = this.#points.at(-1)
    let requests = before?.requests ?? 0
    let inFlight = 0
    const latencyCounts = [...(before?.latencyCounts ?? [])]
    for (const now of instances) {
      inFlight += now.inFlight
      // The first message says how much there ever was, not since when.
      if (last === undefined) continue
      const known = last.get(now.id)
      const then = known !== undefined && known.requests <= now.requests ? known : undefined
      requests += now.requests - (then?.requests ?? 0)
      for (const [bucket, count] of now.latencyCounts.entries()) {
        const added = Math.max(0, count - (then?.latencyCounts[bucket] ?? 0))
        latencyCounts[bucket] = (latencyCounts[bucket] ?? 0) + added
      }
    }
    const kept = this.#points.filter(({ atMs }) => atMs >= nowMs - WINDOW_MS)
    this.#points = [...kept, { atMs: nowMs, requests, inFlight, latencyCounts }]
  }

  /** Requests a second to all instances together. */
  requestsPerSecond(nowMs: number): Reading {
    const span = this.#span(nowMs)
    if (span.state === 'missing') return span
    const { first, last } = span
    return known(((last.requests - first.requests) * 1000) / (last.atMs - first.atMs))
  }

  /** Requests in flight at all instances together: the mean of the window's moments. */
  concurrency(nowMs: number): Reading {
    const span = this.#span(nowMs)
    if (span.state === 'missing') return span
    const points = this.#points
    return known(points.reduce((sum, one) => sum + one.inFlight, 0) / points.length)
  }

  /**
   * The latency below which a share of the window's requests stayed, in milliseconds, straight between the bounds of its bucket; the last bound for what
   * is above all bounds; 0 where nothing was asked, so that an idle service shrinks.
   */
  latencyMs(share: number, boundsMs: readonly number[], nowMs: number): Reading {
    const span = this.#span(nowMs)
    if (span.state === 'missing') return span
    const { first, last } = span
    const counts = last.latencyCounts.map((one, at) => one - (first.latencyCounts[at] ?? 0))
    const total = counts.reduce((sum, one) => sum + one, 0)
    if (total === 0) return known(0)
    let left = total * share
    for (const [bucket, count] of counts.entries()) {
      if (count > 0 && left <= count) {
        const high = boundsMs[bucket]
        if (high === undefined) break
        const low = boundsMs[bucket - 1] ?? 0
        return known(low + (high - low) * (left / count))
      }
      left -= count
    }
    return known(boundsMs.at(-1) ?? 0)
  }

  #span(
    nowMs: number,
  ):
    | { readonly state: 'known'; readonly first: Point; readonly last: Point }
    | { readonly state: 'missing'; readonly reason: string } {
    const first = this.#points[0]
    const last = this.#points.at(-1)
    if (first === undefined || last === undefined)
      return missing('the data plane has said nothing yet')
    const ageMs = nowMs - last.atMs
    if (ageMs > STALE_MS)
      return missing(`the data plane has said nothing for ${Math.floor(ageMs / 1000)} s`)
    if (last.atMs - first.atMs < SPAN_MIN_MS) return missing('it is measured for the first time')
    return { state: 'known', first, last }
  }
}

/** Processor time of the instances, from counters that the supervisor samples every two seconds. */
export class CpuReadings {
  readonly #points = new Map<string, readonly { atMs: number; cpuSeconds: number }[]>()

  /** Once a turn, with every instance that runs; others are forgotten. */
  observe(
    instances: readonly { readonly id: string; readonly cpuSeconds: number }[],
    nowMs: number,
  ): void {
    const present = new Set(instances.map(({ id }) => id))
    for (const id of this.#points.keys()) if (!present.has(id)) this.#points.delete(id)
    for (const { id, cpuSeconds } of instances) {
      const points = this.#points.get(id) ?? []
      const hasBegunAnew = (points.at(-1)?.cpuSeconds ?? 0) > cpuSeconds
      const kept = hasBegunAnew ? [] : points.filter(({ atMs }) => atMs >= nowMs - WINDOW_MS)
      this.#points.set(id, [...kept, { atMs: nowMs, cpuSeconds }])
    }
  }

  /** Thousandths of a core, of those that were watched for at least two samples of the supervisor. */
  samples(): ReadonlyMap<string, Sample> {
    const samples = new Map<string, Sample>()
    for (const [id, points] of this.#points) {
      const first = points[0]
      const last = points.at(-1)
      if (first === undefined || last === undefined) continue
      const windowMs = last.atMs - first.atMs
      if (windowMs < CPU_SPAN_MIN_MS) continue
      const milli = Math.round(((last.cpuSeconds - first.cpuSeconds) * 1_000_000) / windowMs)
      samples.set(id, { milli, atMs: last.atMs, windowMs })
    }
    return samples
  }
}

const CPU_SPAN_MIN_MS = 4000

function known(value: number): Reading {
  return { state: 'known', value }
}

function missing(reason: string): { readonly state: 'missing'; readonly reason: string } {
  return { state: 'missing', reason }
}
