import type { ConcurrencySpec } from '../../contracts/resilience.ts'

/** What policies of resilience did for a service in one worker since the last report. */
export interface ServiceCounts {
  /** Requests that got no place in flight. */
  shed: number
  /** Further attempts that the budget did not allow. */
  retriesRefused: number
  hedges: number
  /** Second attempts that had their answer first. */
  hedgeWins: number
  fallbacks: number
  ejections: number
}

export function createServiceCounts(): ServiceCounts {
  return { shed: 0, retriesRefused: 0, hedges: 0, hedgeWins: 0, fallbacks: 0, ejections: 0 }
}

/** What a worker reports of a service: counts are differences, all else values. */
export interface WorkerLoad extends ServiceCounts {
  readonly service: string
  /** How many may be in flight; 0: as many as come. */
  readonly limit: number
  readonly inFlight: number
  /** The limit, and what is in flight, are of all workers and not of this one. */
  readonly isShared: boolean
  /** Requests that wait for a place in flight, and for a connection. */
  readonly queued: number
  readonly waiting: number
  readonly isOverloaded: boolean
  /** Why it is overloaded; '' where it is not. */
  readonly because: string
}

/** As much of a service as is reported. */
export interface LoadedService {
  readonly name: string
  readonly counts: ServiceCounts
  readonly waiting: { readonly size: number }
  readonly admission: {
    readonly spec: ConcurrencySpec | undefined
    readonly limit: number
    readonly inFlight: number
    readonly queued: number
  } | null
  readonly guard: { readonly limit: number; explain(): string } | null
  /** It was reported last time with something that may have become less. */
  wasLoaded: boolean
}

/** Rows of the services that have something to report; their counts begin again at zero. */
export function takeLoads(services: Iterable<LoadedService>): readonly WorkerLoad[] {
  const rows: WorkerLoad[] = []
  for (const service of services) {
    const row = loadOf(service)
    const isLoaded = row.limit > 0 || row.queued > 0 || row.waiting > 0
    const { counts } = service
    const hasCounts =
      counts.shed + counts.retriesRefused + counts.hedges + counts.fallbacks + counts.ejections > 0
    if (!isLoaded && !hasCounts && !service.wasLoaded) continue
    service.wasLoaded = isLoaded
    rows.push(row)
    Object.assign(counts, createServiceCounts())
  }
  return rows
}

function loadOf({ name, counts, waiting, admission, guard }: LoadedService): WorkerLoad {
  const isOverloaded = guard !== null && guard.limit !== Infinity
  const limit = admission === null || admission.limit === Infinity ? 0 : admission.limit
  return {
    service: name,
    ...counts,
    limit,
    inFlight: limit === 0 ? 0 : (admission?.inFlight ?? 0),
    isShared: guard === null,
    queued: admission?.queued ?? 0,
    waiting: waiting.size,
    isOverloaded,
    because: isOverloaded ? guard.explain() : '',
  }
}
