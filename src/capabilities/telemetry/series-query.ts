import { quantile } from '../../mechanisms/histogram/histogram.ts'
import { callerOf } from '../../contracts/callers.ts'
import { LATENCY_BOUNDS_MS } from '../../contracts/snapshot.ts'
import type { SeriesAnswer, SeriesPoint, SeriesRow } from '../../contracts/telemetry.ts'
import { addToCounts, type Counts, createCounts, errorsOf, requestsOf } from './counts.ts'
import type { Series, SeriesStore } from './series-store.ts'

/** Points of all series in one answer; with more, the busiest series are told. */
export const ANSWER_POINTS_MAX = 60_000
/** Series in one answer. */
export const ANSWER_SERIES_MAX = 500

export interface SeriesQuery {
  readonly by: 'edge' | 'route' | 'service' | 'instance'
  readonly fromMs: number
  readonly toMs: number
  readonly stepMs: number
  /** Only what concerns this service; '' for all. */
  readonly service: string
}

/** Counts by series and step; histograms are added up, and percentiles taken from the sum. */
export function querySeries(store: SeriesStore, query: SeriesQuery): SeriesAnswer {
  const { fromMs, toMs, stepMs } = query
  const requests = new Map<string, number>()
  const pointCounts = new Map<string, Set<number>>()
  store.read(query, (atMs, series, counts) => {
    const key = groupOf(series, query)
    if (key === undefined) return
    requests.set(key, (requests.get(key) ?? 0) + requestsOf(counts))
    pointCounts.set(key, (pointCounts.get(key) ?? new Set()).add(Math.floor(atMs / stepMs)))
  })
  const wanted = new Map<string, Group>()
  let points = 0
  for (const [key] of [...requests].toSorted((a, b) => b[1] - a[1])) {
    points += pointCounts.get(key)!.size
    if (wanted.size >= ANSWER_SERIES_MAX || points > ANSWER_POINTS_MAX) break
    wanted.set(key, new Map())
  }
  const names = new Map<string, SeriesRow>()
  store.read(query, (atMs, series, counts) => {
    const key = groupOf(series, query)
    const group = key === undefined ? undefined : wanted.get(key)
    if (key === undefined || group === undefined) return
    if (!names.has(key)) names.set(key, nameOf(series, query.by))
    addPoint(group, Math.floor(atMs / stepMs) * stepMs, atMs, counts)
  })
  const series = [...wanted].flatMap(([key, group]) => {
    const row = names.get(key)
    return row === undefined ? [] : [{ ...row, points: [...group].map(tellPoint) }]
  })
  return { fromMs, toMs, stepMs, left: requests.size - series.length, series }
}

interface Step {
  readonly counts: Counts
  lastMs: number
}
type Group = Map<number, Step>

/** Rows of one moment are side by side, those of another one are later. */
function addPoint(group: Group, stepAtMs: number, atMs: number, counts: Readonly<Counts>): void {
  const step = group.get(stepAtMs) ?? { counts: createCounts(), lastMs: atMs }
  group.set(stepAtMs, step)
  addToCounts(step.counts, counts, atMs > step.lastMs)
  step.lastMs = atMs
}

/** What is added up; undefined: not asked for. */
function groupOf(series: Series, { by, service }: SeriesQuery): string | undefined {
  if (service !== '' && series.service !== service) return undefined
  if (series.kind === 'instance') {
    return by === 'instance' ? `${series.service}\n${series.id}` : undefined
  }
  switch (by) {
    case 'edge':
      return `${callerOf(series)}\n${series.service}`
    case 'route':
      return `${series.caller}\n${series.route}\n${series.service}`
    case 'service':
      return series.service
    case 'instance':
      return undefined
    default:
      return by satisfies never
  }
}

function nameOf(series: Series, by: SeriesQuery['by']): SeriesRow {
  const none = { caller: '', route: '', service: series.service, id: '', points: [] }
  if (series.kind === 'instance') return { ...none, id: series.id }
  if (by === 'service') return none
  return { ...none, caller: callerOf(series), route: by === 'route' ? series.route : '' }
}

function tellPoint([atMs, { counts }]: readonly [number, Step]): SeriesPoint {
  const at = (q: number): number | null => {
    const value = quantile(LATENCY_BOUNDS_MS, counts.latencyCounts, q)
    return Number.isNaN(value) ? null : value
  }
  return {
    atMs,
    requests: requestsOf(counts),
    errors: errorsOf(counts),
    failures: counts.failures,
    requestBytes: counts.requestBytes,
    responseBytes: counts.responseBytes,
    inFlight: counts.inFlight,
    latencySumMs: counts.latencySumMs,
    latency: counts.latencyCounts.flatMap((count, bucket) => (count === 0 ? [] : [bucket, count])),
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
  }
}
